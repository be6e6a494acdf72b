#include "tests/sim/checkers/election_safety.h"

namespace ringfort::sim {

void ElectionSafety::OnLeads(NodeId node, ShardId shard, Term term) {
  const auto primary = primaries_.emplace(std::pair(shard, term), node).first;
  if (primary->second == node) return;
  complain_("election safety", Text(shard) + " has two primaries in " + Text(term) + ": " +
                                   Text(primary->second) + " and " + Text(node));
}

void ElectionSafety::OnVote(ReplicaId voter, ShardId shard, Term term, ReplicaId candidate) {
  const auto vote = votes_.emplace(std::tuple(voter, shard, term), candidate).first;
  if (vote->second == candidate) return;
  complain_("election safety", "replica " + std::to_string(voter.value()) + " voted twice in " +
                                   Text(term) + " of " + Text(shard) + ": for replicas " +
                                   std::to_string(vote->second.value()) + " and " +
                                   std::to_string(candidate.value()));
}

std::optional<NodeId> ElectionSafety::PrimaryOf(ShardId shard, Term term) const {
  const auto primary = primaries_.find({shard, term});
  return primary == primaries_.end() ? std::nullopt : std::optional(primary->second);
}

}  // namespace ringfort::sim

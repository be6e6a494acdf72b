#include "tests/sim/checkers/said_is_stored.h"

namespace ringfort::sim {
namespace {

constexpr std::string_view kName = "said is stored";

}  // namespace

void SaidIsStored::OnMessage(NodeId from, const proto::RaftMessage& message) {
  const bool votes = message.has_vote_reply() && message.vote_reply().granted() &&
                     !message.vote_reply().pre_vote();
  const bool acknowledges = message.has_append_reply() && message.append_reply().accepted();
  if (!votes && !acknowledges) return;
  const ShardId shard(message.shard());
  const Term term(message.term());
  const MemoryLogStore& log = log_of_(from);
  const auto stored = log.SyncedHardState(shard);
  const std::string whose = Text(from) + " of " + Text(shard) + " in " + Text(term);
  if (!stored || stored->term < term) {
    complain_(kName, whose + " speaks of a term that is not on its disk");
    return;
  }
  const bool unsure = votes ? message.vote_reply().unsure() : message.append_reply().unsure();
  if (stored->unsure && !unsure) {
    complain_(kName, whose + " is unsure and does not say so");
  }
  if (message.append_reply().accepted()) OnCommitSaid(from, message);
  // In a later term the disk may have gone on while the message waited for its turn.
  if (stored->term > term) return;
  if (votes && stored->vote != ReplicaId(message.to())) {
    complain_(kName, whose + " grants a vote that is not on its disk");
  }
  const LogIndex match(message.append_reply().match());
  if (acknowledges && !log.HasSynced(shard, match)) {
    complain_(kName, whose + " acknowledges " + Text(match) + ", which is not on its disk");
  }
}

// Of one process and replica, whatever is done to its data. (What goes to others has no order.)
void SaidIsStored::OnCommitSaid(NodeId from, const proto::RaftMessage& message) {
  const ShardId shard(message.shard());
  const LogIndex now(message.append_reply().commit());
  Said& before = commits_[{from, shard, ReplicaId(message.to())}];
  if (before.by == ReplicaId(message.from()) && now < before.commit) {
    complain_(kName, Text(from) + " of " + Text(shard) + " goes back from commit " +
                         Text(before.commit) + " to " + Text(now));
  }
  before = {ReplicaId(message.from()), now};
}

void SaidIsStored::OnHardState(NodeId node, ShardId shard, const raft::HardState& now) {
  raft::HardState& before = written_[{node, shard}];
  if (now.self != before.self) before = now;  // Another replica stands in its place.
  if (now.term < before.term) {
    complain_(kName, Text(node) + " of " + Text(shard) + " goes back from " + Text(before.term) +
                         " to " + Text(now.term));
  }
  // Who becomes sure has the primary as its vote, whatever it gave or forgot (protocols 4).
  const bool became_sure = before.unsure && !now.unsure;
  if (now.term == before.term && before.vote != ReplicaId() && now.vote != before.vote &&
      !became_sure) {
    complain_(kName, Text(node) + " of " + Text(shard) + " changes its vote in " + Text(now.term));
  }
  before = now;
}

void SaidIsStored::OnCrash(NodeId node) {
  std::erase_if(commits_, [node](const auto& one) { return std::get<0>(one.first) == node; });
  for (auto& [place, state] : written_) {
    if (place.first == node) {
      state = log_of_(node).SyncedHardState(place.second).value_or(raft::HardState());
    }
  }
}

}  // namespace ringfort::sim

// At most one primary a term (Raft paper, figure 3), and what it rests on: one vote a term.
#pragma once

#include <map>
#include <optional>
#include <tuple>
#include <utility>

#include "tests/sim/checkers/complain.h"

namespace ringfort::sim {

class ElectionSafety {
 public:
  explicit ElectionSafety(Complain complain) : complain_(std::move(complain)) {}

  /// The node acts as the shard's primary.
  void OnLeads(NodeId node, ShardId shard, Term term);
  /// The replica granted its vote, and is sure of what it remembers (protocols 4). Ids are never
  /// used twice: who comes after it on the same node is another voter.
  void OnVote(ReplicaId voter, ShardId shard, Term term, ReplicaId candidate);

  [[nodiscard]] std::optional<NodeId> PrimaryOf(ShardId shard, Term term) const;

 private:
  const Complain complain_;
  std::map<std::pair<ShardId, Term>, NodeId> primaries_;
  std::map<std::tuple<ReplicaId, ShardId, Term>, ReplicaId> votes_;
};

}  // namespace ringfort::sim

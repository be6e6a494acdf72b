// All replicas apply the same entry at the same index (Raft paper, figure 3), and only what their
// own disk holds (protocols 4); and then they all hold the same.
#pragma once

#include <cstdint>
#include <map>
#include <utility>

#include "tests/sim/checkers/complain.h"
#include "tests/sim/shard_store/memory_shard_store.h"

namespace ringfort::sim {

class StateMachineSafety {
 public:
  StateMachineSafety(Complain complain, LogOf log_of)
      : complain_(std::move(complain)), log_of_(std::move(log_of)) {}

  /// The node's replica has applied what lies between.
  void OnApplied(NodeId node, ShardId shard, storage::Applied before, storage::Applied now);
  /// Compares each of the node's replicas with any other that was at the same index.
  void OnData(NodeId node, MemoryShardStore* store);
  /// How many (shard, applied index) were seen on two nodes at least.
  [[nodiscard]] std::uint64_t compared() const { return compared_; }

 private:
  struct State {
    NodeId node;
    std::uint64_t hash = 0;
  };
  const Complain complain_;
  const LogOf log_of_;
  std::map<std::pair<ShardId, LogIndex>, Term> applied_;
  std::map<std::pair<ShardId, LogIndex>, State> states_;
  /// What OnData saw last, so that it looks at what has changed only.
  std::map<std::pair<NodeId, ShardId>, LogIndex> looked_;
  std::uint64_t compared_ = 0;
};

}  // namespace ringfort::sim

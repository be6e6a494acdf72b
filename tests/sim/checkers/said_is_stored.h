// What a replica tells others of its log and its vote is on its disk by then: a crash at that
// moment must not make a liar of it (Raft paper, figure 2; protocols 4).
#pragma once

#include <map>
#include <tuple>
#include <utility>

#include "ringfort/peer.pb.h"
#include "tests/sim/checkers/complain.h"

namespace ringfort::sim {

class SaidIsStored {
 public:
  SaidIsStored(Complain complain, LogOf log_of)
      : complain_(std::move(complain)), log_of_(std::move(log_of)) {}

  /// The node sends the message.
  void OnMessage(NodeId from, const proto::RaftMessage& message);
  /// The node has written the update: terms only grow, and a vote stands for its term.
  void OnHardState(NodeId node, ShardId shard, const raft::HardState& now);
  /// The replica is a member no more: what it said counts for nothing.
  void OnDestroyed(NodeId node, ShardId shard) { written_.erase({node, shard}); }
  void OnCrash(NodeId node);

 private:
  struct Said {
    ReplicaId by;
    LogIndex commit;
  };
  /// Commit only grows.
  void OnCommitSaid(NodeId from, const proto::RaftMessage& message);

  const Complain complain_;
  const LogOf log_of_;
  std::map<std::pair<NodeId, ShardId>, raft::HardState> written_;
  /// Of the processes that run, by whom it was said to.
  std::map<std::tuple<NodeId, ShardId, ReplicaId>, Said> commits_;
};

}  // namespace ringfort::sim

// Looks into the nodes while they run, at their doors: what they send, store and apply. What no
// client can see, but must hold all the same, is the business of the checkers.
#pragma once

#include <cstdint>
#include <string_view>

#include "storage/log_store.h"
#include "storage/shard_store.h"
#include "tests/sim/checkers/commit_rule.h"
#include "tests/sim/checkers/complain.h"
#include "tests/sim/checkers/election_safety.h"
#include "tests/sim/checkers/leader_completeness.h"
#include "tests/sim/checkers/log_matching.h"
#include "tests/sim/checkers/said_is_stored.h"
#include "tests/sim/checkers/state_machine_safety.h"
#include "tests/sim/cluster/moves.h"

namespace ringfort::sim {

class Watch {
 public:
  Watch(const Complain& complain, const LogOf& log_of);

  /// A node sends a message, before it can be lost.
  void OnMessage(NodeId from, std::string_view message);
  /// A node's log has written, or synced, the update.
  void OnLog(NodeId node, const storage::LogUpdate& update, bool synced);
  void OnApplied(NodeId node, ShardId shard, storage::Applied before, storage::Applied now);
  /// Looks at all that the node holds.
  void OnData(NodeId node, MemoryShardStore* store) { states_.OnData(node, store); }
  /// The node's process has ended; its log is as the next one will find it, perhaps with what was
  /// written and not yet synced.
  void OnCrash(NodeId node, const MemoryLogStore& log);
  void OnWiped(NodeId node);

  [[nodiscard]] std::uint64_t states_compared() const { return states_.compared(); }
  [[nodiscard]] const Moves& moves() const { return moves_; }

 private:
  ElectionSafety elections_;
  SaidIsStored said_;
  LogMatching logs_;
  CommitRule commits_;
  LeaderCompleteness leaders_;
  StateMachineSafety states_;
  Moves moves_;
};

}  // namespace ringfort::sim

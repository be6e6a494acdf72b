#include "tools/ctl/move_findings.h"

#include <algorithm>
#include <map>
#include <string>
#include <utility>

#include "tools/cli/numbers.h"
#include "tools/ctl/cluster_text.h"

namespace ringfort::ctl {
namespace {

/// How a move that is stuck is helped on or given up: that depends on why it was planned.
std::string WayOut(const ClusterStateView& state, const MoveView& move) {
  if (move.cause == MoveCause::kBalance) return "ringfortctl rebalance --cancel gives it up";
  const NodeIds leaving = Without(move.from, move.to);
  if (move.cause == MoveCause::kRepair) {
    return (leaving.empty() ? "" : "start " + NodeNames(leaving) + " again, or ") +
           "free space where it goes";
  }
  std::string text;
  for (const std::uint32_t node : leaving) {
    const NodeSummaryView* known = FindNode(state, node);
    if (known == nullptr || known->node.state != NodeState::kDraining) continue;
    text += (text.empty() ? "" : ", ") + ("ringfortctl node undrain " + std::to_string(node));
  }
  return text.empty() ? "ringfortctl events shows who ordered it" : text + " gives it up";
}

}  // namespace

std::vector<Finding> MoveFindings(const ClusterStateView& state) {
  std::vector<Finding> findings;
  std::map<std::pair<std::string, std::string>, std::vector<std::string>> stuck;
  std::uint64_t left_bytes = 0;
  std::size_t waiting = 0;
  for (const MoveView& move : state.moves) {
    if (!move.stuck.empty()) {
      stuck[{move.stuck, WayOut(state, move)}].push_back(ShardName(move.shard, state.shard_count));
    }
    if (!move.begun) ++waiting;
    left_bytes += move.total_bytes - std::min(move.total_bytes, move.sent_bytes);
  }
  for (const auto& [reason_and_way_out, shards] : stuck) {
    const auto& [reason, way_out] = reason_and_way_out;
    findings.push_back({Severity::kWarning, "the move of " + ShardNames(shards) + " is stuck",
                        reason, "ringfortctl shard SHARD shows it; " + way_out});
  }
  const std::string resume = "ringfortctl rebalance --resume";
  if (state.paused && waiting > 0) {
    findings.push_back({Severity::kWarning,
                        "moves are paused and " + cli::CountText(waiting) + " wait",
                        "somebody has paused them: ringfortctl events", resume});
  } else if (state.paused) {
    findings.push_back({Severity::kNote, "moves are paused",
                        "none waits, but a repair could not begin either", resume});
  }
  if (!state.moves.empty() && stuck.empty() && !state.paused) {
    findings.push_back({Severity::kNote, Plural(state.moves.size(), "shard") + " on the move",
                        cli::BytesText(left_bytes) + " are left to copy",
                        "ringfortctl top shows them"});
  }
  return findings;
}

}  // namespace ringfort::ctl

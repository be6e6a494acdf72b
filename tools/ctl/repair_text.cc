#include "tools/ctl/repair_text.h"

#include <algorithm>

#include "tools/cli/numbers.h"
#include "tools/ctl/cluster_text.h"

namespace ringfort::ctl {
namespace {

/// Whether what it held is on its way to others: balance alone takes nothing from a dead node.
bool IsBeingRebuilt(const ClusterStateView& state, std::uint32_t node) {
  return std::any_of(state.moves.begin(), state.moves.end(), [node](const MoveView& move) {
    return move.cause != MoveCause::kBalance && Contains(move.from, node) &&
           !Contains(move.to, node);
  });
}

/// Whether another node lacks one of its shards, and could take it.
bool CanBeTaken(const ClusterStateView& state, std::uint32_t node) {
  return std::any_of(state.shards.begin(), state.shards.end(), [&](const ShardSummaryView& shard) {
    return Contains(shard.replicas, node) &&
           std::any_of(state.nodes.begin(), state.nodes.end(), [&](const NodeSummaryView& other) {
             return other.node.state == NodeState::kActive && other.alive &&
                    !Contains(shard.replicas, other.node.id);
           });
  });
}

}  // namespace

std::string RepairText(const ClusterStateView& state, const NodeSummaryView& node) {
  const std::string replicas = "its " + Plural(node.replicas_planned, "replica");
  const std::string are = node.replicas_planned == 1 ? " is" : " are";
  if (IsBeingRebuilt(state, node.node.id)) {
    return "its replicas are being rebuilt on others";
  }
  if (node.replicas_planned == 0) return "";
  if (!CanBeTaken(state, node.node.id)) {
    return "no other node can take " + replicas + " (ringfortctl node add)";
  }
  if (node.repair_in.count() > 0) {
    return replicas + are + " rebuilt on others in " + cli::DurationText(node.repair_in) +
           " unless it comes back";
  }
  return replicas + are + " to be rebuilt on others, which has not begun";
}

}  // namespace ringfort::ctl

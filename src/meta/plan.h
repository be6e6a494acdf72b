// What should be where: the placement that follows on a change of the nodes, as moves in the map.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "meta/headway.h"
#include "meta/state.h"
#include "ring/cluster_map.h"

namespace ringfort::meta {

/// Whether replicas may be placed on the node.
[[nodiscard]] inline bool TakesReplicas(const ring::NodeInfo& node) {
  return node.state == ring::NodeState::kActive && !node.lost;
}

/// Plans (ring/replan.h) from where the copies are, or from what is planned already, and notes the
/// moves that lead there: the plan of the two that copies less, the one that stands where both copy
/// as much. So a move that has not begun is taken back for nothing once its reason is over; one
/// that has begun goes on, or goes back when its reason is over or its new nodes take no replicas
/// any more. Copies on lost nodes are given up only where another node takes their place: without
/// one they would only be fewer. The meta group's voters follow ring/meta_voters.h. Nothing changes
/// while no node takes replicas. Pure.
void Replan(State* state, const Headways& headways);

/// Every place of `from` becomes `to`'s, where that has no replica of the shard yet.
void Substitute(State* state, NodeId from, NodeId to, const Headways& headways);

/// Prefers other primaries, a few, where the load that nodes lead is uneven
/// (ring/primary_load.h). `load` is by shard. Moves no data. What has changed, for people; empty:
/// nothing.
std::string EvenOutPrimaries(State* state, std::span<const std::uint64_t> load);

/// The version of the map, if it is another than `before`'s.
void CountVersion(const State& before, State* state);

}  // namespace ringfort::meta

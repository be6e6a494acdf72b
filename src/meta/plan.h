// What should be where: the placement that follows on a change of the nodes, as moves in the map.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "meta/state.h"
#include "ring/cluster_map.h"

namespace ringfort::meta {

/// Whether replicas may be placed on the node.
[[nodiscard]] inline bool TakesReplicas(const ring::NodeInfo& node) {
  return node.state == ring::NodeState::kActive && !node.lost;
}

/// Plans from where everything is or is on its way to (ring/replan.h) and notes the moves that lead
/// there; what is planned already and still right stays as it is. Copies on lost nodes are given up
/// only where another node takes their place: without one they would only be fewer. The meta
/// group's voters follow ring/meta_voters.h. Nothing changes while no node takes replicas. Pure.
void Replan(State* state);

/// Every place of `from` in the map becomes `to`'s, where that has no replica of the shard yet.
void Substitute(State* state, NodeId from, NodeId to);

/// Prefers other primaries, a few, where the load that nodes lead is uneven
/// (ring/primary_load.h). `load` is by shard. Moves no data. What has changed, for people; empty:
/// nothing.
std::string EvenOutPrimaries(State* state, std::span<const std::uint64_t> load);

/// The version of the map, if it is another than `before`'s.
void CountVersion(const State& before, State* state);

}  // namespace ringfort::meta

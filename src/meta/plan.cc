#include "meta/plan.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "meta/node_sets.h"
#include "ring/meta_voters.h"
#include "ring/primary_load.h"
#include "ring/replan.h"

namespace ringfort::meta {
namespace {

// The strongest reason among the nodes that the shard leaves.
ring::MoveCause CauseOf(const ring::ClusterMap& map, const Nodes& from, const Nodes& to) {
  ring::MoveCause cause = ring::MoveCause::kBalance;
  for (const NodeId id : from) {
    if (Contains(to, id)) continue;
    const ring::NodeInfo* node = map.FindNode(id);
    if (node == nullptr || node->lost) return ring::MoveCause::kRepair;
    if (node->state != ring::NodeState::kActive) cause = ring::MoveCause::kDrain;
  }
  return cause;
}

void SetTarget(ring::ClusterMap* map, ShardId shard, Nodes to) {
  Nodes& place = shard == map->meta_shard() ? map->meta : map->placement[shard.value()];
  if (IsSameSet(place, to)) {
    place = std::move(to);  // Another primary is preferred, perhaps: that moves no data.
    map->moves.erase(shard);
    return;
  }
  const auto [move, added] = map->moves.try_emplace(shard);
  if (!added && IsSameSet(move->second.to, to)) {
    move->second.to = std::move(to);
    return;
  }
  move->second.cause = CauseOf(*map, place, to);
  move->second.to = std::move(to);
}

void KeepLost(const ring::ClusterMap& map, const Nodes& from, std::size_t wanted, Nodes* to) {
  for (const NodeId id : from) {
    if (to->size() >= wanted) return;
    const ring::NodeInfo* node = map.FindNode(id);
    const bool stays = node != nullptr && node->lost && node->state == ring::NodeState::kActive;
    if (stays && !Contains(*to, id)) to->push_back(id);
  }
}

}  // namespace

void Replan(State* state) {
  ring::ClusterMap& map = state->map;
  std::vector<ring::NodeInfo> nodes;
  for (const ring::NodeInfo& node : map.nodes) {
    if (TakesReplicas(node)) nodes.push_back(node);
  }
  if (nodes.empty()) return;
  std::vector<Nodes> current;
  for (std::uint32_t shard = 0; shard < map.shards(); ++shard) {
    current.push_back(map.TargetOf(ShardId(shard)));
  }
  std::vector<Nodes> planned = ring::Replan(nodes, current, map.replicas);
  for (std::uint32_t shard = 0; shard < map.shards(); ++shard) {
    KeepLost(map, current[shard], map.replicas, &planned[shard]);
    SetTarget(&map, ShardId(shard), std::move(planned[shard]));
  }
  const Nodes voters = map.TargetOf(map.meta_shard());
  Nodes next = ring::ChooseVoters(nodes, voters, ring::kMetaVotersMax);
  // Rather an even number of voters than one copy of the map.
  const std::size_t least = std::min<std::size_t>(voters.size(), ring::kReplicasDefault);
  for (const NodeId id : voters) {
    const ring::NodeInfo* node = map.FindNode(id);
    const bool stays = node != nullptr && TakesReplicas(*node) && !Contains(next, id);
    if (stays && next.size() < least) next.push_back(id);
  }
  KeepLost(map, voters, least, &next);
  SetTarget(&map, map.meta_shard(), std::move(next));
}

void Substitute(State* state, NodeId from, NodeId to) {
  ring::ClusterMap& map = state->map;
  for (std::uint32_t i = 0; i <= map.shards(); ++i) {
    const ShardId shard(i);
    Nodes nodes = map.TargetOf(shard);
    const auto place = std::ranges::find(nodes, from);
    if (place == nodes.end() || Contains(nodes, to)) continue;
    *place = to;
    SetTarget(&map, shard, std::move(nodes));
    if (const auto move = map.moves.find(shard); move != map.moves.end()) {
      move->second.cause = ring::MoveCause::kReplace;
    }
  }
}

std::string EvenOutPrimaries(State* state, std::span<const std::uint64_t> load) {
  constexpr std::size_t kShiftsMax = 4;
  ring::ClusterMap& map = state->map;
  std::vector<ring::NodeInfo> nodes;
  for (const ring::NodeInfo& node : map.nodes) {
    if (TakesReplicas(node)) nodes.push_back(node);
  }
  // It plans within the replicas of these nodes only.
  for (const Nodes& place : map.placement) {
    for (const NodeId id : place) {
      const ring::NodeInfo* node = map.FindNode(id);
      if (node == nullptr || !TakesReplicas(*node)) return "";
    }
  }
  std::string changed;
  const auto prefer = [&](ShardId shard, NodeId node) {
    Nodes& place = map.placement[shard.value()];
    const auto first = std::ranges::find(place, node);
    std::rotate(place.begin(), first, first + 1);
    changed += (changed.empty() ? "by load: shard " : ", shard ") + std::to_string(shard.value()) +
               " is led by node " + std::to_string(node.value());
  };
  for (const ring::PrimaryShift& shift :
       ring::EvenOutLoad(nodes, map.placement, load, kShiftsMax)) {
    prefer(shift.shard, shift.to);
    if (shift.back) prefer(*shift.back, shift.from);
  }
  return changed;
}

void CountVersion(const State& before, State* state) {
  if (state->map != before.map) state->map.version = before.map.version + 1;
}

}  // namespace ringfort::meta

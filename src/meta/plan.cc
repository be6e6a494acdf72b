#include "meta/plan.h"

#include <algorithm>
#include <iterator>
#include <utility>
#include <vector>

#include "meta/node_sets.h"
#include "ring/meta_voters.h"
#include "ring/primary_load.h"
#include "ring/replan.h"

namespace ringfort::meta {
namespace {

// The strongest reason among the nodes that the shard leaves; that it has had too few copies is as
// strong as that one of them is lost.
ring::MoveCause CauseOf(const ring::ClusterMap& map, ShardId shard, const Nodes& from,
                        const Nodes& to) {
  const std::size_t wanted = shard == map.meta_shard() ? ring::kReplicasDefault : map.replicas;
  if (from.size() < std::min(wanted, to.size())) return ring::MoveCause::kRepair;
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
  move->second.cause = CauseOf(*map, shard, place, to);
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

std::vector<ring::NodeInfo> Takers(const ring::ClusterMap& map) {
  std::vector<ring::NodeInfo> takers;
  std::ranges::copy_if(map.nodes, std::back_inserter(takers), TakesReplicas);
  return takers;
}

// Whether all of these take replicas.
bool AllTake(const ring::ClusterMap& map, const Nodes& nodes) {
  return std::ranges::all_of(nodes, [&](NodeId id) {
    const ring::NodeInfo* node = map.FindNode(id);
    return node != nullptr && TakesReplicas(*node);
  });
}

// Where a plan may start from at no loss: where the shard's copies are, or go to already.
const Nodes& StandsOn(const ring::ClusterMap& map, ShardId shard, const Headways& headways) {
  const Nodes& place = map.PlaceOf(shard);
  const auto found = map.moves.find(shard);
  if (found == map.moves.end()) return place;
  const ring::Move& move = found->second;
  const Headway headway = headways(shard);
  if (headway == Headway::kVoters) return move.to;
  if (headway == Headway::kNone) {
    // Whom an operator has named as the replacement is not to be found by a plan.
    const bool replaces =
        move.cause == ring::MoveCause::kReplace && !AllTake(map, Without(place, move.to));
    return replaces ? move.to : place;
  }
  const bool is_over = move.cause != ring::MoveCause::kBalance || !AllTake(map, move.to);
  return is_over && place.size() >= move.to.size() && AllTake(map, place) ? place : move.to;
}

Nodes PlanVoters(const ring::ClusterMap& map, const std::vector<ring::NodeInfo>& takers,
                 const Nodes& voters) {
  Nodes next = ring::ChooseVoters(takers, voters, ring::kMetaVotersMax);
  // Rather an even number of voters than one copy of the map.
  const std::size_t least = std::min<std::size_t>(voters.size(), ring::kReplicasDefault);
  for (const NodeId id : voters) {
    const bool stays = AllTake(map, {id}) && !Contains(next, id);
    if (stays && next.size() < least) next.push_back(id);
  }
  KeepLost(map, voters, least, &next);
  return next;
}

// By shard, the meta group last; so is `start`.
std::vector<Nodes> PlanFrom(const ring::ClusterMap& map, const std::vector<ring::NodeInfo>& takers,
                            std::vector<Nodes> start) {
  Nodes voters = PlanVoters(map, takers, start.back());
  start.pop_back();
  std::vector<Nodes> planned = ring::Replan(takers, start, map.replicas);
  for (std::size_t shard = 0; shard < start.size(); ++shard) {
    KeepLost(map, start[shard], map.replicas, &planned[shard]);
  }
  planned.push_back(std::move(voters));
  return planned;
}

std::size_t CountCopies(const std::vector<Nodes>& from, const std::vector<Nodes>& to) {
  std::size_t copies = 0;
  for (std::size_t i = 0; i < from.size(); ++i) copies += Without(to[i], from[i]).size();
  return copies;
}

}  // namespace

void Replan(State* state, const Headways& headways) {
  ring::ClusterMap& map = state->map;
  const std::vector<ring::NodeInfo> takers = Takers(map);
  if (takers.empty()) return;
  std::vector<Nodes> standing;
  std::vector<Nodes> targets;
  for (ShardId shard; shard <= map.meta_shard(); ++shard) {
    standing.push_back(StandsOn(map, shard, headways));
    targets.push_back(map.TargetOf(shard));
  }
  std::vector<Nodes> planned = PlanFrom(map, takers, targets);
  if (standing != targets) {
    std::vector<Nodes> anew = PlanFrom(map, takers, standing);
    if (CountCopies(standing, anew) < CountCopies(standing, planned)) planned = std::move(anew);
  }
  for (ShardId shard; shard <= map.meta_shard(); ++shard) {
    SetTarget(&map, shard, std::move(planned[shard.value()]));
  }
}

void Substitute(State* state, NodeId from, NodeId to, const Headways& headways) {
  ring::ClusterMap& map = state->map;
  for (ShardId shard; shard <= map.meta_shard(); ++shard) {
    const bool begun = headways(shard) != Headway::kNone;
    Nodes nodes = begun ? map.TargetOf(shard) : map.PlaceOf(shard);
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
  // It plans within the replicas of these nodes only.
  for (const Nodes& place : map.placement) {
    if (!AllTake(map, place)) return "";
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
       ring::EvenOutLoad(Takers(map), map.placement, load, kShiftsMax)) {
    prefer(shift.shard, shift.to);
    if (shift.back) prefer(*shift.back, shift.from);
  }
  return changed;
}

void CountVersion(const State& before, State* state) {
  if (state->map != before.map) state->map.version = before.map.version + 1;
}

}  // namespace ringfort::meta

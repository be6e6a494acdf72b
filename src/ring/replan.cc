#include "ring/replan.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "base/check.h"
#include "ring/primary_keep.h"
#include "ring/primary_room.h"
#include "ring/replica_shift.h"
#include "ring/shares.h"

namespace ringfort::ring {
namespace {

using Node = std::uint32_t;
using Shard = std::uint32_t;

// By shard, the replicas that are on one of `sorted`, as positions there.
std::vector<std::vector<Node>> Standing(const std::vector<NodeInfo>& sorted,
                                        const std::vector<std::vector<NodeId>>& current) {
  std::vector<std::vector<Node>> standing(current.size());
  for (Shard shard = 0; shard < current.size(); ++shard) {
    for (const NodeId id : current[shard]) {
      const auto node = std::ranges::lower_bound(sorted, id, {}, &NodeInfo::id);
      if (node == sorted.end() || node->id != id) continue;
      standing[shard].push_back(static_cast<Node>(node - sorted.begin()));
    }
  }
  return standing;
}

// `placed` with primaries spread. `leads` as for KeepPrimaries.
std::vector<std::vector<Node>> WithPrimaries(const std::vector<NodeInfo>& sorted,
                                             std::vector<bool> leads,
                                             std::vector<std::vector<Node>> placed) {
  std::vector<std::uint32_t> weights;
  for (const NodeInfo& node : sorted) weights.push_back(node.weight);
  const std::vector<std::uint32_t> zone_of = NumberZones(sorted);
  for (;;) {
    std::vector<std::vector<Node>> spread = placed;
    KeepPrimaries(weights, leads, &spread);
    const std::optional<ReplicaExchange> exchange = MakeRoomForPrimary(weights, zone_of, spread);
    if (!exchange.has_value()) return spread;
    const auto replace = [&](Shard shard, Node from, Node to) {
      if (placed[shard].front() == from) leads[shard] = false;
      std::erase(placed[shard], from);
      placed[shard].push_back(to);
    };
    replace(exchange->given, exchange->giver, exchange->taker);
    replace(exchange->returned, exchange->taker, exchange->giver);
  }
}

}  // namespace

std::vector<std::vector<NodeId>> Replan(std::span<const NodeInfo> nodes,
                                        const std::vector<std::vector<NodeId>>& current,
                                        std::uint32_t replicas) {
  RF_CHECK(!nodes.empty() && replicas >= 1 && replicas <= kReplicasMax)
      << replicas << " replicas on " << nodes.size() << " nodes";
  std::vector<NodeInfo> sorted(nodes.begin(), nodes.end());
  std::ranges::sort(sorted, {}, &NodeInfo::id);
  const auto places = static_cast<std::uint32_t>(std::min<std::size_t>(replicas, sorted.size()));
  std::vector<std::vector<Node>> placed =
      ReplicaShift(sorted, Standing(sorted, current), places).Run();

  // Where the one that is preferred now is gone, any choice is as good as another.
  std::vector<bool> leads(placed.size());
  for (Shard shard = 0; shard < placed.size(); ++shard) {
    leads[shard] =
        !current[shard].empty() && current[shard].front() == sorted[placed[shard].front()].id;
  }
  placed = WithPrimaries(sorted, std::move(leads), std::move(placed));

  std::vector<std::vector<NodeId>> plan(placed.size());
  for (Shard shard = 0; shard < placed.size(); ++shard) {
    for (const Node node : placed[shard]) plan[shard].push_back(sorted[node].id);
  }
  return plan;
}

}  // namespace ringfort::ring

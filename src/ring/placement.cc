#include "ring/placement.h"

#include <algorithm>

#include "base/check.h"
#include "ring/hash_ring.h"
#include "ring/meta_voters.h"
#include "ring/primary_spread.h"
#include "ring/shares.h"

namespace ringfort::ring {
namespace {

using Node = std::uint32_t;  // Position in the nodes sorted by id.
using Shard = std::uint32_t;

// Gives one shard after the other its replicas, so that at the end every node has exactly its
// share.
//
// A shard may take whatever leaves the later shards a way to be filled. That is easy to tell: what
// the nodes still need can be placed on the S shards to come if and only if no node needs more than
// S and each zone needs between S times its least and S times its most. (Let every such shard hold
// need/S of each node: that meets all bounds, only not in whole numbers. The bounds are those of a
// flow network, node -> zone of a shard -> shard, and one with whole bounds that has a flow has a
// flow in whole numbers.) ComputeShares gives needs of this kind for all shards, each shard keeps
// them so, and what one shard may take under them are the bases of a matroid: the first fit in any
// order never ends short.
class Placer {
 public:
  Placer(std::span<const NodeInfo> sorted_nodes, std::uint32_t shards, std::uint32_t replicas)
      : nodes_(sorted_nodes),
        shards_(shards),
        replicas_(replicas),
        ring_(sorted_nodes),
        shares_(ComputeShares(sorted_nodes, shards, replicas)),
        needs_(shares_.replicas),
        zone_needs_(shares_.zones.size()) {
    for (Node node = 0; node < nodes_.size(); ++node) {
      zone_needs_[shares_.zone_of[node]] += needs_[node];
    }
  }

  std::vector<std::vector<Node>> Run() {
    std::vector<std::vector<Node>> placed;
    for (Shard shard = 0; shard < shards_; ++shard) placed.push_back(Take(shard));
    return placed;
  }

 private:
  // What a shard may and must take of a zone.
  struct Quota {
    std::uint64_t least;
    std::uint64_t most;
    std::uint64_t taken;
  };

  std::vector<Node> Take(Shard shard) {
    const std::uint64_t shards_after = shards_ - shard - 1;
    std::vector<Quota> quotas = QuotasFor(shards_after);
    // A node that needs as many replicas as there are shards left is in each of them.
    std::uint64_t free = replicas_;  // Places that no zone's least and no such node asks for.
    for (Node node = 0; node < nodes_.size(); ++node) {
      if (needs_[node] > shards_after) ++quotas[shares_.zone_of[node]].taken;
    }
    for (const Quota& quota : quotas) free -= std::max(quota.taken, quota.least);

    std::vector<Node> taken;
    ring_.Walk(ArcStart(ShardId(shard), shards_), [&](NodeId id) {
      const Node node = NumberOf(id);
      if (needs_[node] > shards_after || Fits(node, &quotas, &free)) {
        taken.push_back(node);
        --needs_[node];
        --zone_needs_[shares_.zone_of[node]];
      }
      return taken.size() < replicas_;
    });
    RF_CHECK(taken.size() == replicas_) << "shard " << shard << " got " << taken.size();
    return taken;
  }

  // The zones' bounds for a shard that has `shards_after` others after it: tighter than for any
  // shard where those could not make up for it.
  [[nodiscard]] std::vector<Quota> QuotasFor(std::uint64_t shards_after) const {
    std::vector<Quota> quotas;
    for (std::size_t zone = 0; zone < zone_needs_.size(); ++zone) {
      const auto [least, most] = shares_.zones[zone];
      const std::uint64_t needs = zone_needs_[zone];
      const std::uint64_t later_most = std::min(needs, shards_after * most);
      quotas.push_back({.least = std::max<std::uint64_t>(least, needs - later_most),
                        .most = std::min<std::uint64_t>(most, needs - shards_after * least),
                        .taken = 0});
    }
    return quotas;
  }

  // Counts `node` in where the shard may take it.
  [[nodiscard]] bool Fits(Node node, std::vector<Quota>* quotas, std::uint64_t* free) const {
    Quota& quota = (*quotas)[shares_.zone_of[node]];
    if (needs_[node] == 0 || quota.taken == quota.most) return false;
    if (quota.taken >= quota.least) {
      if (*free == 0) return false;
      --*free;
    }
    ++quota.taken;
    return true;
  }

  [[nodiscard]] Node NumberOf(NodeId id) const {
    return static_cast<Node>(std::ranges::lower_bound(nodes_, id, {}, &NodeInfo::id) -
                             nodes_.begin());
  }

  std::span<const NodeInfo> nodes_;  ///< By ascending id.
  std::uint32_t shards_;
  std::uint32_t replicas_;
  HashRing ring_;
  Shares shares_;
  std::vector<std::uint32_t> needs_;       ///< By node: how many replicas it still gets.
  std::vector<std::uint64_t> zone_needs_;  ///< By zone: the sum of its nodes' needs.
};

std::vector<NodeInfo> SortedById(std::span<const NodeInfo> nodes) {
  std::vector<NodeInfo> sorted(nodes.begin(), nodes.end());
  std::ranges::sort(sorted, {}, &NodeInfo::id);
  return sorted;
}

}  // namespace

std::vector<std::vector<NodeId>> FirstPlacement(std::span<const NodeInfo> nodes,
                                                std::uint32_t shards, std::uint32_t replicas) {
  const std::vector<NodeInfo> sorted = SortedById(nodes);
  std::vector<std::vector<Node>> placed = Placer(sorted, shards, replicas).Run();
  std::vector<std::uint32_t> weights;
  for (const NodeInfo& node : sorted) weights.push_back(node.weight);
  SpreadPrimaries(weights, &placed);

  std::vector<std::vector<NodeId>> placement(placed.size());
  for (Shard shard = 0; shard < placed.size(); ++shard) {
    for (const Node node : placed[shard]) placement[shard].push_back(sorted[node].id);
  }
  return placement;
}

ClusterMap FirstMap(const ClusterConfig& config, ClusterId cluster_id) {
  ClusterMap map;
  map.version = kFirstMapVersion;
  map.cluster_name = config.cluster_name;
  map.cluster_id = cluster_id;
  map.nodes = SortedById(config.nodes);
  map.replicas = config.replicas;
  map.placement = FirstPlacement(config.nodes, config.shards, config.replicas);
  map.meta = ChooseVoters(map.nodes, {}, kMetaVotersMax);
  return map;
}

}  // namespace ringfort::ring

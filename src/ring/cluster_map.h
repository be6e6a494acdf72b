// The cluster map: who the nodes are and which of them should hold each shard. A value that the
// meta group owns and everyone else caches.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "ring/cluster_config.h"
#include "ringfort/status.h"

namespace ringfort::ring {

/// The version of the map that a new cluster starts with. 0 is no map.
inline constexpr MapVersion kFirstMapVersion{1};

struct ClusterMap {
  /// Grows with every change, never decreases.
  MapVersion version;
  std::string cluster_name;
  ClusterId cluster_id;
  /// By ascending id.
  std::vector<NodeInfo> nodes;
  /// By shard; their number is a power of two and never changes. Each lists distinct nodes, the
  /// preferred primary first.
  std::vector<std::vector<NodeId>> placement;

  [[nodiscard]] std::uint32_t shards() const {
    return static_cast<std::uint32_t>(placement.size());
  }
  [[nodiscard]] ShardId ShardOf(std::string_view shard_key) const;
  /// The nodes that should hold `shard`, preferred primary first. `shard` is below shards().
  [[nodiscard]] const std::vector<NodeId>& ReplicasOf(ShardId shard) const;
  [[nodiscard]] NodeId PreferredPrimary(ShardId shard) const { return ReplicasOf(shard).front(); }
  /// The node of that id, null where there is none; good as long as the map is.
  [[nodiscard]] const NodeInfo* FindNode(NodeId id) const;
  /// The shards that `node` should hold, ascending.
  [[nodiscard]] std::vector<ShardId> ShardsOn(NodeId node) const;

  bool operator==(const ClusterMap&) const = default;
};

/// Whether a map that came from a disk or a peer is what the comments above say. The lookups rely
/// on it. Corruption, with the first thing that is wrong, where it is not.
Status CheckMap(const ClusterMap& map);

}  // namespace ringfort::ring

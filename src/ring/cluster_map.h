// The cluster map: who the nodes are and which of them should hold each shard. A value that the
// meta group owns and everyone else caches.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "ring/cluster_config.h"
#include "ringfort/status.h"

namespace ringfort::ring {

/// The version of the map that a new cluster starts with. 0 is no map.
inline constexpr MapVersion kFirstMapVersion{1};

/// Why a shard moves.
enum class MoveCause : std::uint8_t {
  kBalance,  ///< The shares have changed.
  kDrain,    ///< A node is being emptied.
  kRepair,   ///< A node is dead.
  kReplace,  ///< A node takes another's place.
};

/// The change of one shard's replica set to what the placement shall say.
struct Move {
  /// Distinct nodes, the preferred primary first.
  std::vector<NodeId> to;
  MoveCause cause = MoveCause::kBalance;

  bool operator==(const Move&) const = default;
};

struct ClusterMap {
  /// Grows with every change, never decreases.
  MapVersion version;
  std::string cluster_name;
  ClusterId cluster_id;
  /// By ascending id.
  std::vector<NodeInfo> nodes;
  /// Copies of each shard that the cluster wants.
  std::uint32_t replicas = kReplicasDefault;
  /// By shard; their number is a power of two and never changes. Each lists distinct nodes, the
  /// preferred primary first. Of a shard that moves: where it was before.
  std::vector<std::vector<NodeId>> placement;
  /// The voters of the meta group, which holds this map; the preferred primary first.
  std::vector<NodeId> meta = {};
  std::map<ShardId, Move> moves = {};
  /// The formats that all nodes have agreed on (src/features), and the release that brought them.
  FeatureLevel feature_level = {};
  std::string feature_release = {};
  /// How often an operator has begun the shard anew from one copy (raft/recovery.h), of those where
  /// that is not never. Never decreases; replicas of lower epochs are void.
  std::map<ShardId, std::uint64_t> epochs = {};

  [[nodiscard]] std::uint32_t shards() const {
    return static_cast<std::uint32_t>(placement.size());
  }
  /// The meta group's own shard: the one after the last. No key lives there.
  [[nodiscard]] ShardId meta_shard() const { return ShardId(shards()); }
  /// Where the shard, or the meta group, is; and where it is or moves to.
  [[nodiscard]] const std::vector<NodeId>& PlaceOf(ShardId shard) const {
    return shard == meta_shard() ? meta : ReplicasOf(shard);
  }
  [[nodiscard]] const std::vector<NodeId>& TargetOf(ShardId shard) const;
  [[nodiscard]] std::uint64_t EpochOf(ShardId shard) const {
    const auto epoch = epochs.find(shard);
    return epoch == epochs.end() ? 0 : epoch->second;
  }
  [[nodiscard]] ShardId ShardOf(std::string_view shard_key) const;
  /// The nodes that should hold `shard`, preferred primary first. `shard` is below shards().
  [[nodiscard]] const std::vector<NodeId>& ReplicasOf(ShardId shard) const;
  [[nodiscard]] NodeId PreferredPrimary(ShardId shard) const { return ReplicasOf(shard).front(); }
  /// The node of that id, null where there is none; good as long as the map is.
  [[nodiscard]] const NodeInfo* FindNode(NodeId id) const;

  bool operator==(const ClusterMap&) const = default;
};

/// Whether a map that came from a disk or a peer is what the comments above say. The lookups rely
/// on it. Corruption, with the first thing that is wrong, where it is not.
Status CheckMap(const ClusterMap& map);

}  // namespace ringfort::ring

// What an operator says about a cluster before it exists: its name, its nodes, how many shards and
// replicas. Read from a file by the server; from then on only a value.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/ids.h"

namespace ringfort::ring {

inline constexpr std::uint32_t kShardsMax = 65536;
inline constexpr std::uint32_t kShardsDefault = 64;
inline constexpr std::uint32_t kReplicasMax = 7;
inline constexpr std::uint32_t kReplicasDefault = 3;
inline constexpr std::uint32_t kMetaVotersMax = 5;
inline constexpr std::uint32_t kWeightMax = 1000;

/// Where a node is on its way into the cluster and out of it.
enum class NodeState : std::uint8_t {
  kJoining,   ///< Made known to the others; holds nothing yet.
  kActive,    ///< Holds replicas.
  kDraining,  ///< Is being emptied.
  kGone,      ///< Holds nothing, and is no member any more. Its id may join again.
};

/// One node, as the operator describes it and as the cluster has taken it in.
struct NodeInfo {
  /// Never 0.
  NodeId id;
  /// HOST:PORT, for clients and peers alike.
  std::string address;
  /// What fails together. Replicas of a shard are spread over zones.
  std::string zone;
  /// 1 to kWeightMax. A node of weight 2 holds twice what a node of weight 1 holds.
  std::uint32_t weight = 1;
  NodeState state = NodeState::kActive;
  /// The directory that was admitted last; empty in a config, which knows none.
  Incarnation incarnation = {};
  /// Was dead for so long that others take its replicas over.
  bool lost = false;
  /// Draining: once it is empty it is gone.
  bool removing = false;

  bool operator==(const NodeInfo&) const = default;
};

/// A cluster to be made. Whoever fills it checks it: shards is a power of two up to kShardsMax,
/// replicas is 1 to min(kReplicasMax, nodes), node ids and addresses occur once.
struct ClusterConfig {
  std::string cluster_name;
  std::uint32_t shards = kShardsDefault;
  std::uint32_t replicas = kReplicasDefault;
  std::vector<NodeInfo> nodes;

  bool operator==(const ClusterConfig&) const = default;
};

}  // namespace ringfort::ring

// The first placement of a new cluster: which nodes hold each shard, and which of them is preferred
// as primary. A pure function: every node computes the same plan from the same config.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/ids.h"
#include "ring/cluster_config.h"
#include "ring/cluster_map.h"

namespace ringfort::ring {

/// By shard, its `replicas` nodes, preferred primary first. `shards` is a power of two, `replicas`
/// is 1 to the number of nodes, node ids are distinct and weights at least 1. The order of `nodes`
/// does not matter.
///
/// A shard takes the first nodes of its walk along the ring that are below their share and add a
/// zone (or spread over the zones as evenly as there are nodes, where zones are fewer than
/// replicas), and passes over a node where taking it would leave a later shard without a way to do
/// the same. So at the end each node holds exactly its share as shares.h gives it, and no zone
/// holds more of a shard than it must. Primaries: see primary_spread.h.
std::vector<std::vector<NodeId>> FirstPlacement(std::span<const NodeInfo> nodes,
                                                std::uint32_t shards, std::uint32_t replicas);

/// The map that a cluster of this config starts with.
ClusterMap FirstMap(const ClusterConfig& config, ClusterId cluster_id);

}  // namespace ringfort::ring

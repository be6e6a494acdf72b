// The cluster map as it travels, and as its parts lie in the meta group's shard.
#pragma once

#include "ring/cluster_map.h"
#include "ringfort/client.pb.h"
#include "ringfort/meta.pb.h"
#include "ringfort/status.h"

namespace ringfort::wire {

/// Fills all of `out` but the primary hints, which are no part of the map.
void EncodeMap(const ring::ClusterMap& map, proto::ClusterMap* out);

/// The map, checked by ring::CheckMap: whoever holds a ClusterMap may rely on what that promises.
Result<ring::ClusterMap> DecodeMap(const proto::ClusterMap& in);

// The parts. A map that is put together from them is still to be checked.

void EncodeNode(const ring::NodeInfo& node, proto::MapNode* out);
Result<ring::NodeInfo> DecodeNode(const proto::MapNode& in);

/// Where the shard, or the meta group, is, where it moves to, and its epoch.
void EncodePlace(const ring::ClusterMap& map, ShardId shard, proto::MapShard* out);
/// Returns where it is; its move and its epoch are added to `map`.
std::vector<NodeId> DecodePlace(const proto::MapShard& in, ShardId shard, ring::ClusterMap* map);

}  // namespace ringfort::wire

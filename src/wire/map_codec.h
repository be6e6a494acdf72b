// The cluster map as it travels.
#pragma once

#include "ring/cluster_map.h"
#include "ringfort/client.pb.h"
#include "ringfort/status.h"

namespace ringfort::wire {

/// Fills all of `out` but the primary hints, which are no part of the map.
void EncodeMap(const ring::ClusterMap& map, proto::ClusterMap* out);

/// The map, checked by ring::CheckMap: whoever holds a ClusterMap may rely on what that promises.
Result<ring::ClusterMap> DecodeMap(const proto::ClusterMap& in);

}  // namespace ringfort::wire

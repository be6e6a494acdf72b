// What a client's request must be before it reaches a shard: the limits, once more on this side.
#pragma once

#include <cstdint>

#include "ringfort/client.pb.h"
#include "ringfort/status.h"

namespace ringfort::node {

/// Ok when the request is one for a shard and within all limits, its keys belong to the shard that
/// it names, and its map has `shards` shards. Else kTooLarge, kInvalidArgument or kUnsupported.
/// Pure.
Status CheckShardRequest(const proto::Request& request, std::uint32_t shards);

}  // namespace ringfort::node

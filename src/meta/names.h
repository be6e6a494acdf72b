// What nodes and shards are called where people read it.
#pragma once

#include <string>

#include "base/ids.h"
#include "ring/cluster_map.h"

namespace ringfort::meta {

/// "node 3"
inline std::string Name(NodeId node) {
  return "node " + std::to_string(node.value());
}

/// "shard 3", "the meta group"
inline std::string ShardName(const ring::ClusterMap& map, ShardId shard) {
  return shard == map.meta_shard() ? "the meta group" : "shard " + std::to_string(shard.value());
}

/// What ringfortctl takes for it: "3", "meta".
inline std::string ShardWord(const ring::ClusterMap& map, ShardId shard) {
  return shard == map.meta_shard() ? "meta" : std::to_string(shard.value());
}

}  // namespace ringfort::meta

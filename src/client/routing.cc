#include "client/routing.h"

#include <algorithm>
#include <string>
#include <utility>

#include "wire/map_codec.h"

namespace ringfort::client {

Status Routing::Adopt(const proto::ClusterMap& sent) {
  Result<ring::ClusterMap> map = wire::DecodeMap(sent);
  if (!map.ok()) return map.status();
  if (has_map()) {
    const bool other_id = !map_.cluster_id.empty() && map->cluster_id != map_.cluster_id;
    if (other_id || map->shards() != map_.shards()) {
      return {Code::kWrongCluster, "it belongs to cluster \"" + map->cluster_name + "\" (" +
                                       map->cluster_id.ToString() + "), this client to \"" +
                                       map_.cluster_name + "\" (" + map_.cluster_id.ToString() +
                                       "); give seeds of one cluster"};
    }
    if (map->version < map_.version) return {};
  }
  if (map->version > map_.version || map_.cluster_id.empty()) Replace(std::move(map).value());
  for (std::size_t i = 0; i < shards_.size(); ++i) {
    const NodeId hint(sent.shards(static_cast<int>(i)).primary_hint());
    if (shards_[i].primary == nullptr) shards_[i].primary = Find(hint);
  }
  return {};
}

void Routing::Replace(ring::ClusterMap map) {
  map_ = std::move(map);
  map_nodes_.clear();
  for (const ring::NodeInfo& info : map_.nodes) {
    Node* node = nodes_.At(info.address);
    nodes_.SetId(node, info.id);
    map_nodes_.push_back(node);
  }
  shards_.resize(map_.shards());
  for (std::size_t i = 0; i < shards_.size(); ++i) {
    Shard& shard = shards_[i];
    shard.replicas.clear();
    for (NodeId id : map_.placement[i]) shard.replicas.push_back(Find(id));
    // Where it moves to there is a primary before the move is done.
    for (NodeId id : map_.TargetOf(ShardId(static_cast<std::uint32_t>(i)))) {
      Node* node = Find(id);
      if (std::find(shard.replicas.begin(), shard.replicas.end(), node) == shard.replicas.end()) {
        shard.replicas.push_back(node);
      }
    }
    const bool known =
        std::find(map_nodes_.begin(), map_nodes_.end(), shard.primary) != map_nodes_.end();
    if (!known) shard.primary = nullptr;
  }
}

Node* Routing::Find(NodeId id) const {
  const ring::NodeInfo* info = map_.FindNode(id);
  return info == nullptr ? nullptr : map_nodes_[static_cast<std::size_t>(info - map_.nodes.data())];
}

}  // namespace ringfort::client

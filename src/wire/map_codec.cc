// Field by field; what makes a map a good one is ring's to say.
#include "wire/map_codec.h"

#include "wire/id_codec.h"

namespace ringfort::wire {

void EncodeMap(const ring::ClusterMap& map, proto::ClusterMap* out) {
  out->Clear();
  out->set_version(map.version.value());
  out->set_cluster_name(map.cluster_name);
  out->set_cluster_id(EncodeId(map.cluster_id));
  for (const ring::NodeInfo& node : map.nodes) {
    proto::MapNode* to = out->add_nodes();
    to->set_id(node.id.value());
    to->set_address(node.address);
    to->set_zone(node.zone);
    to->set_weight(node.weight);
  }
  for (const std::vector<NodeId>& replicas : map.placement) {
    proto::MapShard* to = out->add_shards();
    for (NodeId node : replicas) to->add_replicas(node.value());
  }
}

Result<ring::ClusterMap> DecodeMap(const proto::ClusterMap& in) {
  ring::ClusterMap map;
  map.version = MapVersion(in.version());
  map.cluster_name = in.cluster_name();
  Result<ClusterId> cluster_id = DecodeId<ClusterId>(in.cluster_id(), "the map's cluster id");
  if (!cluster_id.ok()) return cluster_id.status();
  map.cluster_id = *cluster_id;
  map.nodes.reserve(static_cast<std::size_t>(in.nodes_size()));
  for (const proto::MapNode& from : in.nodes()) {
    map.nodes.push_back({NodeId(from.id()), from.address(), from.zone(), from.weight()});
  }
  map.placement.reserve(static_cast<std::size_t>(in.shards_size()));
  for (const proto::MapShard& from : in.shards()) {
    std::vector<NodeId>& replicas = map.placement.emplace_back();
    replicas.reserve(static_cast<std::size_t>(from.replicas_size()));
    for (std::uint32_t node : from.replicas()) replicas.emplace_back(node);
  }
  if (Status status = ring::CheckMap(map); !status.ok()) return status;
  return map;
}

}  // namespace ringfort::wire

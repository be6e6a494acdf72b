// Field by field; what makes a map a good one is ring's to say.
#include "wire/map_codec.h"

#include "wire/id_codec.h"

namespace ringfort::wire {
namespace {

std::vector<NodeId> DecodeNodeIds(const google::protobuf::RepeatedField<std::uint32_t>& nodes) {
  std::vector<NodeId> ids;
  ids.reserve(static_cast<std::size_t>(nodes.size()));
  for (const std::uint32_t node : nodes) ids.emplace_back(node);
  return ids;
}

}  // namespace

void EncodeNode(const ring::NodeInfo& node, proto::MapNode* out) {
  out->set_id(node.id.value());
  out->set_address(node.address);
  out->set_zone(node.zone);
  out->set_weight(node.weight);
  out->set_state(static_cast<proto::NodeState>(node.state));
  out->set_incarnation(EncodeId(node.incarnation));
  out->set_lost(node.lost);
  out->set_removing(node.removing);
}

Result<ring::NodeInfo> DecodeNode(const proto::MapNode& in) {
  Result<Incarnation> incarnation =
      DecodeId<Incarnation>(in.incarnation(), "a node's incarnation in the map");
  if (!incarnation.ok()) return incarnation.status();
  return ring::NodeInfo{.id = NodeId(in.id()),
                        .address = in.address(),
                        .zone = in.zone(),
                        .weight = in.weight(),
                        .state = static_cast<ring::NodeState>(in.state()),
                        .incarnation = *incarnation,
                        .lost = in.lost(),
                        .removing = in.removing()};
}

void EncodePlace(const ring::ClusterMap& map, ShardId shard, proto::MapShard* out) {
  for (const NodeId node : map.PlaceOf(shard)) out->add_replicas(node.value());
  out->set_epoch(map.EpochOf(shard));
  const auto move = map.moves.find(shard);
  if (move == map.moves.end()) return;
  for (const NodeId node : move->second.to) out->add_moving_to(node.value());
  out->set_move_cause(static_cast<proto::MoveCause>(move->second.cause));
}

std::vector<NodeId> DecodePlace(const proto::MapShard& in, ShardId shard, ring::ClusterMap* map) {
  if (in.moving_to_size() > 0) {
    map->moves.emplace(shard, ring::Move{DecodeNodeIds(in.moving_to()),
                                         static_cast<ring::MoveCause>(in.move_cause())});
  }
  if (in.epoch() > 0) map->epochs.emplace(shard, in.epoch());
  return DecodeNodeIds(in.replicas());
}

void EncodeMap(const ring::ClusterMap& map, proto::ClusterMap* out) {
  out->Clear();
  out->set_version(map.version.value());
  out->set_cluster_name(map.cluster_name);
  out->set_cluster_id(EncodeId(map.cluster_id));
  out->set_replicas(map.replicas);
  for (const ring::NodeInfo& node : map.nodes) EncodeNode(node, out->add_nodes());
  for (std::uint32_t shard = 0; shard < map.shards(); ++shard) {
    EncodePlace(map, ShardId(shard), out->add_shards());
  }
  EncodePlace(map, map.meta_shard(), out->mutable_meta());
  out->set_feature_level(map.feature_level.value());
  out->set_feature_release(map.feature_release);
}

Result<ring::ClusterMap> DecodeMap(const proto::ClusterMap& in) {
  ring::ClusterMap map;
  map.version = MapVersion(in.version());
  map.cluster_name = in.cluster_name();
  Result<ClusterId> cluster_id = DecodeId<ClusterId>(in.cluster_id(), "the map's cluster id");
  if (!cluster_id.ok()) return cluster_id.status();
  map.cluster_id = *cluster_id;
  map.replicas = in.replicas();
  map.feature_level = FeatureLevel(in.feature_level());
  map.feature_release = in.feature_release();
  map.nodes.reserve(static_cast<std::size_t>(in.nodes_size()));
  for (const proto::MapNode& from : in.nodes()) {
    Result<ring::NodeInfo> node = DecodeNode(from);
    if (!node.ok()) return node.status();
    map.nodes.push_back(*std::move(node));
  }
  map.placement.reserve(static_cast<std::size_t>(in.shards_size()));
  for (const proto::MapShard& from : in.shards()) {
    const ShardId shard(static_cast<std::uint32_t>(map.placement.size()));
    map.placement.push_back(DecodePlace(from, shard, &map));
  }
  map.meta = DecodePlace(in.meta(), map.meta_shard(), &map);
  if (Status status = ring::CheckMap(map); !status.ok()) return status;
  return map;
}

}  // namespace ringfort::wire

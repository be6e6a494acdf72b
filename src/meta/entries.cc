#include "meta/entries.h"

#include <algorithm>
#include <utility>

#include "base/bytes.h"
#include "features/features.h"
#include "wire/id_codec.h"
#include "wire/map_codec.h"

namespace ringfort::meta {
namespace {

constexpr char kNode = 'n';
constexpr char kShard = 's';
constexpr char kEvent = 'e';

std::string KeyOf(char kind, std::uint32_t id) {
  std::string key(1, kind);
  AppendBig(&key, id);
  return key;
}

std::string EventKey(std::uint64_t number) {
  std::string key(1, kEvent);
  AppendBig(&key, number);
  return key;
}

std::string ClusterValue(const State& state) {
  const ring::ClusterMap& map = state.map;
  proto::MetaCluster cluster;
  cluster.set_version(map.version.value());
  cluster.set_cluster_name(map.cluster_name);
  cluster.set_cluster_id(wire::EncodeId(map.cluster_id));
  cluster.set_shards(map.shards());
  cluster.set_replicas(map.replicas);
  cluster.set_paused(state.paused);
  cluster.set_next_event(state.next_event);
  cluster.set_feature_level(map.feature_level.value());
  cluster.set_feature_release(map.feature_release);
  return cluster.SerializeAsString();
}

std::string NodeValue(const ring::NodeInfo& node) {
  proto::MapNode value;
  wire::EncodeNode(node, &value);
  return value.SerializeAsString();
}

bool SamePlace(const ring::ClusterMap& a, const ring::ClusterMap& b, ShardId shard) {
  if (a.PlaceOf(shard) != b.PlaceOf(shard) || a.EpochOf(shard) != b.EpochOf(shard)) return false;
  const auto move_a = a.moves.find(shard);
  const auto move_b = b.moves.find(shard);
  if (move_a == a.moves.end() || move_b == b.moves.end()) {
    return move_a == a.moves.end() && move_b == b.moves.end();
  }
  return move_a->second == move_b->second;
}

Status Broken(const std::string& what) {
  return {Code::kCorruption,
          "the meta group's shard holds " + what + " (update the older of the cluster's nodes)"};
}

Status UnknownKind() {
  return features::UnknownFormat("an entry of the meta group's shard");
}

}  // namespace

std::vector<EntryChange> Difference(const State* before, const State& after) {
  std::vector<EntryChange> changes;
  changes.push_back({std::string(kClusterKey), ClusterValue(after)});
  for (const ring::NodeInfo& node : after.map.nodes) {
    const ring::NodeInfo* old = before == nullptr ? nullptr : before->map.FindNode(node.id);
    if (old == nullptr || *old != node) {
      changes.push_back({KeyOf(kNode, node.id.value()), NodeValue(node)});
    }
  }
  for (std::uint32_t i = 0; i <= after.map.shards(); ++i) {
    const ShardId shard(i);
    if (before != nullptr && SamePlace(before->map, after.map, shard)) continue;
    proto::MapShard place;
    wire::EncodePlace(after.map, shard, &place);
    changes.push_back({KeyOf(kShard, i), place.SerializeAsString()});
  }
  return changes;
}

std::vector<EntryChange> EventEntries(const proto::MetaEvent& event) {
  std::vector<EntryChange> changes;
  changes.push_back({EventKey(event.number()), event.SerializeAsString()});
  if (event.number() > kEventsMax) {
    changes.push_back({EventKey(event.number() - kEventsMax), std::nullopt});
  }
  return changes;
}

std::pair<std::string, std::string> EventRange(std::uint64_t number) {
  return {EventKey(number + 1), std::string(1, kEvent + 1)};
}

Status StateReader::Add(std::string_view sort_key, std::string_view value) {
  const int size = static_cast<int>(value.size());
  if (sort_key == kClusterKey) {
    proto::MetaCluster cluster;
    if (!cluster.ParseFromArray(value.data(), size))
      return Broken("a cluster's entry that is none");
    Result<ClusterId> id = wire::DecodeId<ClusterId>(cluster.cluster_id(), "the cluster's id");
    if (!id.ok()) return id.status();
    seen_cluster_ = true;
    state_.map.version = MapVersion(cluster.version());
    state_.map.cluster_name = cluster.cluster_name();
    state_.map.cluster_id = *id;
    state_.map.replicas = cluster.replicas();
    state_.paused = cluster.paused();
    state_.next_event = cluster.next_event();
    state_.map.feature_level = FeatureLevel(cluster.feature_level());
    state_.map.feature_release = cluster.feature_release();
    shards_ = cluster.shards();
    return Status::Ok();
  }
  const char kind = sort_key.empty() ? '\0' : sort_key.front();
  if (kind == kEvent) return Status::Ok();
  if (sort_key.size() != 5) return UnknownKind();
  if (kind == kNode) {
    proto::MapNode encoded;
    if (!encoded.ParseFromArray(value.data(), size)) return Broken("a node's entry that is none");
    Result<ring::NodeInfo> node = wire::DecodeNode(encoded);
    if (!node.ok()) return node.status();
    state_.map.nodes.push_back(*std::move(node));
    return Status::Ok();
  }
  if (kind != kShard) return UnknownKind();
  const ShardId shard(LoadBig<std::uint32_t>(sort_key.data() + 1));
  if (!places_.emplace_back(shard, proto::MapShard()).second.ParseFromArray(value.data(), size)) {
    return Broken("a shard's entry that is none");
  }
  return Status::Ok();
}

Result<std::optional<State>> StateReader::Finish() {
  if (!seen_cluster_ && state_.map.nodes.empty() && places_.empty()) return std::optional<State>();
  if (!seen_cluster_ || places_.size() != std::size_t{shards_} + 1) {
    return Broken("a part of a map");
  }
  std::ranges::sort(state_.map.nodes, {}, &ring::NodeInfo::id);
  std::ranges::sort(places_, {}, [](const auto& place) { return place.first; });
  for (std::uint32_t i = 0; i <= shards_; ++i) {
    const auto& [shard, place] = places_[i];
    if (shard != ShardId(i)) return Broken("a shard twice");
    std::vector<NodeId> nodes = wire::DecodePlace(place, shard, &state_.map);
    if (i < shards_) {
      state_.map.placement.push_back(std::move(nodes));
    } else {
      state_.map.meta = std::move(nodes);
    }
  }
  if (Status status = ring::CheckMap(state_.map); !status.ok()) return status;
  return std::optional(std::move(state_));
}

}  // namespace ringfort::meta

#include "ring/cluster_map.h"

#include <algorithm>
#include <bit>

#include "base/check.h"
#include "ring/hash_ring.h"

namespace ringfort::ring {
namespace {

Status Broken(std::string what) {
  return {Code::kCorruption,
          "cluster map: " + std::move(what) + " (fetch the map again from another node)"};
}

std::string Name(NodeId node) {
  return "node " + std::to_string(node.value());
}

Status CheckNodes(const std::vector<NodeInfo>& nodes) {
  if (nodes.empty()) return Broken("no nodes");
  NodeId last;
  for (const NodeInfo& node : nodes) {
    if (node.id <= last) return Broken(Name(node.id) + " is 0 or out of order");
    if (node.weight < 1 || node.weight > kWeightMax) return Broken("weight of " + Name(node.id));
    if (node.address.empty()) return Broken(Name(node.id) + " has no address");
    if (node.state > NodeState::kGone) return Broken("state of " + Name(node.id));
    last = node.id;
  }
  return Status::Ok();
}

Status CheckReplicas(const ClusterMap& map, const std::string& shard_name,
                     const std::vector<NodeId>& replicas) {
  if (replicas.empty() || replicas.size() > kReplicasMax) {
    return Broken(shard_name + " has " + std::to_string(replicas.size()) + " replicas");
  }
  for (std::size_t i = 0; i < replicas.size(); ++i) {
    const NodeInfo* node = map.FindNode(replicas[i]);
    if (node == nullptr || node->state == NodeState::kGone) {
      return Broken(shard_name + " is placed on " + Name(replicas[i]) +
                    (node == nullptr ? ", which is unknown" : ", which is gone"));
    }
    const auto earlier = replicas.begin() + static_cast<std::ptrdiff_t>(i);
    if (std::find(replicas.begin(), earlier, replicas[i]) != earlier) {
      return Broken(shard_name + " is placed on " + Name(replicas[i]) + " twice");
    }
  }
  return Status::Ok();
}

}  // namespace

ShardId ClusterMap::ShardOf(std::string_view shard_key) const {
  return ring::ShardOf(shard_key, shards());
}

const std::vector<NodeId>& ClusterMap::ReplicasOf(ShardId shard) const {
  RF_CHECK(shard.value() < placement.size()) << "shard " << shard << " of " << placement.size();
  return placement[shard.value()];
}

const std::vector<NodeId>& ClusterMap::TargetOf(ShardId shard) const {
  const auto move = moves.find(shard);
  return move == moves.end() ? PlaceOf(shard) : move->second.to;
}

const NodeInfo* ClusterMap::FindNode(NodeId id) const {
  const auto found = std::ranges::lower_bound(nodes, id, {}, &NodeInfo::id);
  return found == nodes.end() || found->id != id ? nullptr : &*found;
}

Status CheckMap(const ClusterMap& map) {
  if (map.version < kFirstMapVersion) return Broken("version 0");
  if (!std::has_single_bit(map.placement.size()) || map.placement.size() > kShardsMax) {
    return Broken(std::to_string(map.placement.size()) +
                  " shards, which is no power of two up to " + std::to_string(kShardsMax));
  }
  if (map.replicas < 1 || map.replicas > kReplicasMax) {
    return Broken(std::to_string(map.replicas) + " copies of each shard");
  }
  if (Status status = CheckNodes(map.nodes); !status.ok()) return status;
  for (std::uint32_t shard = 0; shard < map.shards(); ++shard) {
    const std::string name = "shard " + std::to_string(shard);
    if (Status status = CheckReplicas(map, name, map.placement[shard]); !status.ok()) return status;
  }
  if (Status status = CheckReplicas(map, "the meta group", map.meta); !status.ok()) return status;
  for (const auto& [shard, move] : map.moves) {
    const std::string name = "the move of shard " + std::to_string(shard.value());
    if (shard > map.meta_shard()) return Broken(name + ", which does not exist");
    if (move.cause > MoveCause::kReplace) return Broken(name + ": its cause");
    if (Status status = CheckReplicas(map, name, move.to); !status.ok()) return status;
  }
  return Status::Ok();
}

}  // namespace ringfort::ring

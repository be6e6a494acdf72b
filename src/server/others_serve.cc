#include "server/others_serve.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <set>
#include <string>
#include <thread>

#include "net/clocks.h"
#include "node/creation.h"
#include "ring/cluster_map.h"
#include "server/question.h"
#include "wire/map_codec.h"
#include "wire/status_codec.h"

namespace ringfort::server {
namespace {

constexpr Duration kPause = std::chrono::milliseconds(500);
constexpr std::uint32_t kRequestMs = 2000;

std::set<ShardId> ShardsOn(const ring::ClusterMap& map, NodeId node) {
  std::set<ShardId> shards;
  for (ShardId shard(0); shard <= map.meta_shard(); ++shard) {
    const auto holds = [&](const std::vector<NodeId>& nodes) {
      return std::ranges::find(nodes, node) != nodes.end();
    };
    if (holds(map.PlaceOf(shard)) || holds(map.TargetOf(shard))) shards.insert(shard);
  }
  return shards;
}

/// Takes out of `shards` those that the node at `address` serves.
Status TakeServed(const std::string& address, ClusterId cluster_id, ShardId meta,
                  std::set<ShardId>* shards) {
  const Result<net::Address> parsed = net::ParseAddress(address);
  if (!parsed.ok()) return parsed.status();
  Question question(*parsed, cluster_id);
  proto::Request request;
  request.set_timeout_ms(kRequestMs);
  request.mutable_get_node_status();
  const Result<proto::Response> response = question.Ask(request);
  if (!response.ok()) return response.status();
  if (response->has_error()) return wire::DecodeStatus(response->error());
  const proto::NodeStatus& status = response->node_status();
  for (const proto::ReplicaStatus& replica : status.replicas()) {
    if (replica.serving()) shards->erase(ShardId(replica.shard()));
  }
  if (status.meta_replica().serving()) shards->erase(meta);
  return status.waiting_for().empty() ? Status::Ok()
                                      : Status(Code::kUnavailable, status.waiting_for());
}

std::string Unserved(const std::set<ShardId>& shards, ShardId meta) {
  constexpr std::size_t kNamedMax = 5;
  std::string names;
  std::size_t named = 0;
  for (const ShardId shard : shards) {
    if (named++ == kNamedMax) break;
    names += (names.empty() ? "" : ", ") +
             (shard == meta ? std::string("meta") : std::to_string(shard.value()));
  }
  if (shards.size() > kNamedMax) {
    names += " and " + std::to_string(shards.size() - kNamedMax) + " more";
  }
  return "of this node's shards nobody else serves " + names;
}

}  // namespace

Status AwaitOthersServe(const proto::Identity& identity, Duration timeout) {
  const Result<ring::ClusterMap> map =
      identity.has_map() ? wire::DecodeMap(identity.map()) : node::MapOf(identity.record());
  if (!map.ok()) return map.status();
  const NodeId self(identity.node());
  const MonotonicTime until = net::MonotonicNow() + timeout;
  while (true) {
    std::set<ShardId> unserved = ShardsOn(*map, self);
    std::string silent;
    for (const ring::NodeInfo& node : map->nodes) {
      if (node.id == self || node.state == ring::NodeState::kGone || unserved.empty()) continue;
      const Status asked = TakeServed(node.address, map->cluster_id, map->meta_shard(), &unserved);
      if (asked.ok()) continue;
      silent += "; node " + std::to_string(node.id.value()) + ": " + asked.message();
    }
    if (unserved.empty()) return Status::Ok();
    if (net::MonotonicNow() + kPause > until) {
      return {Code::kUnavailable, Unserved(unserved, map->meta_shard()) + silent};
    }
    std::this_thread::sleep_for(kPause);
  }
}

}  // namespace ringfort::server

// A cluster of three nodes and four shards that is well, for tests to spoil.
#pragma once

#include <vector>

#include "ringfort/admin.h"
#include "tools/survey/survey.h"

namespace ringfort::survey {

/// Shards 0 and 2 prefer node 1, shards 1 and 3 node 2; every node has every shard.
inline ClusterView SampleMap() {
  ClusterView map;
  map.version = 5;
  map.cluster_name = "sample";
  map.cluster_id = "0123456789abcdef0123456789abcdef";
  map.nodes = {{1, "10.0.0.1:71", "a", 1}, {2, "10.0.0.2:71", "b", 1}, {3, "10.0.0.3:71", "c", 1}};
  for (std::uint32_t shard = 0; shard < 4; ++shard) {
    map.shards.push_back(
        {shard % 2 == 0 ? std::vector<std::uint32_t>{1, 2, 3} : std::vector<std::uint32_t>{2, 1, 3},
         shard % 2 == 0 ? 1U : 2U});
  }
  return map;
}

inline NodeStatusView SampleStatus(std::uint32_t node) {
  NodeStatusView status;
  status.node = node;
  status.log_bytes = 1'500'000;
  status.uptime = std::chrono::milliseconds(61'000);
  for (std::uint32_t shard = 0; shard < 4; ++shard) {
    ReplicaView replica;
    replica.shard = shard;
    replica.primary = shard % 2 == 0 ? 1 : 2;
    replica.role = replica.primary == node ? ReplicaRole::kPrimary : ReplicaRole::kFollower;
    replica.serving = replica.primary == node;
    replica.term = 2;
    replica.commit = replica.applied = replica.last = 100;
    status.replicas.push_back(replica);
  }
  return status;
}

/// The same cluster as the meta group's primary, node 1, sees it.
inline ClusterStateView SampleState() {
  ClusterStateView state;
  state.map_version = 5;
  state.cluster_name = "sample";
  state.cluster_id = "0123456789abcdef0123456789abcdef";
  state.shard_count = 4;
  state.replicas = 3;
  state.meta_primary = 1;
  state.meta_voters = {1, 2, 3};
  for (const NodeView& node : SampleMap().nodes) {
    NodeSummaryView& summary = state.nodes.emplace_back();
    summary.node = node;
    summary.alive = summary.ready = true;
    // Four shards and the meta group.
    summary.replicas = summary.replicas_planned = 5;
    summary.primaries = summary.primaries_planned = node.id == 1 ? 3 : node.id == 2 ? 2 : 0;
    summary.data_bytes = 1'200'000'000;
    summary.disk_free_bytes = 50'000'000'000;
    summary.load = std::chrono::milliseconds(10 * node.id);
    summary.map_version = 5;
    summary.release = "0.2.0";
    summary.knows_level = 1;
  }
  for (std::uint32_t shard = 0; shard <= 4; ++shard) {
    ShardSummaryView& summary = state.shards.emplace_back();
    summary.shard = shard;
    summary.primary = shard % 2 == 0 ? 1 : 2;
    summary.replicas = summary.voters = summary.healthy_voters = {1, 2, 3};
    summary.data_bytes = 300'000'000;
    summary.load = std::chrono::milliseconds(shard);
  }
  return state;
}

/// Shard 1 leaves node 3 for node 4, half sent; shard 2 waits for the same.
inline std::vector<MoveView> SampleMoves() {
  std::vector<MoveView> moves(2);
  moves[0].shard = 1;
  moves[1].shard = 2;
  for (MoveView& move : moves) {
    move.from = {1, 2, 3};
    move.to = {1, 2, 4};
    move.cause = MoveCause::kDrain;
  }
  moves[0].begun = true;
  moves[0].stage = "copies to node 4";
  moves[0].sent_bytes = 20'000'000;
  moves[0].total_bytes = 40'000'000;
  return moves;
}

inline std::vector<NodeReport> SampleReports() {
  std::vector<NodeReport> reports;
  for (const NodeView& node : SampleMap().nodes)
    reports.push_back({node, SampleStatus(node.id), ""});
  return reports;
}

}  // namespace ringfort::survey

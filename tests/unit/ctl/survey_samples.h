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

inline std::vector<NodeReport> SampleReports() {
  std::vector<NodeReport> reports;
  for (const NodeView& node : SampleMap().nodes)
    reports.push_back({node, SampleStatus(node.id), ""});
  return reports;
}

}  // namespace ringfort::survey

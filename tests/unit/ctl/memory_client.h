// A cluster in a std::map, for tests of tools: memory_client.cc defines ringfort::Client on it.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "ringfort/admin.h"
#include "ringfort/client.h"

namespace ringfort::testing {

struct MemoryCluster {
  std::mutex mutex;
  // Guarded by mutex.
  std::map<Key, Found> entries;
  Version last_version = 0;
  /// What every call but Connect fails with, while it is not ok.
  Status failure;
  ClusterView map;
  /// A node of the map without a status is down.
  std::map<std::uint32_t, NodeStatusView> nodes;
  /// What the meta group answers, one after the other; the last one again and again.
  std::deque<ClusterStateView> states;
  /// What a change of the cluster is answered, unless `refusal` is not ok.
  PlanView plan;
  Status refusal;
  std::vector<EventView> events;
  /// What was asked, in this order.
  std::vector<NodeChange> changes;
  std::vector<RebalanceAction> rebalances;
  /// Whether each was a dry run; and what is answered.
  std::vector<bool> finalized;
  FeatureView features;
  std::vector<std::pair<std::uint32_t, std::uint32_t>> transfers;
  /// What a verify makes of a node's replica of a shard, at that index; none: it does not come.
  std::function<std::optional<SumView>(std::uint32_t node, std::uint32_t shard)> sum_of;
  std::uint64_t verify_index = 200;
  /// What a recovery of a shard is answered, by the node that is asked; the others are down.
  std::map<std::uint32_t, ShardRecoveryView> recoveries;
  /// Those that were no dry run: shard, node, whether the loss was accepted.
  std::vector<std::tuple<std::uint32_t, std::uint32_t, bool>> recovered;
  /// Shard and node.
  std::vector<std::pair<std::uint32_t, std::uint32_t>> discarded;
  /// The most puts that were without an answer at one time, and puts of one key at the same time.
  std::size_t in_flight_most = 0;
  bool key_was_twice_in_flight = false;
};

/// The cluster that Client::Connect finds: that of the newest of these that lives.
class ScopedCluster {
 public:
  ScopedCluster();
  ~ScopedCluster();
  ScopedCluster(const ScopedCluster&) = delete;
  ScopedCluster& operator=(const ScopedCluster&) = delete;

  MemoryCluster* operator->() { return &cluster_; }

 private:
  MemoryCluster cluster_;
};

}  // namespace ringfort::testing

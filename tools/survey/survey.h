// One look at the whole cluster: the map, what each node says of itself, and what follows from
// both.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "ringfort/admin.h"
#include "ringfort/client.h"

namespace ringfort::survey {

struct NodeReport {
  NodeView node;
  /// None while it is down.
  std::optional<NodeStatusView> status;
  /// Why it is down: one line.
  std::string down_reason;
};

struct ShardReplica {
  std::uint32_t node = 0;
  /// None: the node is down or does not have the replica.
  std::optional<ReplicaView> view = std::nullopt;
  /// Entries that are committed and not applied here, by the highest commit that any replica
  /// reports.
  std::uint64_t lag = 0;
  bool caught_up = false;
};

struct ShardReport {
  std::uint32_t id = 0;
  /// Who serves it; 0 while nobody does.
  std::uint32_t primary = 0;
  std::uint64_t term = 0;
  /// The highest that any replica reports.
  std::uint64_t commit = 0;
  /// In the order of the placement.
  std::vector<ShardReplica> replicas = {};
};

struct Survey {
  ClusterView map;
  std::vector<NodeReport> nodes;
  std::vector<ShardReport> shards;

  [[nodiscard]] std::size_t with_primary() const;
  [[nodiscard]] std::uint64_t worst_lag() const;
  /// Every shard has a serving primary.
  [[nodiscard]] bool has_primaries() const { return with_primary() == shards.size(); }
  /// Also, every node serves and every replica has caught up.
  [[nodiscard]] bool caught_up() const;
  /// How many of the shards a node is the primary of.
  [[nodiscard]] std::size_t primaries_of(std::uint32_t node) const;
};

/// Puts the reports together. A replica has caught up when it has applied what was committed at an
/// `earlier` survey; under a steady stream of writes the commit of this one is always a step ahead.
/// Without `earlier`, when it has applied all of this one's commit.
Survey SumUp(ClusterView map, std::vector<NodeReport> nodes, const Survey* earlier = nullptr);

/// Asks these nodes of the map, all at the same time. One that does not answer within `timeout` is
/// down. `hot_keys`: asks for those too.
std::vector<NodeReport> Ask(Client& client, const std::vector<NodeView>& nodes,
                            std::chrono::milliseconds timeout, bool hot_keys = false);

/// Asks for the map, and then every node at the same time. Fails only when there is no map; a node
/// that does not answer within `timeout` is down. `hot_keys`: as Ask.
Result<Survey> Take(Client& client, std::chrono::milliseconds timeout,
                    const Survey* earlier = nullptr, bool hot_keys = false);

/// "3, 4, 5, 6, 7 and 12 more"
std::string SomeOf(const std::vector<std::string>& items);

/// Why the survey is not yet what a wait waits for, in one line; empty when it is.
std::string MissingPrimaries(const Survey& survey);
std::string MissingReplicas(const Survey& survey);

/// Takes surveys until one misses nothing, or `limit` has passed: then kDeadlineExceeded, with what
/// is missing. Calls `progress` after each.
Result<Survey> Wait(Client& client, std::chrono::milliseconds limit,
                    std::string (*missing)(const Survey&),
                    const std::function<void(const Survey&)>& progress = {});

}  // namespace ringfort::survey

// How many replicas and primaries each node should have, by weight, within what zones allow. Whole
// numbers only, so that every machine gets the same.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "ring/cluster_config.h"

namespace ringfort::ring {

/// How many replicas of one shard a zone holds: `least`, or `most`, which is `least` or one more.
struct ZoneBounds {
  std::uint32_t least = 0;
  std::uint32_t most = 0;

  bool operator==(const ZoneBounds&) const = default;
};

/// What a placement has to meet. Nodes and zones are numbers here: positions in the sorted input,
/// and in the order of the zones' names.
struct Shares {
  /// By node: its zone.
  std::vector<std::uint32_t> zone_of;
  /// By zone. A zone holds a second replica of a shard only when every other zone holds one or is
  /// full, and so on: the levels are filled one after the other.
  std::vector<ZoneBounds> zones;
  /// By node: how many replicas it gets. Their sum is shards x replicas.
  std::vector<std::uint32_t> replicas;
};

/// The shares of `nodes`, which are in the order that the numbers above refer to. A node's replicas
/// are in proportion to its weight, except that no node can hold more than one of each shard and
/// each zone keeps its bounds: what a node or zone cannot take or has to take on top is shared out
/// again over the others. Off by less than one from the exact share, for rounding.
/// `replicas` is 1 to the number of nodes.
Shares ComputeShares(std::span<const NodeInfo> nodes, std::uint32_t shards, std::uint32_t replicas);

/// The same for a cluster that stands: `held` says, by node, how many replicas it has now. Each
/// node's number, and each zone's, is its exact share rounded down or up, and up goes first to
/// nodes that have that many: no other such choice makes the nodes gain fewer replicas in sum.
Shares ComputeShares(std::span<const NodeInfo> nodes, std::uint32_t shards, std::uint32_t replicas,
                     std::span<const std::uint32_t> held);

/// By node: its zone, numbered in the order of the zones' names.
std::vector<std::uint32_t> NumberZones(std::span<const NodeInfo> nodes);

/// How many shards a node leads: its exact share rounded down, and up.
struct PrimaryBounds {
  std::uint32_t low = 0;
  std::uint32_t high = 0;
};

/// By node, from shards x weight / sum of weights.
std::vector<PrimaryBounds> BoundPrimaries(std::span<const std::uint32_t> weights,
                                          std::uint32_t shards);

}  // namespace ringfort::ring

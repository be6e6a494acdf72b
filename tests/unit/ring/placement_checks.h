// The promises of a placement, as checks that compute no share of their own: what tests of first
// and later plans have in common.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <ostream>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/random.h"
#include "ring/cluster_config.h"

namespace ringfort::ring {

using Placement = std::vector<std::vector<NodeId>>;

struct Case {
  std::vector<NodeInfo> nodes;
  std::uint32_t shards = 0;
  std::uint32_t replicas = 0;

  friend std::ostream& operator<<(std::ostream& out, const Case& c) {
    out << c.shards << " shards, " << c.replicas << " replicas, nodes id/zone/weight:";
    for (const NodeInfo& node : c.nodes) {
      out << " " << node.id << "/" << node.zone << "/" << node.weight;
    }
    return out;
  }
};

enum class Weights { kEqual, kSimilar, kWild };

inline Case Draw(Random* random, std::uint32_t shards, std::uint32_t node_count, Weights weights) {
  Case c;
  c.shards = shards;
  c.replicas = 1 + static_cast<std::uint32_t>(random->Below(std::min(node_count, kReplicasMax)));
  const std::uint64_t zones = 1 + random->Below(random->OneIn(2) ? 4 : node_count);
  for (std::uint32_t i = 0; i < node_count; ++i) {
    NodeInfo node;
    // Ids with gaps, in no order.
    node.id = NodeId(1 + i * 13 % 211 + 1000 * i);
    node.zone = "zone-" + std::to_string(random->Below(zones));
    if (weights == Weights::kSimilar)
      node.weight = 2 + static_cast<std::uint32_t>(random->Below(3));
    if (weights == Weights::kWild) {
      node.weight = 1 + static_cast<std::uint32_t>(random->Below(random->OneIn(5) ? 60 : 6));
    }
    c.nodes.push_back(node);
  }
  std::shuffle(c.nodes.begin(), c.nodes.end(), *random);
  return c;
}

struct Counts {
  std::map<NodeId, std::int64_t> replicas;
  std::map<NodeId, std::int64_t> primaries;
  std::map<std::string, std::int64_t> zone_replicas;
  /// By zone: the fewest and the most replicas that one shard has there.
  std::map<std::string, std::pair<std::int64_t, std::int64_t>> zone_range;
};

inline Counts Count(const Case& c, const Placement& placement) {
  Counts counts;
  std::map<NodeId, std::string> zone_of;
  std::map<std::string, std::size_t> shards_in;  // By zone: that have a replica there.
  for (const NodeInfo& node : c.nodes) {
    counts.replicas[node.id] = 0;
    counts.primaries[node.id] = 0;
    zone_of[node.id] = node.zone;
    counts.zone_replicas[node.zone] = 0;
    counts.zone_range[node.zone] = {kReplicasMax, 0};
  }
  for (const auto& replicas : placement) {
    ++counts.primaries[replicas.front()];
    std::map<std::string, std::int64_t> in_zone;
    for (const NodeId node : replicas) {
      ++counts.replicas[node];
      ++in_zone[zone_of[node]];
    }
    for (const auto& [zone, count] : in_zone) {
      ++shards_in[zone];
      counts.zone_replicas[zone] += count;
      auto& [fewest, most] = counts.zone_range[zone];
      fewest = std::min(fewest, count);
      most = std::max(most, count);
    }
  }
  for (auto& [zone, range] : counts.zone_range) {
    if (shards_in[zone] < placement.size()) range.first = 0;
  }
  return counts;
}

inline std::uint64_t SumOfWeights(const Case& c) {
  std::uint64_t sum = 0;
  for (const NodeInfo& node : c.nodes) sum += node.weight;
  return sum;
}

// R distinct known nodes a shard (all nodes where they are fewer), and no zone holds two more of it
// than another that has a node left.
inline void CheckZones(const Case& c, const Placement& placement) {
  std::map<NodeId, std::string> zone_of;
  std::map<std::string, std::size_t> zone_size;
  for (const NodeInfo& node : c.nodes) {
    zone_of[node.id] = node.zone;
    ++zone_size[node.zone];
  }
  const std::size_t wanted = std::min<std::size_t>(c.replicas, c.nodes.size());
  ASSERT_EQ(placement.size(), c.shards);
  for (const auto& replicas : placement) {
    ASSERT_EQ(replicas.size(), wanted);
    ASSERT_EQ(std::set(replicas.begin(), replicas.end()).size(), wanted);
    std::map<std::string, std::size_t> count;
    for (const NodeId node : replicas) {
      ASSERT_TRUE(zone_of.contains(node));
      ++count[zone_of[node]];
    }
    // A zone that holds none has a node left, so there is at most one replica in each of them.
    std::size_t most = 0;
    for (const auto& [zone, held] : count) most = std::max(most, held);
    if (count.size() < zone_size.size()) {
      ASSERT_EQ(most, 1u);
    }
    for (const auto& [zone, held] : count) {
      ASSERT_TRUE(held + 1 >= most || held == zone_size[zone])
          << zone << " holds " << held << ", another " << most;
    }
  }
}

// No node holds more for its weight than another that could take a replica from it. (So what the
// exact share is where nodes and zones are full is said without computing it.)
inline void CheckReplicaShares(const Case& c, const Placement& placement) {
  const Counts counts = Count(c, placement);
  std::map<std::string, std::int64_t> zone_size;
  for (const NodeInfo& node : c.nodes) ++zone_size[node.zone];
  // The level up to which every zone with nodes left holds replicas of every shard; some hold one
  // more. A zone below that may take, one above may give.
  std::int64_t level = kReplicasMax;
  for (const auto& [zone, range] : counts.zone_range) {
    if (range.first < zone_size[zone]) level = std::min(level, range.first);
  }
  struct Side {
    std::string zone;
    std::int64_t weight;
    std::int64_t held;
    bool zone_gives;
    bool zone_takes;
  };
  std::vector<Side> sides;
  for (const NodeInfo& node : c.nodes) {
    const auto [least, most] = counts.zone_range.at(node.zone);
    const std::int64_t size = zone_size[node.zone];
    sides.push_back({node.zone, node.weight, counts.replicas.at(node.id),
                     most > std::min(size, level), least < std::min(size, level + 1)});
  }
  for (const Side& from : sides) {
    for (const Side& to : sides) {
      const bool zones_allow = (from.zone_gives && to.zone_takes) || from.zone == to.zone;
      if (!zones_allow || to.held == c.shards) continue;
      // (from - 1) / weight > (to + 1) / weight would be a replica too many, and then one more.
      ASSERT_LE((from.held - 1) * to.weight, (to.held + 1) * from.weight)
          << "holding " << from.held << " in " << from.zone << " and " << to.held << " in "
          << to.zone;
    }
  }
}

inline void CheckPrimaryShares(const Case& c, const Placement& placement) {
  Counts counts = Count(c, placement);
  const auto sum = static_cast<double>(SumOfWeights(c));
  for (const NodeInfo& node : c.nodes) {
    const double share = c.shards * node.weight / sum;
    ASSERT_LE(std::abs(static_cast<double>(counts.primaries[node.id]) - share),
              std::max(1.0, 0.02 * share))
        << "node " << node.id << " leads " << counts.primaries[node.id] << ", share " << share;
  }
}

}  // namespace ringfort::ring

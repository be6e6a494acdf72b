// The promises of the first placement, as properties over many sizes, weights and zones.
#include "ring/placement.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <ostream>
#include <set>
#include <string>

#include "base/hash.h"
#include "base/random.h"

namespace ringfort::ring {
namespace {

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

Case Draw(Random* random, std::uint32_t shards, std::uint32_t node_count, Weights weights) {
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

Counts Count(const Case& c, const Placement& placement) {
  Counts counts;
  std::map<NodeId, std::string> zone_of;
  std::map<std::string, std::int64_t> no_replicas;
  for (const NodeInfo& node : c.nodes) {
    counts.replicas[node.id] = 0;
    counts.primaries[node.id] = 0;
    zone_of[node.id] = node.zone;
    no_replicas[node.zone] = 0;
  }
  for (const auto& replicas : placement) {
    ++counts.primaries[replicas.front()];
    std::map<std::string, std::int64_t> in_zone = no_replicas;
    for (const NodeId node : replicas) {
      ++counts.replicas[node];
      ++in_zone[zone_of[node]];
    }
    for (const auto& [zone, count] : in_zone) {
      counts.zone_replicas[zone] += count;
      auto [range, first] = counts.zone_range.try_emplace(zone, count, count);
      range->second.first = std::min(range->second.first, count);
      range->second.second = std::max(range->second.second, count);
    }
  }
  return counts;
}

std::uint64_t SumOfWeights(const Case& c) {
  std::uint64_t sum = 0;
  for (const NodeInfo& node : c.nodes) sum += node.weight;
  return sum;
}

// R distinct known nodes a shard, and no zone holds two more of it than another that has a node
// left.
void CheckZones(const Case& c, const Placement& placement) {
  std::map<NodeId, std::string> zone_of;
  std::map<std::string, std::int64_t> zone_size;
  for (const NodeInfo& node : c.nodes) {
    zone_of[node.id] = node.zone;
    ++zone_size[node.zone];
  }
  ASSERT_EQ(placement.size(), c.shards);
  for (const auto& replicas : placement) {
    ASSERT_EQ(replicas.size(), c.replicas);
    ASSERT_EQ(std::set(replicas.begin(), replicas.end()).size(), c.replicas);
    std::map<std::string, std::int64_t> count;
    for (const NodeId node : replicas) {
      ASSERT_TRUE(zone_of.contains(node));
      ++count[zone_of[node]];
    }
    for (const auto& [full_zone, most] : count) {
      for (const auto& [zone, size] : zone_size) {
        ASSERT_TRUE(count[zone] >= most - 1 || count[zone] == size)
            << full_zone << " holds " << most << ", " << zone << " holds " << count[zone];
      }
    }
  }
}

// No node holds more for its weight than another that could take a replica from it. (So what the
// exact share is where nodes and zones are full is said without computing it.)
void CheckReplicaShares(const Case& c, const Placement& placement) {
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

void CheckPrimaryShares(const Case& c, const Placement& placement) {
  Counts counts = Count(c, placement);
  const auto sum = static_cast<double>(SumOfWeights(c));
  for (const NodeInfo& node : c.nodes) {
    const double share = c.shards * node.weight / sum;
    ASSERT_LE(std::abs(static_cast<double>(counts.primaries[node.id]) - share),
              std::max(1.0, 0.02 * share))
        << "node " << node.id << " leads " << counts.primaries[node.id] << ", share " << share;
  }
}

void CheckAll(const Case& c) {
  const Placement placement = FirstPlacement(c.nodes, c.shards, c.replicas);
  ASSERT_NO_FATAL_FAILURE(CheckZones(c, placement)) << c;
  ASSERT_NO_FATAL_FAILURE(CheckReplicaShares(c, placement)) << c;
  ASSERT_NO_FATAL_FAILURE(CheckPrimaryShares(c, placement)) << c;
}

TEST(FirstPlacement, KeepsItsPromisesOnRandomClusters) {
  for (std::uint64_t seed = 0; seed < 400; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    const std::uint32_t shards = 1u << random.Below(8);
    const auto nodes = static_cast<std::uint32_t>(1 + random.Below(random.OneIn(3) ? 50 : 9));
    ASSERT_NO_FATAL_FAILURE(
        CheckAll(Draw(&random, shards, nodes, static_cast<Weights>(random.Below(3)))));
  }
}

TEST(FirstPlacement, KeepsItsPromisesOnLargeClusters) {
  for (std::uint64_t seed = 0; seed < 6; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    const std::uint32_t shards = 1u << (8 + random.Below(5));
    const auto nodes = static_cast<std::uint32_t>(10 + random.Below(41));
    ASSERT_NO_FATAL_FAILURE(
        CheckAll(Draw(&random, shards, nodes, static_cast<Weights>(random.Below(3)))));
  }
}

// Where neither a node nor a zone is full, the share is simply shards x replicas x weight /
// weights.
TEST(FirstPlacement, GivesTheExactShareWhereNothingIsFull) {
  for (std::uint64_t seed = 0; seed < 80; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    Case c = Draw(&random, 1u << random.Below(10),
                  static_cast<std::uint32_t>(12 + random.Below(20)), Weights::kSimilar);
    c.replicas = 1 + static_cast<std::uint32_t>(random.Below(3));
    for (NodeInfo& node : c.nodes) node.zone = "zone of " + std::to_string(node.id.value());
    Counts counts = Count(c, FirstPlacement(c.nodes, c.shards, c.replicas));
    for (const NodeInfo& node : c.nodes) {
      const double share = static_cast<double>(c.shards) * c.replicas * node.weight /
                           static_cast<double>(SumOfWeights(c));
      ASSERT_LT(std::abs(static_cast<double>(counts.replicas[node.id]) - share), 1.0) << c;
    }
  }
}

TEST(FirstPlacement, DoesNotDependOnTheOrderOfNodes) {
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    Case c = Draw(&random, 64, static_cast<std::uint32_t>(1 + random.Below(12)), Weights::kWild);
    const Placement placement = FirstPlacement(c.nodes, c.shards, c.replicas);
    std::shuffle(c.nodes.begin(), c.nodes.end(), random);
    ASSERT_EQ(FirstPlacement(c.nodes, c.shards, c.replicas), placement) << c;
  }
}

// Nodes of one cluster compute the plan each for itself, perhaps on different machines and
// versions.
TEST(FirstPlacement, IsTheSameOnEveryMachine) {
  Random random(1);
  Case c = Draw(&random, 1024, 23, Weights::kWild);
  c.replicas = 3;
  std::string text;
  for (const auto& replicas : FirstPlacement(c.nodes, c.shards, c.replicas)) {
    for (const NodeId node : replicas) text += std::to_string(node.value()) + ",";
  }
  EXPECT_EQ(Hash64(text), 16974551304242522763u);
}

TEST(FirstPlacement, NodeThatOutweighsTheRestHoldsEveryShardOnce) {
  const std::vector<NodeInfo> nodes = {{NodeId(1), "", "a", 1000},
                                       {NodeId(2), "", "b", 1},
                                       {NodeId(3), "", "c", 1},
                                       {NodeId(4), "", "d", 2}};
  Counts counts = Count({nodes, 128, 2}, FirstPlacement(nodes, 128, 2));
  EXPECT_EQ(counts.replicas[NodeId(1)], 128);
  EXPECT_EQ(counts.replicas[NodeId(2)], 32);
  EXPECT_EQ(counts.replicas[NodeId(3)], 32);
  EXPECT_EQ(counts.replicas[NodeId(4)], 64);
}

// Two of the three zones are small: each still holds one replica of every shard.
TEST(FirstPlacement, ZonesComeBeforeWeights) {
  std::vector<NodeInfo> nodes = {{NodeId(1), "", "a", 1}, {NodeId(2), "", "b", 1}};
  for (std::uint32_t id = 3; id <= 8; ++id) nodes.push_back({NodeId(id), "", "c", 1});
  Counts counts = Count({nodes, 96, 3}, FirstPlacement(nodes, 128, 3));
  EXPECT_EQ(counts.replicas[NodeId(1)], 128);
  EXPECT_EQ(counts.replicas[NodeId(2)], 128);
  EXPECT_EQ(counts.zone_replicas["c"], 128);
  EXPECT_EQ(counts.primaries[NodeId(1)], 16);
  EXPECT_EQ(counts.primaries[NodeId(8)], 16);
}

TEST(FirstPlacement, OneNodeHoldsAll) {
  const std::vector<NodeInfo> nodes = {{NodeId(7), "", "a", 3}};
  EXPECT_EQ(FirstPlacement(nodes, 1, 1), (Placement{{NodeId(7)}}));
  EXPECT_EQ(FirstPlacement(nodes, 4, 1), (Placement(4, {NodeId(7)})));
}

}  // namespace
}  // namespace ringfort::ring

// The promises of the first placement, as properties over many sizes, weights and zones.
#include "ring/placement.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>

#include "base/hash.h"
#include "base/random.h"
#include "tests/unit/ring/placement_checks.h"

namespace ringfort::ring {
namespace {

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

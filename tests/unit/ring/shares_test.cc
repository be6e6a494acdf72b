// The shares of a cluster that stands: rounded so that the least moves. (What shares are is checked
// by the tests of first and later plans.)
#include "ring/shares.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <numeric>
#include <string>

#include "base/random.h"

namespace ringfort::ring {
namespace {

std::vector<NodeInfo> DrawNodes(Random* random, std::size_t count, std::uint64_t zones) {
  std::vector<NodeInfo> nodes;
  for (std::uint32_t i = 1; i <= count; ++i) {
    nodes.push_back({NodeId(i), "", "zone-" + std::to_string(random->Below(zones)),
                     2 + static_cast<std::uint32_t>(random->Below(3))});
  }
  return nodes;
}

std::uint32_t Gained(const std::vector<std::uint32_t>& shares,
                     const std::vector<std::uint32_t>& held) {
  std::uint32_t gained = 0;
  for (std::size_t i = 0; i < held.size(); ++i) gained += std::max(shares[i], held[i]) - held[i];
  return gained;
}

// The dumb twin: all ways to round the exact shares, which are plain fractions where neither a node
// nor a zone is full.
TEST(SharesOfAStandingCluster, AreRoundedSoThatTheLeastMoves) {
  for (std::uint64_t seed = 0; seed < 500; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    const std::size_t count = 6 + random.Below(4);
    std::vector<NodeInfo> nodes = DrawNodes(&random, count, 1);
    for (NodeInfo& node : nodes) node.zone = std::to_string(node.id.value());
    const std::uint32_t shards = 1u << random.Below(8);
    const auto replicas = static_cast<std::uint32_t>(1 + random.Below(2));
    std::uint32_t weights = 0;
    for (const NodeInfo& node : nodes) weights += node.weight;

    const std::uint32_t total = shards * replicas;
    std::vector<std::uint32_t> floors;
    std::vector<std::size_t> fractional;
    for (std::size_t i = 0; i < count; ++i) {
      floors.push_back(total * nodes[i].weight / weights);
      if (total * nodes[i].weight % weights != 0) fractional.push_back(i);
    }
    std::vector<std::uint32_t> held;
    for (const std::uint32_t floor : floors) {
      held.push_back(static_cast<std::uint32_t>(floor + random.Below(3)));
    }
    const auto left = static_cast<int>(total - std::reduce(floors.begin(), floors.end()));
    std::uint32_t least = ~0u;
    for (std::uint32_t choice = 0; choice < 1u << fractional.size(); ++choice) {
      if (std::popcount(choice) != left) continue;
      std::vector<std::uint32_t> rounded = floors;
      for (std::size_t i = 0; i < fractional.size(); ++i) {
        rounded[fractional[i]] += choice >> i & 1;
      }
      least = std::min(least, Gained(rounded, held));
    }

    const std::vector<std::uint32_t> shares = ComputeShares(nodes, shards, replicas, held).replicas;
    ASSERT_EQ(std::reduce(shares.begin(), shares.end()), total);
    for (std::size_t i = 0; i < count; ++i) {
      const bool whole = std::ranges::find(fractional, i) == fractional.end();
      ASSERT_TRUE(shares[i] == floors[i] || (!whole && shares[i] == floors[i] + 1)) << i;
    }
    ASSERT_EQ(Gained(shares, held), least);
  }
}

TEST(SharesOfAStandingCluster, StayWhereTheyAreMet) {
  for (std::uint64_t seed = 0; seed < 500; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    const std::vector<NodeInfo> nodes =
        DrawNodes(&random, 1 + random.Below(20), 1 + random.Below(8));
    const std::uint32_t shards = 1u << random.Below(8);
    const auto replicas =
        static_cast<std::uint32_t>(1 + random.Below(std::min<std::size_t>(5, nodes.size())));
    std::vector<std::uint32_t> held(nodes.size());
    for (std::uint32_t& count : held) count = static_cast<std::uint32_t>(random.Below(shards + 1));

    const std::vector<std::uint32_t> fresh = ComputeShares(nodes, shards, replicas).replicas;
    const std::vector<std::uint32_t> shares = ComputeShares(nodes, shards, replicas, held).replicas;
    ASSERT_EQ(ComputeShares(nodes, shards, replicas, shares).replicas, shares);
    ASSERT_EQ(ComputeShares(nodes, shards, replicas, fresh).replicas, fresh);
    for (std::size_t i = 0; i < nodes.size(); ++i) {
      ASSERT_LE(std::max(shares[i], fresh[i]) - std::min(shares[i], fresh[i]), 1u) << i;
    }
  }
}

}  // namespace
}  // namespace ringfort::ring

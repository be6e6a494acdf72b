// Primaries on small placements, against all choices there are.
#include "ring/primary_spread.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "base/random.h"
#include "tests/unit/ring/primary_checks.h"

namespace ringfort::ring {
namespace {

using Replicas = std::vector<std::vector<std::uint32_t>>;

// The dumb twin: tries every choice from `shard` on.
std::uint64_t LeastExcess(const std::vector<std::uint32_t>& weights, const Replicas& replicas,
                          std::size_t shard, std::vector<std::uint32_t>* led) {
  if (shard == replicas.size()) return Excess(weights, *led, replicas.size());
  std::uint64_t least = ~std::uint64_t{0};
  for (const std::uint32_t node : replicas[shard]) {
    ++(*led)[node];
    least = std::min(least, LeastExcess(weights, replicas, shard + 1, led));
    --(*led)[node];
  }
  return least;
}

TEST(SpreadPrimaries, FindsAChoiceThatGivesAllTheirShareWhereThereIsOne) {
  int possible = 0;
  for (std::uint64_t seed = 0; seed < 1500; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    std::vector<std::uint32_t> weights(2 + random.Below(4));
    for (std::uint32_t& weight : weights) weight = 1 + static_cast<std::uint32_t>(random.Below(3));
    Replicas replicas(std::size_t{1} << random.Below(4));
    for (auto& nodes : replicas) {
      for (std::uint32_t node = 0; node < weights.size(); ++node) nodes.push_back(node);
      std::shuffle(nodes.begin(), nodes.end(), random);
      nodes.resize(1 + random.Below(std::min<std::uint64_t>(3, nodes.size())));
    }

    Replicas spread = replicas;
    SpreadPrimaries(weights, &spread);

    std::vector<std::uint32_t> led(weights.size());
    for (std::size_t shard = 0; shard < replicas.size(); ++shard) {
      ASSERT_TRUE(std::ranges::is_permutation(spread[shard], replicas[shard]));
      ++led[spread[shard].front()];
    }
    std::vector<std::uint32_t> none(weights.size());
    const std::uint64_t least = LeastExcess(weights, replicas, 0, &none);
    if (least > 0) continue;
    ++possible;
    ASSERT_EQ(Excess(weights, led, replicas.size()), 0u);
  }
  EXPECT_GT(possible, 500);  // Or the test says little.
}

TEST(SpreadPrimaries, KeepsTheOrderOfTheOthers) {
  // Node 2 alone can lead the first two shards' share of it; the third must go to it.
  Replicas replicas = {{0, 1}, {1, 0}, {0, 1, 2}};
  SpreadPrimaries(std::vector<std::uint32_t>{1, 1, 1}, &replicas);
  EXPECT_EQ(replicas[2], (std::vector<std::uint32_t>{2, 0, 1}));
}

}  // namespace
}  // namespace ringfort::ring

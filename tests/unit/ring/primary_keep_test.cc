// Primaries of a placement that stands: everyone's share, with the fewest transfers.
#include "ring/primary_keep.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <utility>

#include "base/random.h"
#include "tests/unit/ring/primary_checks.h"

namespace ringfort::ring {
namespace {

using Replicas = std::vector<std::vector<std::uint32_t>>;
using Price = std::pair<std::uint64_t, std::uint64_t>;  // How far off the shares, transfers.

struct Case {
  std::vector<std::uint32_t> weights;
  Replicas replicas;
  std::vector<bool> leads;
};

Case Draw(Random* random) {
  Case c;
  c.weights.resize(2 + random->Below(4));
  for (std::uint32_t& weight : c.weights) weight = 1 + static_cast<std::uint32_t>(random->Below(3));
  c.replicas.resize(std::size_t{1} << random->Below(4));
  // Often nearly all are led by few: a long way to go.
  const std::uint64_t first = random->Below(c.weights.size());
  for (auto& nodes : c.replicas) {
    for (std::uint32_t node = 0; node < c.weights.size(); ++node) nodes.push_back(node);
    std::shuffle(nodes.begin(), nodes.end(), *random);
    nodes.resize(1 + random->Below(std::min<std::uint64_t>(3, nodes.size())));
    if (random->OneIn(2)) std::ranges::sort(nodes);
    const auto found = std::ranges::find(nodes, first);
    if (found != nodes.end() && random->OneIn(2)) std::swap(*found, nodes.front());
    c.leads.push_back(!random->OneIn(5));
  }
  return c;
}

std::uint64_t Transfers(const Case& c, const Replicas& after) {
  std::uint64_t transfers = 0;
  for (std::size_t shard = 0; shard < after.size(); ++shard) {
    if (c.leads[shard] && after[shard].front() != c.replicas[shard].front()) ++transfers;
  }
  return transfers;
}

// The dumb twin: tries every choice from `shard` on.
Price Cheapest(const Case& c, std::size_t shard, std::uint64_t transfers,
               std::vector<std::uint32_t>* led) {
  if (shard == c.replicas.size()) return {Excess(c.weights, *led, c.replicas.size()), transfers};
  Price cheapest{~std::uint64_t{0}, 0};
  for (const std::uint32_t node : c.replicas[shard]) {
    const bool moved = c.leads[shard] && node != c.replicas[shard].front();
    ++(*led)[node];
    cheapest = std::min(cheapest, Cheapest(c, shard + 1, transfers + (moved ? 1 : 0), led));
    --(*led)[node];
  }
  return cheapest;
}

TEST(KeepPrimaries, TakesTheFewestTransfers) {
  int possible = 0;
  for (std::uint64_t seed = 0; seed < 3000; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    const Case c = Draw(&random);
    Replicas kept = c.replicas;
    KeepPrimaries(c.weights, c.leads, &kept);

    std::vector<std::uint32_t> led(c.weights.size());
    for (std::size_t shard = 0; shard < kept.size(); ++shard) {
      // The chosen one first, the others in their order.
      std::vector<std::uint32_t> expected = c.replicas[shard];
      const auto primary = std::ranges::find(expected, kept[shard].front());
      ASSERT_NE(primary, expected.end());
      std::rotate(expected.begin(), primary, primary + 1);
      ASSERT_EQ(kept[shard], expected);
      ++led[kept[shard].front()];
    }
    std::vector<std::uint32_t> none(c.weights.size());
    const auto [excess, transfers] = Cheapest(c, 0, 0, &none);
    if (excess > 0) continue;
    ++possible;
    ASSERT_EQ(Excess(c.weights, led, kept.size()), 0u);
    ASSERT_EQ(Transfers(c, kept), transfers);

    const Replicas before = kept;
    KeepPrimaries(c.weights, std::vector<bool>(kept.size(), true), &kept);
    ASSERT_EQ(kept, before);
  }
  EXPECT_GT(possible, 1000);  // Or the test says little.
}

}  // namespace
}  // namespace ringfort::ring

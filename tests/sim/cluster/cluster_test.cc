// A fixed set of seeds of the simulated cluster.
#include <gtest/gtest.h>

#include <iostream>

#include "tests/sim/cluster/world.h"

namespace ringfort::sim {
namespace {

WorldOptions Options(std::uint64_t seed) {
  WorldOptions options;
  options.seed = seed;
  options.nodes = seed % 2 == 0 ? 5 : 3;
  return options;
}

class ClusterTest : public testing::TestWithParam<std::uint64_t> {};

TEST_P(ClusterTest, KeepsItsPromisesAmidFaultsAndServesAfterThem) {
  const WorldOptions options = Options(GetParam());
  std::cout << "again: " << RepeatCommand(options) << std::endl;  // Also where a check aborts.
  const Outcome outcome = RunWorld(options);
  for (const std::string& line : outcome.wrong) ADD_FAILURE() << line;
  // A run in which nothing happens proves nothing.
  EXPECT_GT(outcome.writes, 500U);
  EXPECT_GT(outcome.reads, 500U);
  EXPECT_GT(outcome.states_compared, 100U);
}

INSTANTIATE_TEST_SUITE_P(Seeds, ClusterTest, testing::Range<std::uint64_t>(1, 13));

TEST(RepeatabilityTest, EqualSeedsGiveEqualRuns) {
  for (const std::uint64_t seed : {101, 102}) {
    WorldOptions options = Options(seed);
    options.safety_phase = std::chrono::seconds(5);
    const std::uint64_t first = RunWorld(options).trace_hash;
    EXPECT_EQ(first, RunWorld(options).trace_hash) << RepeatCommand(options);
  }
}

TEST(RepeatabilityTest, OtherSeedsGiveOtherRuns) {
  WorldOptions options = Options(103);
  options.safety_phase = std::chrono::seconds(1);
  const std::uint64_t first = RunWorld(options).trace_hash;
  options.seed = 104;
  EXPECT_NE(first, RunWorld(options).trace_hash);
}

}  // namespace
}  // namespace ringfort::sim

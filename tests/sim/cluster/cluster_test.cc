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

// While nodes join, are drained, taken back and weighed anew, and the place of those that are away
// for long is taken by others.
TEST(OperatedClusterTest, KeepsItsPromisesWhileReplicasMove) {
  std::uint64_t repairs = 0;
  for (std::uint64_t seed = 1; seed <= 6; ++seed) {
    WorldOptions options = Options(seed);
    options.spares = 7 - options.nodes;
    options.safety_phase = std::chrono::seconds(40);
    std::cout << "again: " << RepeatCommand(options) << std::endl;
    const Outcome outcome = RunWorld(options);
    for (const std::string& line : outcome.wrong) ADD_FAILURE() << line;
    EXPECT_GT(outcome.writes, 500U);
    EXPECT_GT(outcome.reads, 500U);
    EXPECT_GT(outcome.states_compared, 100U);
    EXPECT_GT(outcome.requests_taken, 0U);
    EXPECT_GT(outcome.moves, 0U);
    repairs += outcome.repairs;
  }
  EXPECT_GT(repairs, 0U);
}

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

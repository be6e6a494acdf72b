// Random lives of whole clusters: nothing that was promised may break, and everything comes back.
// More of them:  RINGFORT_RAFT_SEEDS=5000 unit_raft --gtest_filter='*Cluster*'
// One again:     RINGFORT_RAFT_SEED=17 unit_raft --gtest_filter='*Cluster*/5'
// (RINGFORT_RAFT_TRACE=1: each step)
#include "tests/unit/raft/cluster.h"

#include <gtest/gtest.h>

#include <unistd.h>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <sstream>
#include <string>

namespace ringfort::raft {
namespace {

std::uint64_t NumberFrom(const char* variable, std::uint64_t otherwise) {
  const char* text = std::getenv(variable);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

char running[160];

// A failed RF_CHECK aborts: the seed must be known then, too.
void OnAbort(int /*signal*/) {
  (void)!write(STDERR_FILENO, running, std::char_traits<char>::length(running));
}

class RandomCluster : public testing::TestWithParam<std::size_t> {};

TEST_P(RandomCluster, KeepsItsPromisesAndComesBack) {
  const std::size_t nodes = GetParam();
  const std::uint64_t one = NumberFrom("RINGFORT_RAFT_SEED", 0);
  const std::uint64_t first = one != 0 ? one : 1;
  const std::uint64_t last = one != 0 ? one : NumberFrom("RINGFORT_RAFT_SEEDS", 100);
  const auto previous = std::signal(SIGABRT, OnAbort);
  std::size_t committed = 0;
  Cluster::Counts counts;
  for (std::uint64_t seed = first; seed <= last; ++seed) {
    std::snprintf(
        running, sizeof(running),
        "seed %llu; again: RINGFORT_RAFT_SEED=%llu unit_raft --gtest_filter='*Cluster*/%zu'\n",
        static_cast<unsigned long long>(seed), static_cast<unsigned long long>(seed), nodes);
    Cluster cluster(nodes, seed, NumberFrom("RINGFORT_RAFT_TRACE", 0) != 0);
    try {
      cluster.RunChaos(std::chrono::seconds(4));
      cluster.HealAndCheckLiveness(std::chrono::seconds(10));
    } catch (const Violation& violation) {
      FAIL() << violation.what() << "\n" << running << "The last steps:\n" << cluster.RecentSteps();
    }
    committed += cluster.committed();
    counts += cluster.counts();
  }
  std::signal(SIGABRT, previous);
  // The runs were no empty ones.
  EXPECT_GT(committed, 100 * (last - first + 1));
  if (one == 0) {
    EXPECT_GT(counts.lease_reads, 20 * last);
    EXPECT_GT(counts.round_reads, 5 * last);
    EXPECT_GT(counts.old_primaries_heard, last / 10);
    EXPECT_GT(counts.changes, last);
    EXPECT_GT(counts.stale_changes, last / 2);
    EXPECT_GT(counts.transfers, last);
    EXPECT_GT(counts.snapshots, last);
    EXPECT_GT(counts.created, last);
    EXPECT_GT(counts.wiped, last / 20);
  }
  std::ostringstream came_to;
  came_to << committed << " committed, " << counts.lease_reads << " reads by lease, "
          << counts.round_reads << " by rounds, " << counts.old_primaries_heard
          << " old primaries heard, " << counts.changes << " changes of members, "
          << counts.stale_changes << " refused, " << counts.transfers << " transfers, "
          << counts.snapshots << " snapshots, " << counts.created << " replicas made, "
          << counts.wiped << " directories lost";
  RecordProperty("came_to", came_to.str());
  if (one != 0 || last > 100) std::cerr << came_to.str() << "\n";
}

INSTANTIATE_TEST_SUITE_P(Nodes, RandomCluster, testing::Values(3, 5, 6),
                         [](const auto& size) { return std::to_string(size.param); });

}  // namespace
}  // namespace ringfort::raft

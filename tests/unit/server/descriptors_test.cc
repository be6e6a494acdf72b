// How a node divides its descriptors: RocksDB gets what the rest does not need.
#include "server/descriptors.h"

#include <gtest/gtest.h>

#include <sys/resource.h>

namespace ringfort::server {
namespace {

std::uint64_t Sum(const DescriptorBudget& budget) {
  return budget.process + budget.log + budget.peers + budget.operators + budget.clients +
         budget.tables;
}

TEST(Descriptors, AreNeverMoreThanThereAre) {
  for (std::uint64_t limit = 512; limit < (1U << 21); limit += limit / 7) {
    for (const std::uint64_t segments : {4U, 32U, 2000U}) {
      const DescriptorBudget budget = DivideDescriptors(limit, segments, 10'000);
      EXPECT_LE(Sum(budget), limit);
      EXPECT_GE(budget.tables, 64U);
      EXPECT_GE(budget.clients, 32U);
      EXPECT_LE(budget.clients, 10'000U);
    }
  }
}

TEST(Descriptors, ATableOfEachOfManyShardsStaysOpenWhereTheSystemAllowsIt) {
  EXPECT_GE(DivideDescriptors(1U << 16, 32, 10'000).tables, 3U * 8192);
  EXPECT_GT(DivideDescriptors(4096, 32, 10'000).tables, 1024U);
}

TEST(Descriptors, AreAsManyAsTheSystemAllows) {
  const std::uint64_t limit = RaiseDescriptorLimit();
  rlimit now{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &now), 0);
  EXPECT_EQ(limit, now.rlim_cur);
  EXPECT_EQ(now.rlim_cur, now.rlim_max);
}

}  // namespace
}  // namespace ringfort::server

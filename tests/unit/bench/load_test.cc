#include "tools/bench/load.h"

#include <gtest/gtest.h>

namespace ringfort::bench {
namespace {

TEST(LoadOutstanding, IsBoundedByNumberAndByBytes) {
  EXPECT_EQ(LoadOutstanding(0), 512U);
  EXPECT_EQ(LoadOutstanding(100), 512U);
  EXPECT_EQ(LoadOutstanding(1'000'000), 4U);
  EXPECT_EQ(LoadOutstanding(100'000'000), 1U);
}

}  // namespace
}  // namespace ringfort::bench

// The seeded generator: known answers, since seeds in failure reports must mean the same for ever.
#include "base/random.h"

#include <gtest/gtest.h>

namespace ringfort {
namespace {

// The first outputs of SplitMix64 as in Vigna's reference splitmix64.c.
TEST(Random, GivesTheKnownAnswers) {
  Random zero(0);
  EXPECT_EQ(zero.Next(), 0xe220a8397b1dcdafu);
  EXPECT_EQ(zero.Next(), 0x6e789e6aa1b965f4u);
  EXPECT_EQ(zero.Next(), 0x06c45d188009454fu);
  Random other(1234567);
  EXPECT_EQ(other.Next(), 6457827717110365317u);
  EXPECT_EQ(other.Next(), 3203168211198807973u);
}

TEST(Random, StaysBelowTheBoundAndReachesAllOfIt) {
  Random random(9);
  int seen[6] = {};
  for (int i = 0; i < 600; ++i) {
    const std::uint64_t drawn = random.Below(6);
    ASSERT_LT(drawn, 6u);
    ++seen[drawn];
  }
  for (const int count : seen) EXPECT_GT(count, 60);
  EXPECT_EQ(random.Below(0), 0u);
  EXPECT_EQ(random.Below(1), 0u);
}

TEST(Random, FractionsAreBelowOne) {
  Random random(10);
  for (int i = 0; i < 1000; ++i) {
    const double fraction = random.Fraction();
    ASSERT_GE(fraction, 0.0);
    ASSERT_LT(fraction, 1.0);
  }
}

TEST(Random, AForkDoesNotFeelHowMuchTheOtherDraws) {
  Random a(11);
  Random b(11);
  Random a_fork = a.Fork();
  Random b_fork = b.Fork();
  a.Next();
  EXPECT_EQ(a_fork.Next(), b_fork.Next());
}

}  // namespace
}  // namespace ringfort

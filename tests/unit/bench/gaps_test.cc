#include "tools/bench/gaps.h"

#include <gtest/gtest.h>

namespace ringfort::bench {
namespace {

using std::chrono::milliseconds;

GapTracker::Time At(int ms) {
  return GapTracker::Time(milliseconds(ms));
}

TEST(GapTracker, KeepsTheLongestTimeBetweenTwoSuccesses) {
  GapTracker gaps(At(0));
  for (const int ms : {5, 10, 110, 115, 215}) gaps.OnSuccess(At(ms));
  EXPECT_EQ(gaps.longest(At(216)).length, milliseconds(100));
  // The first of equal gaps.
  EXPECT_EQ(gaps.longest(At(216)).begin, At(10));
}

TEST(GapTracker, CountsTheGapUnderWay) {
  GapTracker gaps(At(0));
  gaps.OnSuccess(At(5));
  EXPECT_EQ(gaps.longest(At(400)).length, milliseconds(395));
  EXPECT_EQ(gaps.longest(At(400)).begin, At(5));
  // Looking at it ends nothing.
  gaps.OnSuccess(At(500));
  EXPECT_EQ(gaps.longest(At(500)).length, milliseconds(495));
}

TEST(GapTracker, CountsFromTheStartWhereNothingEverSucceeds) {
  EXPECT_EQ(GapTracker(At(10)).longest(At(1010)).length, milliseconds(1000));
}

TEST(GapTracker, AWindowForgetsEarlierGapsButNotTheOneUnderWay) {
  GapTracker gaps(At(0));
  gaps.OnSuccess(At(300));
  gaps.OnSuccess(At(305));
  gaps.BeginWindow();  // At 310, say: the gap under way began at 305.
  EXPECT_EQ(gaps.longest_in_window(At(310)).length, milliseconds(5));
  gaps.OnSuccess(At(405));
  gaps.OnSuccess(At(410));
  EXPECT_EQ(gaps.longest_in_window(At(411)).length, milliseconds(100));
  EXPECT_EQ(gaps.longest_in_window(At(411)).begin, At(305));
  EXPECT_EQ(gaps.longest(At(411)).length, milliseconds(300));
}

}  // namespace
}  // namespace ringfort::bench

// The node's pace for snapshots.
#include "replica/snapshot_pace.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>

namespace ringfort::replica {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr MonotonicTime kStart{seconds(100)};

TEST(SnapshotPace, ZeroIsNoLimit) {
  SnapshotPace pace(0);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(pace.Take(1U << 30, kStart), Duration(0));
}

TEST(SnapshotPace, AllWhoTakeShareOneBudget) {
  SnapshotPace pace(1'000'000);
  // After a pause there are 50 ms to catch up on, no more.
  EXPECT_EQ(pace.Take(50'000, kStart), Duration(0));
  EXPECT_EQ(pace.Take(100'000, kStart), Duration(0));
  EXPECT_EQ(pace.Take(200'000, kStart), milliseconds(100));
  EXPECT_EQ(pace.Take(100'000, kStart), milliseconds(300));
  EXPECT_EQ(pace.Take(1, kStart + milliseconds(350)), milliseconds(50));
  EXPECT_EQ(pace.Take(60'000, kStart + seconds(10)), Duration(0));
  EXPECT_EQ(pace.Take(1, kStart + seconds(10)), milliseconds(10));
}

TEST(SnapshotPace, OverASecondNoMoreThanTheRateAndTheBurst) {
  SnapshotPace pace(64 << 20);
  MonotonicTime now = kStart;
  std::uint64_t sent = 0;
  while (true) {
    now += pace.Take(256 << 10, now) + milliseconds(1);  // A timer that is late each time.
    if (now >= kStart + seconds(1)) break;
    sent += 256 << 10;
  }
  EXPECT_LE(sent, (std::uint64_t{64} << 20) * 106 / 100);
  EXPECT_GE(sent, (std::uint64_t{64} << 20) * 98 / 100) << "late timers are made up for";
}

}  // namespace
}  // namespace ringfort::replica

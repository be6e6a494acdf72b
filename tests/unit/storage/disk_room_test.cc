// When a disk counts as full, and when no longer.
#include "storage/disk_room.h"

#include <gtest/gtest.h>

#include "base/random.h"

namespace ringfort::storage {
namespace {

constexpr std::uint64_t kMiB = 1 << 20;

DiskRoom Judge(std::uint64_t free_mib, DiskRoom before) {
  return JudgeRoom({100'000 * kMiB, free_mib * kMiB}, 1000 * kMiB, before);
}

TEST(DiskRoom, EndsWithMoreRoomThanItBeganWith) {
  EXPECT_EQ(Judge(1000, DiskRoom::kEnough), DiskRoom::kEnough);
  EXPECT_EQ(Judge(999, DiskRoom::kEnough), DiskRoom::kFull);
  EXPECT_EQ(Judge(1249, DiskRoom::kFull), DiskRoom::kFull);
  EXPECT_EQ(Judge(1250, DiskRoom::kFull), DiskRoom::kEnough);
  EXPECT_EQ(Judge(500, DiskRoom::kFull), DiskRoom::kFull);
  EXPECT_EQ(Judge(499, DiskRoom::kFull), DiskRoom::kExhausted);
  EXPECT_EQ(Judge(624, DiskRoom::kExhausted), DiskRoom::kExhausted);
  EXPECT_EQ(Judge(625, DiskRoom::kExhausted), DiskRoom::kFull);
  EXPECT_EQ(Judge(0, DiskRoom::kEnough), DiskRoom::kExhausted) << "at once";
  EXPECT_EQ(Judge(2000, DiskRoom::kExhausted), DiskRoom::kEnough) << "at once";
}

TEST(DiskRoom, ASmallDiskKeepsATenth) {
  EXPECT_EQ(ReserveOf({100 * kMiB, 0}, 1000 * kMiB), 10 * kMiB);
  EXPECT_EQ(ReserveOf({100'000 * kMiB, 0}, 1000 * kMiB), 1000 * kMiB);
  EXPECT_EQ(ReserveOf({0, 0}, 1000 * kMiB), 0U);
  // A disk without a size, as some virtual file systems say, is never full.
  EXPECT_EQ(JudgeRoom({0, 0}, 1000 * kMiB, DiskRoom::kEnough), DiskRoom::kEnough);
}

// Whatever was before: never worse with more room, never better for having been worse.
TEST(DiskRoom, IsMonotone) {
  Random random(7);
  for (int i = 0; i < 100'000; ++i) {
    const std::uint64_t total = random.Below(20'000);
    const std::uint64_t free = random.Below(total + 1);
    const std::uint64_t more = free + random.Below(total + 1);
    const std::uint64_t wanted = random.Below(3000);
    const auto before = static_cast<DiskRoom>(random.Below(3));
    const DiskRoom room = JudgeRoom({total, free}, wanted, before);
    EXPECT_LE(JudgeRoom({total, more}, wanted, before), room);
    EXPECT_LE(JudgeRoom({total, free}, wanted, DiskRoom::kEnough), room);
    EXPECT_EQ(JudgeRoom({total, free}, wanted, room), room) << "no change without a change";
  }
}

}  // namespace
}  // namespace ringfort::storage

// Sender and receiver together (protocols 5): whatever becomes of messages, connections and the
// follower's process, the shard arrives whole or the sender says why not.
#include <gtest/gtest.h>

#include <string>

#include "tests/unit/replica/snapshot_world.h"

namespace ringfort::replica {
namespace {

void ExpectTheCopyIsWhole(SnapshotWorld* world) {
  ASSERT_TRUE(world->done.has_value());
  ASSERT_TRUE(world->done->ok()) << world->done->ToString();
  ASSERT_TRUE(world->installed.has_value());
  EXPECT_EQ(Contents(&world->there, {kSource.shard, *world->installed}),
            Contents(&world->here, kSource));
}

TEST(SnapshotTransfer, BringsTheWholeShardAndItsBase) {
  SnapshotWorld world(1);
  world.StartSender();
  world.RunToTheEnd();
  ExpectTheCopyIsWhole(&world);
  EXPECT_EQ(world.done_base.index, LogIndex(300));
  EXPECT_EQ(world.done_base.term, Term(3));
  EXPECT_EQ(world.done_base.members.voters.size(), 1U);
}

TEST(SnapshotTransfer, AnEmptyShardTravelsToo) {
  SnapshotWorld world(2, /*entries=*/0);
  world.StartSender();
  world.RunToTheEnd();
  ExpectTheCopyIsWhole(&world);
}

TEST(SnapshotTransfer, AConnectionLostAtAnyStepCostsNoMoreThanAWindow) {
  std::uint64_t undisturbed = 0;
  {
    SnapshotWorld world(3);
    world.StartSender();
    world.RunToTheEnd();
    undisturbed = world.chunk_bytes_sent;
  }
  int broken = 0;
  for (int step = 0; !testing::Test::HasFailure(); ++step) {
    SCOPED_TRACE("lost after step " + std::to_string(step));
    SnapshotWorld world(3);
    world.StartSender();
    for (int i = 0; i < step && !world.done.has_value(); ++i) world.Step();
    if (world.done.has_value()) break;
    world.Reconnect();
    world.RunToTheEnd();
    ExpectTheCopyIsWhole(&world);
    // The window, and the chunk that was being read.
    EXPECT_LE(world.chunk_bytes_sent,
              undisturbed + SmallTuning().window_bytes + SmallTuning().chunk_bytes);
    EXPECT_EQ(world.installed, storage::Generation(2)) << "the import was not taken up again";
    ++broken;
  }
  EXPECT_GT(broken, 100);
}

TEST(SnapshotTransfer, AFollowerThatRestartsAtAnyStepGetsItFromTheBeginningUnlessItHasIt) {
  for (int step = 0; !testing::Test::HasFailure(); ++step) {
    SCOPED_TRACE("restarted after step " + std::to_string(step));
    SnapshotWorld world(4);
    world.StartSender();
    for (int i = 0; i < step && !world.done.has_value(); ++i) world.Step();
    if (world.done.has_value()) break;
    world.RestartReceiver();
    world.Reconnect();
    world.RunToTheEnd();
    ExpectTheCopyIsWhole(&world);
    EXPECT_EQ(world.there.List().size(), 1U);
  }
}

TEST(SnapshotTransfer, ASenderThatEndsAtAnyStepLeavesNothingInTheWayOfTheNext) {
  for (int step = 0; !testing::Test::HasFailure(); ++step) {
    SCOPED_TRACE("ended after step " + std::to_string(step));
    SnapshotWorld world(5);
    world.StartSender();
    for (int i = 0; i < step && !world.done.has_value(); ++i) world.Step();
    if (world.done.has_value()) break;
    world.StopSender();
    world.StartSender(/*transfer=*/78, Term(6));
    world.RunToTheEnd();
    ExpectTheCopyIsWhole(&world);
    EXPECT_EQ(world.there.List().size(), 1U);
  }
}

TEST(SnapshotTransfer, LostRepeatedReorderedAndDamagedMessagesAreHarmless) {
  for (std::uint64_t seed = 1; seed <= 1000 && !testing::Test::HasFailure(); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    SnapshotWorld world(seed, /*entries=*/1 + static_cast<int>(seed % 300));
    world.faults = {.lose = 3 + seed % 40, .repeat = 4, .reorder = 5, .flip = 20};
    world.StartSender();
    for (int step = 0; step < 50'000 && !world.done.has_value(); ++step) {
      world.Step();
      if (world.random.OneIn(400)) world.Reconnect();
      if (world.random.OneIn(1500)) world.RestartReceiver();
      if (world.random.OneIn(20)) world.Pass(std::chrono::milliseconds(30));
    }
    ExpectTheCopyIsWhole(&world);
  }
}

TEST(SnapshotTransfer, KeepsTheNodesPace) {
  SnapshotWorld world(6);
  constexpr std::uint64_t kBytesPerSecond = 10'000;
  world.pace = std::make_unique<SnapshotPace>(kBytesPerSecond);
  world.StartSender();
  const MonotonicTime begun = world.now;
  world.RunToTheEnd();
  ExpectTheCopyIsWhole(&world);
  const double seconds = std::chrono::duration<double>(world.now - begun).count();
  const double least = static_cast<double>(world.chunk_bytes_sent) / kBytesPerSecond;
  EXPECT_GE(seconds, 0.9 * least);
  EXPECT_LE(seconds, 1.1 * least + 0.1);
}

TEST(SnapshotTransfer, ASlowInstallIsAskedForUntilItIsThere) {
  SnapshotWorld world(7);
  world.install_at_once = false;
  world.StartSender();
  for (int step = 0; step < 20'000 && !world.installed.has_value(); ++step) world.Step();
  // Far longer than a silent follower would be given.
  const MonotonicTime until = world.now + 5 * SmallTuning().silence_max;
  while (world.now < until) world.Step();
  EXPECT_FALSE(world.done.has_value());
  world.receiver->OnInstalled({});
  world.to_primary.clear();  // The answer is lost; the next question gets it again.
  world.RunToTheEnd();
  ExpectTheCopyIsWhole(&world);
}

TEST(SnapshotTransfer, WhatCannotBeInstalledIsRefusedWithItsReason) {
  SnapshotWorld world(8);
  world.install_status = {Code::kDiskFull, "no room"};
  world.StartSender();
  world.RunToTheEnd();
  EXPECT_EQ(world.done->code(), Code::kUnavailable);
  EXPECT_NE(world.done->message().find("no room"), std::string::npos) << world.done->ToString();
}

// The bytes arrive as they were sent, but they are not what the primary's store measured.
TEST(SnapshotTransfer, AFileThatIsNotWhatWasAnnouncedIsRefusedAndANewTransferMayBegin) {
  SnapshotWorld world(9);
  world.StartSender();
  world.primary_pool.RunAll();
  proto::SnapshotFile* file = world.to_follower[0].mutable_begin()->mutable_files(1);
  file->set_checksum(file->checksum() ^ 1);
  world.RunToTheEnd();
  EXPECT_EQ(world.done->code(), Code::kUnavailable);
  EXPECT_NE(world.done->message().find("Corruption"), std::string::npos) << world.done->ToString();
  EXPECT_TRUE(world.there.List().empty());

  world.done.reset();
  world.StartSender(/*transfer=*/78);
  world.RunToTheEnd();
  ExpectTheCopyIsWhole(&world);
}

}  // namespace
}  // namespace ringfort::replica

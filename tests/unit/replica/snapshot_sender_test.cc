// The primary's end alone: its window, its patience, and what it does when its own side fails.
#include "replica/snapshot_sender.h"

#include <gtest/gtest.h>

#include "tests/unit/replica/snapshot_world.h"

namespace ringfort::replica {
namespace {

proto::SnapshotMessage Ack(const proto::SnapshotMessage& begin, std::uint32_t file,
                           std::uint64_t offset) {
  proto::SnapshotMessage message;
  message.set_transfer(begin.transfer());
  message.set_attempt(begin.attempt());
  message.mutable_ack()->set_file(file);
  message.mutable_ack()->set_offset(offset);
  return message;
}

TEST(SnapshotSender, SendsNothingBeforeItIsAskedForAndNeverMoreThanTheWindow) {
  SnapshotWorld world(1);
  world.StartSender();
  world.primary_pool.RunAll();
  ASSERT_EQ(world.to_follower.size(), 1U);
  const proto::SnapshotMessage begin = world.to_follower[0];
  ASSERT_TRUE(begin.has_begin());
  ASSERT_GT(begin.begin().files_size(), 2);

  world.sender->OnAck(Ack(begin, 0, 0));
  world.primary_pool.RunAll();
  EXPECT_EQ(world.chunk_bytes_sent, SmallTuning().window_bytes);
  world.sender->OnAck(Ack(begin, 0, 700));
  world.primary_pool.RunAll();
  EXPECT_EQ(world.chunk_bytes_sent, SmallTuning().window_bytes + 512);
}

TEST(SnapshotSender, GoesOnFromWhereItIsAskedTo) {
  SnapshotWorld world(1);
  world.StartSender();
  world.primary_pool.RunAll();
  world.sender->OnAck(Ack(world.to_follower[0], 1, 100));
  world.primary_pool.RunAll();
  const proto::SnapshotChunk& first = world.to_follower[1].chunk();
  EXPECT_EQ(first.file(), 1U);
  EXPECT_EQ(first.offset(), 100U);
}

TEST(SnapshotSender, StaleAndSenselessAcknowledgementsHaveNoEffect) {
  SnapshotWorld world(1);
  world.StartSender();
  world.primary_pool.RunAll();
  const proto::SnapshotMessage old_begin = world.to_follower[0];
  world.sender->OnConnected();
  const proto::SnapshotMessage begin = world.to_follower[1];
  EXPECT_EQ(begin.attempt(), old_begin.attempt() + 1);
  proto::SnapshotMessage other = Ack(begin, 0, 0);
  other.set_transfer(begin.transfer() + 1);
  proto::SnapshotMessage other_installed = other;
  other_installed.mutable_ack()->set_installed(true);
  for (const proto::SnapshotMessage& ack :
       {Ack(old_begin, 0, 0), other, other_installed, Ack(begin, 1'000'000, 0),
        Ack(begin, 0, 1'000'000'000), begin}) {
    world.sender->OnAck(ack);
    world.primary_pool.RunAll();
  }
  EXPECT_EQ(world.chunk_bytes_sent, 0U);
  EXPECT_FALSE(world.done.has_value());

  world.sender->OnAck(Ack(begin, 0, 512));
  world.primary_pool.RunAll();
  const std::uint64_t sent = world.chunk_bytes_sent;
  // Back, and further than was sent.
  world.sender->OnAck(Ack(begin, 0, 0));
  world.sender->OnAck(Ack(begin, 2, 5));
  world.primary_pool.RunAll();
  EXPECT_EQ(world.chunk_bytes_sent, sent);
}

TEST(SnapshotSender, GivesAnAnswerlessFollowerUpAfterItsTimeAndNotBefore) {
  SnapshotWorld world(1);
  world.StartSender();
  world.primary_pool.RunAll();
  const MonotonicTime begun = world.now;
  while (!world.done.has_value()) {
    ASSERT_LT(world.now - begun, SmallTuning().silence_max);
    world.Pass(std::chrono::milliseconds(100));
  }
  EXPECT_EQ(world.now - begun, SmallTuning().silence_max);
  EXPECT_EQ(world.done->code(), Code::kUnavailable);
  // It asked again and again meanwhile.
  EXPECT_EQ(world.to_follower.size(), 30U);
}

TEST(SnapshotSender, AFullLinkIsTriedAgainAndLosesNothing) {
  SnapshotWorld world(1);
  world.StartSender();
  world.primary_pool.RunAll();
  world.sender->OnAck(Ack(world.to_follower[0], 0, 0));
  world.link_full = true;
  world.primary_pool.RunAll();
  EXPECT_EQ(world.chunk_bytes_sent, 0U);
  world.link_full = false;
  world.RunToTheEnd();
  EXPECT_TRUE(world.done->ok()) << world.done->ToString();
}

TEST(SnapshotSender, ExportsNothingBeforeItsTurnNorForWhoHasEnded) {
  SnapshotWorld world(1);
  const std::shared_ptr<const void> turn = std::make_shared<const char>();
  world.take_turn = [] { return std::shared_ptr<const void>(); };
  world.StartSender();
  world.Pass(SmallTuning().silence_max * 2);
  EXPECT_FALSE(world.primary_pool.RunOne());
  EXPECT_FALSE(world.done.has_value()) << "it waits as long as it takes";

  world.take_turn = [&] { return turn; };
  world.Pass(std::chrono::milliseconds(20));
  EXPECT_EQ(turn.use_count(), 2);
  world.StopSender();
  EXPECT_EQ(turn.use_count(), 1);
  world.primary_pool.RunAll();
  EXPECT_EQ(world.here.Open(kSource).value()->flushed_applied().value(), storage::Applied());

  world.take_turn = [] { return Status(Code::kUnavailable, "the follower's disk is exhausted"); };
  world.StartSender();
  EXPECT_EQ(world.done->message(), "the follower's disk is exhausted");
  EXPECT_FALSE(world.primary_pool.RunOne());
}

TEST(SnapshotSender, SaysWhyItsOwnSideFailed) {
  SnapshotWorld world(1);
  world.base_status = {Code::kUnavailable, "the log was cut"};
  world.StartSender();
  world.RunToTheEnd();
  EXPECT_EQ(world.done->message(), "the log was cut");

  world.done.reset();
  world.base_status = {};
  ASSERT_TRUE(world.here.Drop(kSource).ok());
  world.StartSender();
  world.RunToTheEnd();
  EXPECT_EQ(world.done->code(), Code::kNotFound);
}

}  // namespace
}  // namespace ringfort::replica

// The follower's end alone: what it takes, what it refuses, and how much it holds.
#include "replica/snapshot_receiver.h"

#include <gtest/gtest.h>

#include "base/hash.h"
#include "tests/unit/replica/snapshot_world.h"

namespace ringfort::replica {
namespace {

/// Speaks for a primary that keeps no rule.
class RudePrimary {
 public:
  explicit RudePrimary(SnapshotWorld* world) : world_(world) {
    world_->StartSender();
    world_->primary_pool.RunAll();
    begin_ = world_->to_follower[0];
    world_->StopSender();
    snapshot_ = world_->here.Export(kSource).value();
    world_->to_follower.clear();
  }

  [[nodiscard]] proto::SnapshotMessage begin() const { return begin_; }
  [[nodiscard]] proto::SnapshotMessage Chunk(std::uint32_t file, std::uint64_t offset,
                                             std::size_t bytes) const {
    proto::SnapshotMessage message = begin_;
    proto::SnapshotChunk* chunk = message.mutable_chunk();
    chunk->set_file(file);
    chunk->set_offset(offset);
    chunk->set_data(snapshot_->Read(file, offset, bytes).value());
    chunk->set_checksum(Hash64(chunk->data()));
    return message;
  }
  void Say(proto::SnapshotMessage message) {
    world_->receiver->Receive(kPrimaryNode, std::move(message));
  }
  /// The last answer, once all work is done.
  [[nodiscard]] proto::SnapshotMessage Answer() {
    world_->follower_pool.RunAll();
    return world_->to_primary.empty() ? proto::SnapshotMessage() : world_->to_primary.back();
  }

 private:
  SnapshotWorld* const world_;
  proto::SnapshotMessage begin_;
  std::shared_ptr<storage::Snapshot> snapshot_;
};

TEST(SnapshotReceiver, AnswersToTheSenderInItsTermFromTheReplicaThatWasMeant) {
  SnapshotWorld world(1);
  RudePrimary primary(&world);
  primary.Say(primary.begin());
  const proto::SnapshotMessage answer = primary.Answer();
  EXPECT_EQ(answer.shard(), kSource.shard.value());
  EXPECT_EQ(answer.from(), 2U);
  EXPECT_EQ(answer.to(), 1U);
  EXPECT_EQ(answer.term(), 5U);
  EXPECT_EQ(answer.attempt(), primary.begin().attempt());
  EXPECT_EQ(answer.ack().file(), 0U);
  EXPECT_EQ(answer.ack().offset(), 0U);
}

TEST(SnapshotReceiver, HoldsNoMoreThanTheWindowWhateverIsSent) {
  SnapshotWorld world(1);
  RudePrimary primary(&world);
  primary.Say(primary.begin());
  (void)primary.Answer();
  // The pool does not get to it. One chunk is handed to the pool, the others wait.
  for (std::uint64_t offset = 0; offset + 256 <= 4096; offset += 256) {
    primary.Say(primary.Chunk(0, offset, 256));
  }
  EXPECT_EQ(primary.Answer().ack().offset(), 256 + SmallTuning().window_bytes);
}

TEST(SnapshotReceiver, TakesOnlyTheNextChunkAndOnlyWhole) {
  SnapshotWorld world(1);
  RudePrimary primary(&world);
  primary.Say(primary.begin());
  primary.Say(primary.Chunk(0, 0, 100));  // Before it is ready: kept.
  const auto refused = [&](proto::SnapshotMessage message) {
    primary.Say(std::move(message));
    return primary.Answer().ack().offset() == 100;
  };
  EXPECT_TRUE(refused(primary.Chunk(0, 0, 100))) << "repeated";
  EXPECT_TRUE(refused(primary.Chunk(0, 200, 100))) << "after a gap";
  EXPECT_TRUE(refused(primary.Chunk(1, 0, 100))) << "of another file";
  proto::SnapshotMessage damaged = primary.Chunk(0, 100, 100);
  damaged.mutable_chunk()->mutable_data()->at(50) ^= 1;
  EXPECT_TRUE(refused(damaged));
  proto::SnapshotMessage empty = primary.Chunk(0, 100, 100);
  empty.mutable_chunk()->clear_data();
  empty.mutable_chunk()->set_checksum(Hash64({}));
  EXPECT_TRUE(refused(empty));
  proto::SnapshotMessage over_the_end = primary.Chunk(0, 100, 100);
  over_the_end.mutable_chunk()->set_data(std::string(100'000, 'x'));
  over_the_end.mutable_chunk()->set_checksum(Hash64(std::string(100'000, 'x')));
  EXPECT_TRUE(refused(over_the_end));
  proto::SnapshotMessage other = primary.Chunk(0, 100, 100);
  other.set_transfer(other.transfer() + 1);
  EXPECT_TRUE(refused(other));
  proto::SnapshotMessage no_file = primary.Chunk(0, 100, 100);
  no_file.mutable_chunk()->set_file(4'000'000'000U);
  EXPECT_TRUE(refused(no_file));

  primary.Say(primary.Chunk(0, 100, 50));
  EXPECT_EQ(primary.Answer().ack().offset(), 150U);
}

TEST(SnapshotReceiver, ABeginOfAnOlderTermReplacesNothing) {
  SnapshotWorld world(1);
  RudePrimary primary(&world);
  primary.Say(primary.begin());
  primary.Say(primary.Chunk(0, 0, 100));
  (void)primary.Answer();
  proto::SnapshotMessage old = primary.begin();
  old.set_term(old.term() - 1);
  old.set_transfer(1);
  primary.Say(old);
  primary.Say(primary.Chunk(0, 100, 100));
  EXPECT_EQ(primary.Answer().ack().offset(), 200U);
}

TEST(SnapshotReceiver, ABeginThatWasOvertakenIsNotAnswered) {
  SnapshotWorld world(1);
  RudePrimary primary(&world);
  proto::SnapshotMessage newer = primary.begin();
  newer.set_attempt(newer.attempt() + 1);
  primary.Say(newer);
  (void)primary.Answer();
  primary.Say(primary.begin());
  primary.Say(primary.Chunk(0, 0, 100));
  EXPECT_EQ(primary.Answer().attempt(), newer.attempt());
}

TEST(SnapshotReceiver, AnotherTransferReplacesTheOneInHand) {
  SnapshotWorld world(1);
  RudePrimary primary(&world);
  primary.Say(primary.begin());
  primary.Say(primary.Chunk(0, 0, 100));
  (void)primary.Answer();
  proto::SnapshotMessage next = primary.begin();
  next.set_transfer(1);
  primary.Say(next);
  EXPECT_EQ(primary.Answer().transfer(), 1U);
  EXPECT_EQ(primary.Answer().ack().offset(), 0U);
}

TEST(SnapshotReceiver, WhatIsThereAlreadyIsInstalledAndNotTakenAgain) {
  SnapshotWorld world(1);
  RudePrimary primary(&world);
  world.installed = storage::Generation(1);
  primary.Say(primary.begin());
  EXPECT_TRUE(primary.Answer().ack().installed());
  EXPECT_TRUE(world.there.List().empty());
}

TEST(SnapshotReceiver, AnOfferWithoutFilesIsRefused) {
  SnapshotWorld world(1);
  RudePrimary primary(&world);
  proto::SnapshotMessage empty = primary.begin();
  empty.mutable_begin()->clear_files();
  primary.Say(empty);
  EXPECT_NE(primary.Answer().ack().refused(), "");
  // And again when the answer was lost.
  world.to_primary.clear();
  primary.Say(empty);
  EXPECT_NE(primary.Answer().ack().refused(), "");
}

// Run: 60 GiB are to come where 40 are free. Room was looked at only when it began; the last byte
// was written, a flush failed, the node stopped, and began anew after its restart.
TEST(SnapshotReceiver, AnExhaustedDiskEndsTheTransferAndNothingStays) {
  SnapshotWorld world(1);
  RudePrimary primary(&world);
  primary.Say(primary.begin());
  primary.Say(primary.Chunk(0, 0, 100));
  EXPECT_EQ(primary.Answer().ack().offset(), 100U);
  world.room = storage::DiskRoom::kFull;
  primary.Say(primary.Chunk(0, 100, 100));
  EXPECT_EQ(primary.Answer().ack().offset(), 200U) << "the reserve is for this";
  world.room = storage::DiskRoom::kExhausted;
  primary.Say(primary.Chunk(0, 200, 100));
  EXPECT_NE(primary.Answer().ack().refused(), "");
  EXPECT_TRUE(world.receiver->idle());
  world.there.Crash();  // Aborts while an import is held.

  proto::SnapshotMessage next = primary.begin();
  next.set_transfer(1);
  primary.Say(next);
  EXPECT_NE(primary.Answer().ack().refused(), "");
  world.room = storage::DiskRoom::kFull;
  next.set_transfer(2);
  primary.Say(next);
  EXPECT_EQ(primary.Answer().ack().refused(), "");
}

TEST(SnapshotReceiver, AnOfferWithoutMembersIsNotTaken) {
  SnapshotWorld world(1);
  RudePrimary primary(&world);
  proto::SnapshotMessage senseless = primary.begin();
  senseless.mutable_begin()->clear_members();
  primary.Say(senseless);
  (void)primary.Answer();
  EXPECT_TRUE(world.to_primary.empty());
}

TEST(SnapshotReceiver, ATransferThatNobodyGoesOnWithIsForgotten) {
  SnapshotWorld world(1);
  RudePrimary primary(&world);
  primary.Say(primary.begin());
  primary.Say(primary.Chunk(0, 0, 100));
  (void)primary.Answer();
  world.Pass(2 * SmallTuning().silence_max);
  primary.Say(primary.Chunk(0, 100, 100));
  world.to_primary.clear();
  (void)primary.Answer();
  EXPECT_TRUE(world.to_primary.empty());
  primary.Say(primary.begin());
  EXPECT_EQ(primary.Answer().ack().offset(), 0U) << "from the beginning";
}

// A damaged copy that waited for the primary before asked the new one for nothing for a minute
// (simulator, seed 467).
TEST(SnapshotReceiver, ATransferOfAPrimaryThatWasReplacedIsForgotten) {
  SnapshotWorld world(1);
  RudePrimary primary(&world);
  primary.Say(primary.begin());
  (void)primary.Answer();
  world.term = Term(primary.begin().term());
  world.Pass(std::chrono::milliseconds(1));
  EXPECT_FALSE(world.receiver->idle()) << "its sender still leads";
  ++world.term;
  world.Pass(std::chrono::milliseconds(1));
  EXPECT_TRUE(world.receiver->idle());
}

}  // namespace
}  // namespace ringfort::replica

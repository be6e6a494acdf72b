// A snapshot takes the place of a replica's data (protocols 5): the log decides. Nothing of before
// is dropped, and nobody is told that it is installed, until the new base is synced.
#include <gtest/gtest.h>

#include "base/hash.h"
#include "tests/unit/replica/lone_replica.h"
#include "tests/unit/replica/snapshot_world.h"
#include "wire/raft_codec.h"

namespace ringfort::replica {
namespace {

constexpr std::uint64_t kBase = 20;

/// The replica on node 2; node 1 leads in term 4 and sends it a snapshot that ends at kBase.
class Install : public testing::Test {
 protected:
  explicit Install(sim::ShardStoreWhims whims = {}) : follower_({.node = 2, .whims = whims}) {
    FillSource(&source_, kBase);
    snapshot_ = source_.Export(kSource).value();
    follower_.Settle();
  }

  static proto::SnapshotMessage Part(std::uint64_t term, std::uint64_t transfer) {
    proto::SnapshotMessage message;
    message.set_shard(5);
    message.set_from(LoneReplica::MemberOn(1).value());
    message.set_to(LoneReplica::MemberOn(2).value());
    message.set_term(term);
    message.set_transfer(transfer);
    message.set_attempt(1);
    return message;
  }
  void SayBegin(std::uint64_t term = 4, std::uint64_t transfer = 77) {
    proto::SnapshotMessage message = Part(term, transfer);
    proto::SnapshotBegin* begin = message.mutable_begin();
    begin->set_base_index(kBase);
    begin->set_base_term(3);
    wire::EncodeMembers(follower_.replica().raft().members(), begin->mutable_members());
    for (const storage::SnapshotFile& file : snapshot_->files()) {
      begin->add_files()->set_bytes(file.bytes);
      begin->mutable_files()->rbegin()->set_checksum(file.checksum);
    }
    Say(message);
  }
  void SayChunks() {
    for (std::uint32_t file = 0; file < snapshot_->files().size(); ++file) {
      proto::SnapshotMessage message = Part(4, 77);
      proto::SnapshotChunk* chunk = message.mutable_chunk();
      chunk->set_file(file);
      chunk->set_data(snapshot_->Read(file, 0, snapshot_->files()[file].bytes).value());
      chunk->set_checksum(Hash64(chunk->data()));
      Say(message);
    }
  }
  void Say(const proto::SnapshotMessage& message) {
    follower_.replica().OnSnapshot({NodeId(1), {}, BootNumber(1)}, message);
  }
  /// All but the disk's syncs, until the data are others.
  void RunUntilSwitched() {
    while (index() != LogIndex(kBase)) {
      follower_.TakeTurns();
      ASSERT_TRUE(follower_.RunPool());
    }
  }
  LogIndex index() { return follower_.replica().data()->applied().index; }
  int Installed() {
    int count = 0;
    for (const auto& [to, message] : follower_.told) count += message.snapshot().ack().installed();
    return count;
  }

  sim::MemoryShardStore source_;
  std::shared_ptr<storage::Snapshot> snapshot_;
  LoneReplica follower_;
};

// The run: import done, the old data dropped, crash; the log still names them.
TEST_F(Install, OldDataAreDroppedAndTheAnswerIsSentOnlyOnceTheBaseIsSynced) {
  SayBegin();
  follower_.Settle();
  EXPECT_FALSE(follower_.replica().IsSilent()) << "the transfer wants ticks";
  SayChunks();
  RunUntilSwitched();
  follower_.TakeTurns();
  follower_.Pass(std::chrono::milliseconds(100));
  EXPECT_TRUE(follower_.dropped.empty());
  EXPECT_EQ(Installed(), 0);
  EXPECT_EQ(follower_.log().WrittenGeneration(ShardId(5)), storage::Generation(1));
  while (follower_.Sync()) {
  }
  EXPECT_EQ(follower_.log().WrittenBase(ShardId(5))->index, LogIndex(kBase));
  EXPECT_EQ(follower_.log().WrittenGeneration(ShardId(5)), follower_.replica().generation());
  EXPECT_EQ(follower_.log().SyncedHardState(ShardId(5))->term, Term(4)) << "term and vote stay";
  ASSERT_EQ(follower_.dropped.size(), 1U);
  EXPECT_EQ(follower_.dropped[0].generation, storage::Generation(1));
  EXPECT_EQ(Installed(), 1);
}

TEST_F(Install, ALatePartDoesNothing) {
  SayBegin();
  follower_.Settle();
  SayChunks();
  follower_.Settle();
  ASSERT_EQ(index(), LogIndex(kBase));
  const storage::Generation generation = follower_.replica().generation();
  follower_.told.clear();
  SayChunks();
  SayBegin(/*term=*/3, /*transfer=*/78);
  follower_.Settle();
  EXPECT_TRUE(follower_.told.empty());
  SayBegin();  // The answer was lost.
  SayBegin(/*term=*/5, /*transfer=*/79);
  follower_.Settle();
  EXPECT_EQ(Installed(), 2) << "it has that already";
  EXPECT_EQ(follower_.replica().generation(), generation);
  EXPECT_EQ(follower_.dropped.size(), 1U);
}

TEST_F(Install, NothingHappensOnceTheReplicaIsStopped) {
  SayBegin();
  follower_.Settle();
  SayChunks();
  follower_.replica().Stop();
  SayChunks();
  SayBegin();
  follower_.Settle();
  EXPECT_EQ(index(), LogIndex(0));
  EXPECT_EQ(Installed(), 0);
}

/// Every read goes to the disk.
class InstallWithSlowReads : public Install {
 protected:
  InstallWithSlowReads() : Install({.miss_one_in = 1}) {}
};

TEST_F(InstallWithSlowReads, AReadInThePoolReadsTheOldDataToItsEnd) {
  SayBegin();
  follower_.Settle();
  SayChunks();
  std::shared_ptr<Answer> read;
  while (index() != LogIndex(kBase)) {
    follower_.TakeTurns();
    read = follower_.Ask(GetRequest("1", proto::Get::ANY_REPLICA));
    ASSERT_TRUE(follower_.RunPool());  // An earlier one.
  }
  ASSERT_EQ(read->calls, 0);
  follower_.Settle();
  EXPECT_EQ(read->calls, 1);
  ASSERT_EQ(read->response.got().entries_size(), 1);
  EXPECT_EQ(Installed(), 1);
}

}  // namespace
}  // namespace ringfort::replica

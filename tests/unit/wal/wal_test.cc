// The running log: disks that fail or stall, recycling, and readers beside it.
#include "wal/wal.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <future>
#include <string_view>
#include <thread>

#include "tests/unit/wal/scratch_log.h"

namespace ringfort::wal {
namespace {

using ::testing::HasSubstr;

constexpr ShardId kShard{1};

class WalTest : public ::testing::Test {
 protected:
  void Open(Durability durability = Durability::kSynced) {
    wal_.reset();
    Options options = SmallLog(dir_, &disk_);
    options.durability = durability;
    Result<std::unique_ptr<Wal>> wal = Wal::Open(options);
    ASSERT_TRUE(wal.ok()) << wal.status().ToString();
    wal_ = std::move(*wal);
  }
  Status Append(std::uint64_t index, std::size_t bytes = 3000, ShardId shard = kShard) {
    return AppendAndWait(*wal_, {OneEntry(shard, 1, index, bytes)});
  }

  const ScratchDir scratch_;
  const std::string dir_ = scratch_.PathOf("log");
  FaultyDisk disk_;
  std::unique_ptr<Wal> wal_;
};

// Room was reckoned for 8 bytes of a hard state where 12 were written: near the end of a segment
// the node aborted.
TEST_F(WalTest, WhateverABatchHoldsFitsIntoItsSegment) {
  Open();
  for (std::uint64_t term = 1; term <= 600; ++term) {
    std::vector<storage::LogUpdate> updates;
    for (std::uint32_t shard = 1; shard <= 64; ++shard) {
      storage::LogUpdate update;
      update.shard = ShardId(shard);
      update.hard_state = raft::HardState{Term(term), ReplicaId(1), false, ReplicaId(1)};
      if (term == 1) {
        update.base = raft::LogBase{};
        update.base->members.voters = {{ReplicaId(1), NodeId(1), kIncarnation}};
        update.generation = storage::Generation(1);
      }
      updates.push_back(std::move(update));
    }
    ASSERT_TRUE(AppendAndWait(*wal_, std::move(updates)).ok()) << term;
    // Batches of another length, so that ends of segments are met at every distance.
    ASSERT_TRUE(Append(term, term).ok()) << term;
  }
}

// Rebello et al., "Can applications recover from fsync failures?" (ATC 2020): a second sync may
// succeed without the data of the first.
TEST_F(WalTest, AFailedSyncIsFinal) {
  Open();
  ASSERT_TRUE(Append(1).ok());
  disk_.sync_error = EIO;
  const Status failed = Append(2);
  EXPECT_EQ(failed.code(), Code::kIoError);
  EXPECT_EQ(failed.effect(), Effect::kUnknown);
  EXPECT_THAT(failed.message(), HasSubstr("cannot sync " + dir_ + "/segment-"));
  disk_.sync_error = 0;
  EXPECT_EQ(Append(2).code(), Code::kIoError);
  EXPECT_EQ(wal_->Sync().code(), Code::kIoError);
  EXPECT_TRUE(wal_->Read(kShard, LogIndex(1), LogIndex(1), 0).ok());
}

TEST_F(WalTest, AFailedWriteIsFinal) {
  Open();
  disk_.write_error = ENOSPC;
  const Status failed = Append(1);
  EXPECT_EQ(failed.code(), Code::kIoError);
  EXPECT_THAT(failed.message(), HasSubstr("free space on this disk"));
  disk_.write_error = 0;
  EXPECT_EQ(Append(1).code(), Code::kIoError);
  Open();
  EXPECT_TRUE(Append(1).ok());
}

TEST_F(WalTest, AFullDiskIsFoundWhenTheNextSegmentIsNeededAndWhatWasSyncedStays) {
  Open();
  std::uint64_t last = 0;
  disk_.failing_write_bytes_min = 64 << 10;  // Filling a segment fails, appending does not.
  disk_.write_error = ENOSPC;
  Status status;
  while (status.ok() && last < 100) {
    status = Append(last + 1);
    if (status.ok()) ++last;
  }
  EXPECT_GT(last, 10U);
  EXPECT_LT(last, 100U);
  EXPECT_THAT(status.message(), HasSubstr("free space on this disk"));
  disk_.write_error = 0;
  Open();
  EXPECT_EQ(wal_->TakeRecovery().shards.at(0).last, LogIndex(last));
  for (int i = 0; i < 30; ++i) ASSERT_TRUE(Append(++last).ok());
}

// The run: the disk is full, filling a file ahead fails, and the log, cut, must give back what it
// holds though nothing asks for another segment: else the node stays exhausted.
TEST_F(WalTest, AFullDiskGetsBackTheSegmentsThatAreCut) {
  constexpr std::size_t kSegment = 64 << 10;
  const auto await_files = [this](std::string_view prefix, int wanted) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    int found = -1;
    while (found != wanted && std::chrono::steady_clock::now() < deadline) {
      std::this_thread::yield();
      found = 0;
      for (const auto& file : std::filesystem::directory_iterator(dir_)) {
        found += file.path().filename().string().starts_with(prefix) ? 1 : 0;
      }
    }
    EXPECT_EQ(found, wanted) << prefix;
  };
  Open();
  std::uint64_t last = 0;
  while (wal_->usage().bytes < 6 * kSegment) ASSERT_TRUE(Append(++last).ok());
  await_files(kSparePrefix, 1);
  disk_.failing_write_bytes_min = kSegment;  // Filling a segment fails, appending does not.
  disk_.write_error = ENOSPC;
  while (wal_->usage().bytes < 7 * kSegment) ASSERT_TRUE(Append(++last).ok());
  disk_.failed_writes.wait(0);  // The spare is used up, and there will be no other.
  wal_->Cut(kShard, LogIndex(last), Term(1), {});
  ASSERT_TRUE(wal_->Sync().ok());
  EXPECT_EQ(wal_->usage().bytes, kSegment);
  await_files("segment-", 1);
  // Two of them are spares now: the log goes on, though the disk is as full as it was.
  for (int i = 0; i < 30; ++i) ASSERT_TRUE(Append(++last).ok());
}

TEST_F(WalTest, AStalledSyncShowsForLiveness) {
  Open();
  disk_.Stall();
  std::promise<Status> outcome;
  wal_->Append({OneEntry(kShard, 1, 1, 10)},
               [&outcome](Status status) { outcome.set_value(std::move(status)); });
  disk_.AwaitStalled();
  const Duration first = wal_->stalled_for();
  while (wal_->stalled_for() <= first) std::this_thread::yield();
  EXPECT_EQ(wal_->Read(kShard, LogIndex(1), LogIndex(1), 0).status().code(), Code::kNotFound);
  disk_.Release();
  EXPECT_TRUE(outcome.get_future().get().ok());
  EXPECT_TRUE(wal_->Sync().ok());
}

TEST_F(WalTest, AppendsThatWaitShareOneSync) {
  Open();
  disk_.Stall();
  std::atomic<int> done{0};
  const auto count = [&done](Status status) { done += status.ok() ? 1 : 0; };
  wal_->Append({OneEntry(ShardId(0), 1, 1, 10)}, count);
  disk_.AwaitStalled();
  const int before = disk_.syncs;
  for (std::uint32_t shard = 1; shard <= 200; ++shard) {
    wal_->Append({OneEntry(ShardId(shard), 1, 1, 10)}, count);
  }
  disk_.Release();
  ASSERT_TRUE(wal_->Sync().ok());
  EXPECT_EQ(done, 201);
  // One for the 200; the helper that fills the next segment may have been at it too.
  EXPECT_LE(disk_.syncs - before, 3);
}

TEST_F(WalTest, RelaxedSkipsTheSyncOfEntriesOnly) {
  Open(Durability::kRelaxed);
  ASSERT_TRUE(Append(1).ok());
  ASSERT_TRUE(wal_->Sync().ok());
  disk_.sync_error = EIO;
  EXPECT_TRUE(Append(2).ok());
  storage::LogUpdate vote;
  vote.shard = kShard;
  vote.hard_state = raft::HardState{Term(1), ReplicaId(1)};
  EXPECT_EQ(AppendAndWait(*wal_, {vote}).code(), Code::kIoError);
}

// The power may fail seconds after a polite stop.
TEST_F(WalTest, ClosingSyncsRelaxedWritesToo) {
  Open(Durability::kRelaxed);
  ASSERT_TRUE(wal_->Sync().ok());
  ASSERT_TRUE(Append(1).ok());
  const Image note = LoadImage(dir_);
  wal_.reset();
  EXPECT_NE(LoadImage(dir_).at("synced"), note.at("synced")) << "the note of the sync";
}

TEST_F(WalTest, SegmentsAreRecycledAndTheDirectoryStaysSmall) {
  Open();
  std::uint64_t last = 0;
  for (int round = 0; round < 30; ++round) {
    for (int i = 0; i < 25; ++i) ASSERT_TRUE(Append(++last).ok());
    wal_->Cut(kShard, LogIndex(last), Term(1), {});
    ASSERT_TRUE(wal_->Sync().ok());
    ASSERT_LE(wal_->usage().bytes, std::size_t{4 * (64 << 10)});
    if (round % 7 == 0) Open();
  }
  wal_.reset();
  const Image image = LoadImage(dir_);
  EXPECT_LE(image.size(), 12U);
  EXPECT_GT(*ParseSegmentName(LastSegment(image)), 20U);
  Open();
  const storage::Recovery recovery = wal_->TakeRecovery();
  EXPECT_FALSE(recovery.unsure);
  EXPECT_EQ(recovery.shards.at(0).last, LogIndex(last));
}

// Rewriting in the newest segment only moves an entry once the batch that does it is synced: until
// then a crash shows the old segments, so they stay.
TEST_F(WalTest, WhatIsWrittenAgainFreesItsSegmentOnlyOnceItIsSynced) {
  constexpr ShardId kStuck{9};
  Open(Durability::kRelaxed);
  ASSERT_TRUE(Append(1, 3000, kStuck).ok());
  std::uint64_t last = 0;
  for (int i = 0; i < 60; ++i) ASSERT_TRUE(Append(++last).ok());
  wal_->Cut(kShard, LogIndex(last), Term(1), {});
  ASSERT_TRUE(wal_->Sync().ok());
  ASSERT_THAT(wal_->usage().oldest, testing::ElementsAre(kStuck));
  ASSERT_TRUE(wal_->Rewrite(kStuck).ok());
  ASSERT_TRUE(Append(++last, 10).ok());
  EXPECT_GT(wal_->usage().bytes, std::size_t{64 << 10}) << "written, but not synced";
  ASSERT_TRUE(wal_->Sync().ok());
  EXPECT_LE(wal_->usage().bytes, std::size_t{2 * (64 << 10)});
  const Result<std::size_t> again = wal_->Rewrite(kStuck);
  ASSERT_TRUE(again.ok());
  EXPECT_LT(*again, 3100U) << "one entry, not two";
  Open(Durability::kRelaxed);
  EXPECT_TRUE(wal_->Read(kStuck, LogIndex(1), LogIndex(1), 0).ok());
}

// What was read for it may be old when it is written: an entry that came since must not be cut off.
TEST_F(WalTest, AShardThatChangesMeanwhileIsNotWrittenAgain) {
  Open();
  for (std::uint64_t i = 1; i <= 3; ++i) ASSERT_TRUE(Append(i).ok());
  disk_.Stall();
  std::promise<Status> fourth;
  wal_->Append({OneEntry(kShard, 1, 4, 3000)}, [&](Status status) { fourth.set_value(status); });
  disk_.AwaitStalled();
  EXPECT_GT(*wal_->Rewrite(kShard), 9000U);  // As it stood before the write in flight.
  disk_.Release();
  ASSERT_TRUE(fourth.get_future().get().ok());
  ASSERT_TRUE(wal_->Sync().ok());
  EXPECT_TRUE(wal_->Read(kShard, LogIndex(1), LogIndex(4), 0).ok());
  Open();
  EXPECT_EQ(wal_->TakeRecovery().shards.at(0).last, LogIndex(4));
}

// A torn rewrite loses nothing: what it was to replace is still there.
TEST_F(WalTest, ATornRewriteLeavesTheEntriesWhereTheyWere) {
  constexpr ShardId kStuck{9};
  Open();
  for (std::uint64_t i = 1; i <= 3; ++i) ASSERT_TRUE(Append(i, 3000, kStuck).ok());
  std::uint64_t last = 0;
  while (wal_->usage().oldest.empty()) {
    ASSERT_TRUE(Append(++last).ok());
    wal_->Cut(kShard, LogIndex(last), Term(1), {});
  }
  ASSERT_TRUE(wal_->Sync().ok());
  const Image before = LoadImage(dir_);
  ASSERT_TRUE(wal_->Rewrite(kStuck).ok());
  ASSERT_TRUE(wal_->Sync().ok());
  Image torn = LoadImage(dir_);
  wal_.reset();
  const std::string segment = LastSegment(before);
  ASSERT_EQ(LastSegment(torn), segment);
  const std::string& old_bytes = before.at(segment);
  const std::string whole = torn.at(segment);
  const auto start = static_cast<std::size_t>(
      std::mismatch(old_bytes.begin(), old_bytes.end(), whole.begin()).first - old_bytes.begin());
  for (const std::size_t kept : {8, 60, 2000, 6000, 9000}) {
    SCOPED_TRACE("bytes kept of the torn write: " + std::to_string(kept));
    torn = before;
    torn[segment].replace(start, kept, whole, start, kept);
    StoreImage(torn, dir_);
    Open();
    const storage::Recovery recovery = wal_->TakeRecovery();
    EXPECT_TRUE(recovery.unsure);
    EXPECT_TRUE(wal_->Read(kStuck, LogIndex(1), LogIndex(3), 0).ok());
    wal_.reset();
  }
}

TEST_F(WalTest, ReadersBesideAWriterThatRecycles) {
  Open();
  std::atomic<std::uint64_t> acknowledged{0};
  std::atomic<bool> stop{false};
  std::atomic<int> served{0};
  const auto read = [&] {
    while (!stop) {
      const std::uint64_t last = acknowledged;
      if (last == 0) continue;
      const std::uint64_t first = last > 10 ? last - 10 : 1;
      const auto entries = wal_->Read(kShard, LogIndex(first), LogIndex(last), 1 << 20);
      if (!entries.ok()) {
        ASSERT_EQ(entries.status().code(), Code::kNotFound) << entries.status().ToString();
        continue;
      }
      for (const raft::Entry& entry : *entries) {
        ASSERT_EQ(entry, MakeEntry(1, entry.index.value(), 3000));
      }
      ++served;
    }
  };
  std::thread one(read);
  std::thread two(read);
  for (std::uint64_t index = 1; index <= 600 || served < 10; ++index) {
    ASSERT_TRUE(Append(index).ok());
    acknowledged = index;
    if (index % 15 == 0) wal_->Cut(kShard, LogIndex(index - 8), Term(1), {});
  }
  stop = true;
  one.join();
  two.join();
}

std::vector<std::uint32_t> FormatsOf(const std::string& dir) {
  std::vector<std::uint32_t> formats;
  for (const auto& [name, bytes] : LoadImage(dir)) {
    if (!ParseSegmentName(name)) continue;
    const Result<SegmentHeader> header = DecodeSegmentHeader(bytes);
    EXPECT_TRUE(header.ok()) << name;
    if (header.ok()) formats.push_back(header->format);
  }
  return formats;
}

// Until the cluster's level is raised an older release can read the log; from then on it refuses it
// at once, not only where it meets what it does not know.
TEST_F(WalTest, TheFeatureLevelDecidesTheFormatOfSegments) {
  Open();
  ASSERT_TRUE(Append(1).ok());
  wal_->SetFeatureLevel(FeatureLevel(0));
  ASSERT_TRUE(Append(2).ok());
  EXPECT_EQ(FormatsOf(dir_), (std::vector<std::uint32_t>{2}));
  wal_->SetFeatureLevel(FeatureLevel(1));
  ASSERT_TRUE(wal_->Sync().ok());
  EXPECT_EQ(FormatsOf(dir_), (std::vector<std::uint32_t>{2, 3})) << "without any entry";
  Open();
  ASSERT_TRUE(Append(3).ok());
  wal_->SetFeatureLevel(FeatureLevel(1));
  ASSERT_TRUE(wal_->Sync().ok());
  EXPECT_EQ(FormatsOf(dir_), (std::vector<std::uint32_t>{2, 3})) << "and only once";
  for (std::uint64_t i = 4; i < 30; ++i) ASSERT_TRUE(Append(i, 9000).ok());
  const std::vector<std::uint32_t> formats = FormatsOf(dir_);
  EXPECT_GT(formats.size(), 3U);
  EXPECT_EQ(std::count(formats.begin() + 1, formats.end(), 3),
            static_cast<std::ptrdiff_t>(formats.size() - 1));
  EXPECT_EQ(wal_->Read(kShard, LogIndex(1), LogIndex(29), 1 << 20)->size(), 29U);
}

// What a newer release wrote is left as it is, and never set aside.
TEST_F(WalTest, ALogOfANewerReleaseIsRefusedAndNotCalledDamaged) {
  Open();
  ASSERT_TRUE(Append(1).ok());
  raft::Entry entry{Term(1), LogIndex(2), static_cast<raft::EntryKind>(9), SharedBytes("new")};
  storage::LogUpdate update;
  update.shard = kShard;
  update.entries.push_back(entry);
  ASSERT_TRUE(AppendAndWait(*wal_, {update}).ok());
  wal_.reset();
  const Image before = LoadImage(dir_);
  const Status error = Wal::Open(SmallLog(dir_, &disk_)).status();
  EXPECT_EQ(error.code(), Code::kUnsupported) << error.ToString();
  EXPECT_THAT(error.message(), HasSubstr("kind 9"));
  EXPECT_EQ(LoadImage(dir_), before);
}

TEST_F(WalTest, ClosingFinishesWhatWasHandedIn) {
  Open();
  std::atomic<int> done{0};
  for (std::uint64_t index = 1; index <= 300; ++index) {
    wal_->Append({OneEntry(kShard, 1, index, 500)}, [&done](Status) { ++done; });
  }
  wal_.reset();
  EXPECT_EQ(done, 300);
  Open();
  EXPECT_EQ(wal_->TakeRecovery().shards.at(0).last, LogIndex(300));
}

TEST_F(WalTest, AReadNoticesABadDisk) {
  Open();
  ASSERT_TRUE(Append(1).ok());
  const std::string name = LastSegment(LoadImage(dir_));
  Result<File> file = File::Open(dir_ + "/" + name, /*writable=*/true);
  ASSERT_TRUE(file.ok());
  ASSERT_TRUE(file->WriteAt(kSegmentHeaderBytes + 2 * kBatchHeaderBytes + 500, "rot").ok());
  const Status status = wal_->Read(kShard, LogIndex(1), LogIndex(1), 0).status();
  EXPECT_EQ(status.code(), Code::kCorruption);
  EXPECT_THAT(status.message(), HasSubstr(name));
}

}  // namespace
}  // namespace ringfort::wal

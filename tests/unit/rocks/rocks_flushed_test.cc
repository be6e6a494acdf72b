// The flushed mark, by which the log is cut: what RocksDB 7.8 says with kPersistedTier and no WAL
// must be what a crash leaves. A mark that is too high loses acknowledged writes (protocols 4).
#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>

#include "rocks/rocks_store.h"
#include "tests/unit/rocks/scratch_dir.h"

namespace ringfort::rocks {
namespace {

using storage::Applied;
using storage::Generation;
using storage::ShardData;
using storage::ShardStore;

constexpr ShardStore::Name kName{ShardId(1), Generation(1)};
constexpr ShardStore::Name kOther{ShardId(2), Generation(1)};

Applied At(std::uint64_t index) {
  return {LogIndex(index), Term(1)};
}

class FlushedMark : public testing::Test {
 protected:
  FlushedMark() { Start(); }

  void Start() {
    store_ = RocksStore::Open(scratch_.options()).value();
    ASSERT_TRUE(store_->Create({kName, kOther}).ok());
    data_ = store_->Open(kName).value();
    other_ = store_->Open(kOther).value();
  }
  void Stop() {
    data_.reset();
    other_.reset();
    store_.reset();
  }

  ScratchDir scratch_;
  std::unique_ptr<RocksStore> store_;
  std::shared_ptr<ShardData> data_;
  std::shared_ptr<ShardData> other_;
};

TEST_F(FlushedMark, StaysWhileOnlyMemoryGrows) {
  ASSERT_TRUE(data_->Apply({}, At(1), true).ok());
  EXPECT_EQ(data_->flushed_applied().value(), Applied{});
  ASSERT_TRUE(data_->Flush().ok());
  ASSERT_TRUE(data_->Apply({}, At(2), true).ok());
  EXPECT_EQ(data_->flushed_applied().value(), At(1));
  EXPECT_EQ(data_->applied(), At(2));
}

TEST_F(FlushedMark, IsNotMovedByTheFlushOfAnotherReplica) {
  ASSERT_TRUE(data_->Apply({}, At(1), true).ok());
  ASSERT_TRUE(other_->Apply({}, At(9), true).ok());
  ASSERT_TRUE(other_->Flush().ok());
  EXPECT_EQ(data_->flushed_applied().value(), Applied{});
  EXPECT_EQ(other_->flushed_applied().value(), At(9));
}

// RocksDB looks into the memtables again unless it remembers that something was written without a
// WAL: after a start, and after everything was flushed.
TEST_F(FlushedMark, IsRightAgainAfterAStartAndAfterFlushingAll) {
  ASSERT_TRUE(data_->Apply({}, At(1), true).ok());
  ASSERT_TRUE(data_->Flush().ok());
  ASSERT_TRUE(other_->Flush().ok());
  ASSERT_TRUE(data_->Apply({}, At(2), true).ok());
  EXPECT_EQ(data_->flushed_applied().value(), At(1));
  Stop();
  Start();
  EXPECT_EQ(data_->flushed_applied().value(), At(1));
  ASSERT_TRUE(data_->Apply({}, At(3), true).ok());
  EXPECT_EQ(data_->flushed_applied().value(), At(1));
}

// Reads the mark while flushes run, then crashes: the store must come back at or above every mark
// read.
TEST_F(FlushedMark, NeverClaimsMoreThanACrashLeaves) {
  for (int round = 0; round < 5; ++round) {
    std::atomic<bool> done = false;
    Applied claimed;
    std::thread reader([&] {
      do {
        const Applied now = data_->flushed_applied().value();
        ASSERT_GE(now, claimed) << "it went back";
        claimed = now;
      } while (!done);
    });
    std::thread flusher([&] {
      while (!done) {
        ASSERT_TRUE(data_->Flush().ok());
      }
    });
    const std::uint64_t from = data_->applied().index.value();
    for (std::uint64_t i = 1; i <= 2000; ++i) {
      ASSERT_TRUE(
          data_->Apply({{.key = std::to_string(i), .value = "x"}}, At(from + i), true).ok());
    }
    done = true;
    reader.join();
    flusher.join();
    Stop();
    Start();
    ASSERT_GE(data_->applied(), claimed);
    ASSERT_EQ(data_->applied(), data_->flushed_applied().value());
  }
}

/// A store with small memtables (256 KiB), and how far its shard may be durable: as far as what was
/// handed to it when the last flush began.
class BeforeFlush : public testing::Test {
 protected:
  BeforeFlush() {
    Options options = scratch_.options();
    options.write_buffer_bytes = 1 << 20;
    options.before_flush = [this] {
      ++flushes_;
      synced_ = handed_in_.load();
      if (meanwhile_) meanwhile_();
    };
    store_ = RocksStore::Open(options).value();
    EXPECT_TRUE(store_->Create({kName}).ok());
    data_ = store_->Open(kName).value();
  }
  void Apply(std::size_t bytes, bool may_wait) {
    const std::uint64_t index = ++handed_in_;
    const storage::Mutation put{.key = std::to_string(index), .value = std::string(bytes, 'x')};
    ASSERT_TRUE(data_->Apply({put}, At(index), may_wait).ok());
  }
  void ExpectNoneAhead() {
    const std::uint64_t flushed = data_->flushed_applied().value().index.value();
    ASSERT_LE(flushed, synced_);
  }

  ScratchDir scratch_;
  std::atomic<std::uint64_t> handed_in_ = 0;
  std::atomic<std::uint64_t> synced_ = 0;
  std::atomic<int> flushes_ = 0;
  std::function<void()> meanwhile_;
  std::unique_ptr<RocksStore> store_;
  std::shared_ptr<ShardData> data_;
};

// A power cut keeps what a flush made durable, and of the log what was synced (protocols 4): a
// shard whose data are ahead of its log is lost.
TEST_F(BeforeFlush, IsCalledBeforeEachOfRocksDbsOwnFlushes) {
  while (flushes_ < 10) {
    ASSERT_NO_FATAL_FAILURE(Apply(4096, /*may_wait=*/true));
    ASSERT_NO_FATAL_FAILURE(ExpectNoneAhead());
  }
  EXPECT_GT(data_->flushed_applied().value().index, LogIndex(0));
}

// RocksDB 6 told of a flush before it chose the memtables: one that fills up meanwhile would go
// along. That an Apply comes through here also shows that no lock is held.
TEST_F(BeforeFlush, WhatIsAppliedDuringTheCallIsNotInTheFlush) {
  ASSERT_NO_FATAL_FAILURE(Apply(10, true));
  std::atomic<bool> first = true;
  meanwhile_ = [&] {
    if (!first.exchange(false)) return;
    for (int i = 0; i < 10; ++i) Apply(32 << 10, /*may_wait=*/false);  // More than one memtable.
  };
  ASSERT_TRUE(data_->Flush().ok());
  EXPECT_FALSE(first);
  ASSERT_NO_FATAL_FAILURE(ExpectNoneAhead());
  ASSERT_TRUE(data_->Flush().ok());
  EXPECT_EQ(data_->flushed_applied().value(), At(11));
}

}  // namespace
}  // namespace ringfort::rocks

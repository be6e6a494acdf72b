// The flushed mark, by which the log is cut: what RocksDB 7.8 says with kPersistedTier and no WAL
// must be what a crash leaves. A mark that is too high loses acknowledged writes (protocols 4).
#include <gtest/gtest.h>

#include <atomic>
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

}  // namespace
}  // namespace ringfort::rocks

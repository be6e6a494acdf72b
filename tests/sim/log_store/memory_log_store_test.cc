// What the contract suite cannot ask of both logs: the fates of writes that were not synced.
#include "tests/sim/log_store/memory_log_store.h"

#include <gtest/gtest.h>

namespace ringfort::sim {
namespace {

class MemoryLogStoreTest : public ::testing::Test {
 protected:
  MemoryLogStore Make(bool relaxed) {
    return MemoryLogStore(
        {.relaxed = relaxed,
         .when_written = [this](env::Task task) { tasks_.push_back(std::move(task)); },
         .now = [this] { return now_; }});
  }
  void RunTasks() {
    while (!tasks_.empty()) {
      const env::Task task = std::move(tasks_.front());
      tasks_.pop_front();
      task();
    }
  }
  static storage::LogUpdate OneEntry(std::uint64_t index) {
    storage::LogUpdate update;
    update.shard = ShardId(1);
    update.entries.push_back(
        {Term(1), LogIndex(index), raft::EntryKind::kCommand, SharedBytes(std::string("data"))});
    return update;
  }
  static LogIndex LastOf(MemoryLogStore& store) {
    const storage::Recovery recovery = store.TakeRecovery();
    return recovery.shards.empty() ? LogIndex(0) : recovery.shards.front().last;
  }

  std::deque<env::Task> tasks_;
  MonotonicTime now_{};
  int done_ = 0;
};

TEST_F(MemoryLogStoreTest, AWriteInFlightMayBeLostOrKeptAndNobodyIsTold) {
  for (const Unsynced fate : {Unsynced::kLost, Unsynced::kKept}) {
    MemoryLogStore store = Make(false);
    store.Append({OneEntry(1)}, [this](Status) { ++done_; });
    store.ForgetUnsynced(fate);
    RunTasks();
    EXPECT_EQ(done_, 0);
    EXPECT_EQ(LastOf(store), LogIndex(fate == Unsynced::kKept ? 1 : 0));
  }
}

TEST_F(MemoryLogStoreTest, ATornWriteMarksEveryShardUntilItIsSure) {
  MemoryLogStore store = Make(false);
  store.Append({OneEntry(1)}, [](Status) {});
  RunTasks();
  store.Append({OneEntry(2)}, [](Status) {});
  store.ForgetUnsynced(Unsynced::kTorn);
  storage::Recovery recovery = store.TakeRecovery();
  EXPECT_TRUE(recovery.unsure);
  EXPECT_TRUE(recovery.shards.at(0).hard_state.unsure);
  EXPECT_EQ(recovery.shards.at(0).last, LogIndex(1));

  store.ForgetUnsynced(Unsynced::kLost);
  recovery = store.TakeRecovery();
  EXPECT_FALSE(recovery.unsure);
  EXPECT_TRUE(recovery.shards.at(0).hard_state.unsure);
}

TEST_F(MemoryLogStoreTest, RelaxedEntriesAreAcknowledgedAndLostButNotHardStates) {
  MemoryLogStore store = Make(true);
  storage::LogUpdate vote = OneEntry(1);
  vote.hard_state = raft::HardState{Term(3), ReplicaId(2)};
  store.Append({vote}, [this](Status) { ++done_; });
  RunTasks();
  store.Append({OneEntry(2)}, [this](Status) { ++done_; });
  RunTasks();
  EXPECT_EQ(done_, 2);
  store.ForgetUnsynced(Unsynced::kLost);
  EXPECT_EQ(LastOf(store), LogIndex(1));
}

TEST_F(MemoryLogStoreTest, SyncIsAtOnceAndCallbacksKeepTheirOrder) {
  MemoryLogStore store = Make(true);
  std::vector<int> order;
  store.Append({OneEntry(1)}, [&order](Status) { order.push_back(1); });
  store.Append({OneEntry(2)}, [&order](Status) { order.push_back(2); });
  EXPECT_TRUE(store.Sync().ok());
  store.Append({OneEntry(3)}, [&order](Status) { order.push_back(3); });
  EXPECT_TRUE(store.Sync().ok());
  RunTasks();
  EXPECT_EQ(order, (std::vector<int>{1, 2, 3}));
  store.ForgetUnsynced(Unsynced::kLost);
  EXPECT_EQ(LastOf(store), LogIndex(3));
}

TEST_F(MemoryLogStoreTest, AFailureIsFinalAndStallsAreSeen) {
  MemoryLogStore store = Make(false);
  Status outcome;
  store.Append({OneEntry(1)}, [&outcome](Status status) { outcome = std::move(status); });
  now_ += std::chrono::milliseconds(7);
  EXPECT_EQ(store.stalled_for(), std::chrono::milliseconds(7));
  store.FailWrites(Status(Code::kIoError, "cannot sync the log: the disk fails"));
  RunTasks();
  EXPECT_EQ(outcome.code(), Code::kIoError);
  EXPECT_EQ(store.stalled_for(), Duration(0));
  EXPECT_EQ(store.Sync().code(), Code::kIoError);
}

}  // namespace
}  // namespace ringfort::sim

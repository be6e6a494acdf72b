// The data of a shard that is begun anew: all that the copy held and logged, no session, and
// nothing of it when a step fails. The copy itself stays as it was.
#include "replica/recovery.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "replica/state_machine.h"
#include "storage/encoding.h"
#include "tests/sim/log_store/memory_log_store.h"
#include "tests/sim/shard_store/memory_shard_store.h"
#include "tests/unit/replica/commands.h"

namespace ringfort::replica {
namespace {

using ::testing::ElementsAre;

constexpr ShardId kShard{4};
constexpr storage::ShardStore::Name kOld{kShard, storage::Generation(1)};
constexpr storage::ShardStore::Name kNew{kShard, storage::Generation(2)};

raft::LogBase Beginning() {
  raft::LogBase base;
  base.index = LogIndex(1'000'000);
  base.term = Term(50);
  return base;
}

class RecoveredData : public testing::Test {
 protected:
  RecoveredData()
      : log_({.when_written = [this](env::Task task) { tasks_.push_back(std::move(task)); },
              .now = [] { return MonotonicTime(); }}) {
    log_.TakeRecovery();
    EXPECT_TRUE(store_.Create({kOld}).ok());
    data_ = store_.Open(kOld).value();
    machine_ = StateMachine::Load(data_).value();
    storage::LogUpdate first;
    first.shard = kShard;
    first.base = raft::LogBase{};
    first.hard_state = raft::HardState{Term(1), ReplicaId(), false, ReplicaId(1)};
    first.generation = kOld.generation;
    log_.Append({first}, [](const Status&) {});
    Log({OpenSession(), Write({1, 1}, {Put("a", "1")}), Write({1, 2}, {Put("b", "1")}),
         Write({1, 3}, {Put("a", "2"), Delete("b")})});
  }

  void Log(const std::vector<proto::Command>& commands) {
    storage::LogUpdate update;
    update.shard = kShard;
    for (const proto::Command& command : commands) {
      entries_.push_back(EntryOf(LogIndex(entries_.size() + 1), command));
      update.entries.push_back(entries_.back());
    }
    log_.Append({update}, [](const Status&) {});
  }
  /// The replica has applied so many of its entries.
  void Apply(std::size_t count) {
    const auto first =
        entries_.begin() + static_cast<std::ptrdiff_t>(data_->applied().index.value());
    const std::vector<raft::Entry> next(first,
                                        entries_.begin() + static_cast<std::ptrdiff_t>(count));
    EXPECT_TRUE(machine_->Apply(next, true).ok());
  }
  Status Make(std::uint64_t last) {
    return MakeRecoveredData({kOld, LogIndex(last)}, kNew, Beginning(), &log_, &store_);
  }
  std::string Get(storage::ShardData& data, std::string_view sort_key) {
    auto raw = data.Get(storage::EncodeDataKey(kShardKey, sort_key), storage::ReadDepth::kDisk);
    if (!raw.ok() || !raw->has_value()) return "none";
    const auto value = storage::DecodeValue(**raw);
    return std::string(value->user) + "@" + std::to_string(value->version.value());
  }

  std::vector<env::Task> tasks_;
  sim::MemoryLogStore log_;
  sim::MemoryShardStore store_;
  std::shared_ptr<storage::ShardData> data_;
  std::unique_ptr<StateMachine> machine_;
  std::vector<raft::Entry> entries_;
};

TEST_F(RecoveredData, HoldsEveryEntryOfTheLogAndNoSession) {
  Apply(2);
  const std::string before = Dump(*data_);
  ASSERT_TRUE(Make(4).ok());
  EXPECT_EQ(Dump(*data_), before) << "the copy itself was changed";
  EXPECT_EQ(data_->applied().index, LogIndex(2));
  data_.reset();
  machine_.reset();
  store_.Crash();  // All of it is in files.
  auto made = store_.Open(kNew);
  ASSERT_TRUE(made.ok()) << made.status().ToString();
  EXPECT_EQ((*made)->applied(), (storage::Applied{LogIndex(1'000'000), Term(50)}));
  EXPECT_EQ(Get(**made, "a"), "2@4");
  EXPECT_EQ(Get(**made, "b"), "none");
  auto machine = StateMachine::Load(*made);
  ASSERT_TRUE(machine.ok());
  EXPECT_EQ((*machine)->session_count(), 0U);
  // A write that was open finds no session: whether it was made, nobody says.
  const auto retried =
      (*machine)->Apply({EntryOf(LogIndex(1'000'001), Write({1, 3}, {Put("a", "2")}))}, true);
  ASSERT_TRUE(retried.ok());
  EXPECT_EQ(retried->front().outcome.code, Code::kSessionExpired);
}

TEST_F(RecoveredData, AVerifyInTheLogIsNoEnd) {
  proto::Command verify;
  verify.mutable_verify();
  Log({verify, verify, Write({1, 4}, {Put("c", "1")})});
  Apply(4);
  ASSERT_TRUE(Make(7).ok());
  EXPECT_EQ(Get(**store_.Open(kNew), "c"), "1@7");
}

TEST_F(RecoveredData, OfManySessionsNoneIsLeft) {
  std::vector<proto::Command> opens(3000, OpenSession());
  Log(opens);
  Apply(4);
  ASSERT_TRUE(Make(3004).ok());
  const auto machine = StateMachine::Load(*store_.Open(kNew));
  ASSERT_TRUE(machine.ok());
  EXPECT_EQ((*machine)->session_count(), 0U);
}

TEST_F(RecoveredData, AFailureLeavesNothingBehind) {
  Apply(3);
  EXPECT_EQ(Make(9).code(), Code::kNotFound) << "the log ends before";
  EXPECT_THAT(store_.List(), ElementsAre(kOld));
  ASSERT_TRUE(data_->Flush().ok());
  data_.reset();
  machine_.reset();
  store_.Damage(kOld, 0);
  EXPECT_EQ(Make(4).code(), Code::kCorruption);
  EXPECT_THAT(store_.List(), ElementsAre(kOld));
}

}  // namespace
}  // namespace ringfort::replica

// What entries do to the data: conditions, versions, batches, and what a batch leaves when it
// fails.
#include "replica/state_machine.h"

#include <gtest/gtest.h>

#include "features/features.h"
#include "storage/encoding.h"
#include "tests/unit/replica/commands.h"

namespace ringfort::replica {
namespace {

using Found = LoneMachine::Found;

class Machine : public testing::Test {
 protected:
  Machine() : session_(shard_.Do(OpenSession()).version.value()) {}

  proto::Command Next(const std::vector<proto::Operation>& operations) {
    return Write({session_, ++sequence_, 1}, operations);
  }

  LoneMachine shard_;
  const std::uint64_t session_;
  std::uint64_t sequence_ = 0;
};

TEST_F(Machine, TheVersionIsTheIndexOfTheLastWrite) {
  EXPECT_EQ(shard_.Do(Next({Put("a", "1"), Put("b", "1")})), (Outcome{Code::kOk, LogIndex(2)}));
  EXPECT_EQ(shard_.Do(Next({Put("a", "2")})), (Outcome{Code::kOk, LogIndex(3)}));
  EXPECT_EQ(shard_.Get("a"), (Found{"2", 3}));
  EXPECT_EQ(shard_.Get("b"), (Found{"1", 2}));
}

TEST_F(Machine, IfAbsent) {
  EXPECT_EQ(shard_.Do(Next({PutIfAbsent("a", "1")})).code, Code::kOk);
  EXPECT_EQ(shard_.Do(Next({PutIfAbsent("a", "2")})).code, Code::kConditionFailed);
  EXPECT_EQ(shard_.Get("a"), (Found{"1", 2}));
  shard_.Do(Next({Delete("a")}));
  EXPECT_EQ(shard_.Do(Next({PutIfAbsent("a", "3")})).code, Code::kOk);
  EXPECT_EQ(shard_.Get("a"), (Found{"3", 5}));
}

TEST_F(Machine, IfVersion) {
  shard_.Do(Next({Put("a", "1")}));
  EXPECT_EQ(shard_.Do(Next({PutIfVersion("a", "2", 1)})).code, Code::kConditionFailed);
  EXPECT_EQ(shard_.Do(Next({PutIfVersion("a", "2", 2)})).code, Code::kOk);
  EXPECT_EQ(shard_.Do(Next({PutIfVersion("a", "3", 2)})).code, Code::kConditionFailed);
  EXPECT_EQ(shard_.Do(Next({PutIfVersion("none", "3", 2)})).code, Code::kConditionFailed);
  EXPECT_EQ(shard_.Get("a"), (Found{"2", 4}));
  proto::Operation remove = Delete("a");
  remove.mutable_condition()->set_kind(proto::Condition::IF_VERSION);
  remove.mutable_condition()->set_version(4);
  EXPECT_EQ(shard_.Do(Next({remove})).code, Code::kOk);
  EXPECT_EQ(shard_.Get("a"), std::nullopt);
}

TEST_F(Machine, AConditionSeesTheEntriesBeforeItInTheSameBatch) {
  const auto outcomes = shard_.DoAll({
      Next({Put("a", "1")}),              // 2
      Next({PutIfAbsent("a", "2")}),      // 3
      Next({PutIfVersion("a", "3", 2)}),  // 4
      Next({Delete("a")}),                // 5
      Next({PutIfVersion("a", "4", 4)}),  // 6
      Next({PutIfAbsent("a", "5")}),      // 7
  });
  std::vector<Code> codes;
  for (const Outcome& outcome : outcomes) codes.push_back(outcome.code);
  EXPECT_EQ(codes, (std::vector<Code>{Code::kOk, Code::kConditionFailed, Code::kOk, Code::kOk,
                                      Code::kConditionFailed, Code::kOk}));
  EXPECT_EQ(shard_.Get("a"), (Found{"5", 7}));
}

TEST_F(Machine, AWriteIsAllOrNothing) {
  shard_.Do(Next({Put("taken", "1")}));
  const std::vector<proto::Operation> mixed = {Put("a", "x"), PutIfAbsent("taken", "x"),
                                               Delete("taken"), PutIfAbsent("b", "x")};
  EXPECT_EQ(shard_.Do(Next(mixed)).code, Code::kConditionFailed);
  EXPECT_EQ(shard_.Get("a"), std::nullopt);
  EXPECT_EQ(shard_.Get("b"), std::nullopt);
  EXPECT_EQ(shard_.Get("taken"), (Found{"1", 2}));
}

TEST_F(Machine, ConditionsOfAWriteSeeTheDataBeforeIt) {
  EXPECT_EQ(shard_.Do(Next({Put("a", "1"), PutIfAbsent("a", "2")})).code, Code::kOk);
  EXPECT_EQ(shard_.Get("a"), (Found{"2", 2}));
}

TEST_F(Machine, OtherKindsOfEntriesOnlyMoveTheMark) {
  const std::string before = Dump(shard_.data());
  const raft::Entry noop{Term(2), shard_.next(), raft::EntryKind::kNoop, SharedBytes()};
  const raft::Entry members{Term(2), shard_.next() + 1, raft::EntryKind::kMembers,
                            SharedBytes("?")};
  ASSERT_TRUE(shard_.machine().Apply({noop, members}, false).ok());
  EXPECT_EQ(shard_.data().applied(), (storage::Applied{LogIndex(3), Term(2)}));
  EXPECT_EQ(Dump(shard_.data()).size(), before.size());
}

// Never damage, never a guess: before, an operation that was not known was applied as a put, and a
// command as damage that cost the replica.
TEST_F(Machine, AnUnknownEntryIsFinalAndChangesNothing) {
  const std::string before = Dump(shard_.data());
  const raft::Entry good = EntryOf(shard_.next(), Next({Put("a", "1")}));
  const auto refusal = [&](const raft::Entry& entry) {
    const Status status = shard_.machine().Apply({good, entry}, true).status();
    EXPECT_EQ(status.code(), Code::kUnsupported) << status.ToString();
    EXPECT_EQ(Dump(shard_.data()), before);
    EXPECT_EQ(shard_.machine().session_count(), 1U);
    return status.message();
  };
  refusal({Term(1), good.index + 1, raft::EntryKind::kCommand, SharedBytes("\xff")});
  refusal(EntryOf(good.index + 1, proto::Command()));  // A body of a later release.
  proto::Operation operation = Put("a", "2");
  operation.set_kind(static_cast<proto::Operation::Kind>(2));
  refusal(EntryOf(good.index + 1, Next({operation})));
  operation = Put("a", "2");
  operation.mutable_condition()->set_kind(static_cast<proto::Condition::Kind>(3));
  refusal(EntryOf(good.index + 1, Next({operation})));
  proto::Command newer = Next({Put("a", "2")});
  newer.set_level(features::kNewest.value() + 1);
  const std::string message = refusal(EntryOf(good.index + 1, newer));
  EXPECT_NE(message.find("feature level " + std::to_string(newer.level())), std::string::npos)
      << message;
}

TEST_F(Machine, LoadsWhatWasStored) {
  shard_.Do(Next({Put("a", "1")}));
  shard_.Do(OpenSession(500));
  shard_.Reload();
  EXPECT_EQ(shard_.machine().session_count(), 2U);
  EXPECT_EQ(shard_.machine().session_time(), SessionTime(500));
  // A retry over the restart, and a write that was not there yet.
  EXPECT_EQ(shard_.Do(Write({session_, 1, 1}, {Put("a", "1")})), (Outcome{Code::kOk, LogIndex(2)}));
  EXPECT_EQ(shard_.Do(Next({PutIfVersion("a", "2", 2)})).code, Code::kOk);
  EXPECT_EQ(shard_.Get("a"), (Found{"2", 5}));
}

TEST_F(Machine, ADamagedSessionTimeIsNotTakenForNone) {
  const storage::Mutation damage{storage::Mutation::Kind::kPut, storage::MarkKey("session-time"),
                                 "short"};
  ASSERT_TRUE(shard_.data().Apply({damage}, {shard_.next(), Term(1)}, true).ok());
  // Load wants to share what here belongs to the fixture.
  const std::shared_ptr<storage::ShardData> borrowed(std::shared_ptr<void>(), &shard_.data());
  EXPECT_EQ(StateMachine::Load(borrowed).status().code(), Code::kCorruption);
}

/// Applies on the loop are refused: the state must be as if nobody had asked.
void ExpectRefusedThenApplied(sim::ShardStoreWhims whims) {
  LoneMachine shard(whims);
  const std::uint64_t session = shard.Do(OpenSession()).version.value();
  shard.Do(Write({session, 1, 1}, {Put("a", "1")}));
  const std::string before = Dump(shard.data());
  const std::vector<raft::Entry> entries = {
      EntryOf(shard.next(), OpenSession(700)),
      EntryOf(shard.next() + 1, Write({session, 2, 2}, {PutIfVersion("a", "2", 2)}, 800)),
  };
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(shard.machine().Apply(entries, /*may_wait=*/false).status().code(),
              Code::kOverloaded);
    EXPECT_EQ(Dump(shard.data()), before);
    EXPECT_EQ(shard.machine().session_count(), 1U);
    EXPECT_EQ(shard.machine().session_time(), SessionTime(0));
  }
  const auto applied = shard.machine().Apply(entries, /*may_wait=*/true);
  ASSERT_TRUE(applied.ok());
  EXPECT_EQ(applied->back().outcome, (Outcome{Code::kOk, LogIndex(4)}));
  EXPECT_EQ(shard.machine().session_count(), 2U);
  EXPECT_EQ(shard.machine().session_time(), SessionTime(800));
  EXPECT_EQ(shard.Get("a"), (Found{"2", 4}));
}

TEST(MachineThatMayNotWait, ChangesNothingWhenTheStoreIsOverloaded) {
  ExpectRefusedThenApplied({.overload_one_in = 1});
}

TEST(MachineThatMayNotWait, ChangesNothingWhenAConditionNeedsTheDisk) {
  ExpectRefusedThenApplied({.miss_one_in = 1});
}

}  // namespace
}  // namespace ringfort::replica

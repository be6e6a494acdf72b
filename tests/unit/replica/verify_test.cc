// Verify: replicas sum up exactly the state at one index (protocols 8, last point).
#include <gtest/gtest.h>

#include "replica/shard_summer.h"
#include "storage/encoding.h"
#include "tests/unit/replica/commands.h"
#include "tests/unit/replica/lone_replica.h"

namespace ringfort::replica {
namespace {

proto::Command Verify() {
  proto::Command command;
  command.mutable_verify();
  return command;
}

proto::Request VerifyRequest() {
  proto::Request request;
  request.mutable_verify_shard();
  return request;
}

std::string ReadAll(storage::Cursor* cursor) {
  std::string all;
  while (cursor
             ->Next(1,
                    [&all](std::string_view key, std::string_view value) {
                      if (IsReplicated(key)) all.append(key).append(value);
                    })
             .value()) {
  }
  return all;
}

TEST(MachineAtAVerify, StopsThereAndShowsTheDataOfThatIndex) {
  LoneMachine shard;
  shard.Do(OpenSession());
  const LogIndex next = shard.next();
  const std::vector<raft::Entry> entries = {EntryOf(next, Write({1, 1}, {Put("a", "1")})),
                                            EntryOf(next + 1, Verify()),
                                            EntryOf(next + 2, Write({1, 2}, {Put("a", "2")}))};
  const std::string before = Dump(shard.data());
  // A cursor may need the disk.
  EXPECT_EQ(shard.machine().Apply(entries, false).status().code(), Code::kOverloaded);
  EXPECT_EQ(Dump(shard.data()), before);
  EXPECT_EQ(shard.machine().TakeCursor(), nullptr);

  const auto applied = shard.machine().Apply(entries, true);
  ASSERT_TRUE(applied.ok());
  ASSERT_EQ(applied->size(), 2U);
  EXPECT_EQ(applied->back().index, next + 1);
  EXPECT_EQ(applied->back().outcome, (Outcome{Code::kOk, next + 1}));
  EXPECT_EQ(shard.data().applied().index, next + 1);
  const auto at_verify = shard.machine().TakeCursor();
  const auto now = shard.data().OpenCursor();
  ASSERT_NE(at_verify, nullptr);
  ASSERT_TRUE(shard.machine().Apply({entries.back()}, true).ok());
  EXPECT_EQ(shard.machine().TakeCursor(), nullptr);
  EXPECT_EQ(shard.Get("a"), (LoneMachine::Found{"2", 4}));
  EXPECT_EQ(ReadAll(at_verify.get()), ReadAll(now.get()));
}

/// Fails in the midst of the data.
class BrokenCursor final : public storage::Cursor {
 public:
  Result<bool> Next(std::size_t /*bytes_max*/, const Visit& visit) override {
    visit(storage::EncodeDataKey("k", ""), "v");
    if (++calls_ < 3) return true;
    return Status(Code::kCorruption, "block 7 is damaged");
  }

 private:
  int calls_ = 0;
};

TEST(ShardSummer, SaysWhyThereIsNoSumWhenTheDataEndInAnError) {
  ShardSummer summer(LogIndex(5), {}, nullptr, std::make_unique<BrokenCursor>());
  int steps = 0;
  for (; !summer.done(); ++steps) summer.Step();
  EXPECT_EQ(steps, 3);
  EXPECT_EQ(summer.sum().error, "block 7 is damaged");
  EXPECT_EQ(summer.sum().index, LogIndex(5));
}

/// A primary on node 1 of three that has a session.
class VerifiedPrimary {
 public:
  explicit VerifiedPrimary(sim::ShardStoreWhims whims = {}, std::uint64_t seed = 1)
      : world({.whims = whims, .seed = seed}) {
    world.Lead();
    const auto opened = world.Ask(OpenRequest());
    Commit();
    session_ = opened->response.session_opened().session();
  }
  void Commit() {
    world.Settle();
    world.Acknowledge(2);
    world.Settle();
  }
  std::shared_ptr<Answer> AskPut(const std::string& key, const std::string& value) {
    return world.Ask(WriteRequest(session_, ++sequence_, {Put(key, value)}));
  }
  std::optional<proto::ReplicaSum> Sum() {
    proto::ReplicaStatus status;
    std::size_t no_keys = 0;
    world.replica().FillStatus(&status, world.Now(), &no_keys);
    if (!status.has_sum()) return std::nullopt;
    return status.sum();
  }

  LoneReplica world;

 private:
  std::uint64_t session_ = 0;
  std::uint64_t sequence_ = 0;
};

TEST(Verify, SumsTheStateAtItsIndexWhateverIsAppliedTogetherWithIt) {
  std::optional<std::string> expected;
  for (std::uint64_t seed = 1; seed <= 30; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    VerifiedPrimary primary({.flush_one_in = 5, .miss_one_in = 3, .overload_one_in = 3}, seed);
    std::shared_ptr<Answer> verified;
    for (int i = 0; i < 20; ++i) {
      if (i == 10) verified = primary.world.Ask(VerifyRequest());
      // Behind the Verify each run writes something else.
      primary.AskPut("k" + std::to_string(i % 7), std::to_string(i < 10 ? i : random.Below(99)));
      if (random.OneIn(3)) primary.Commit();
    }
    primary.Commit();
    ASSERT_EQ(verified->calls, 1);
    const auto sum = primary.Sum();
    ASSERT_TRUE(sum.has_value());
    EXPECT_EQ(sum->index(), verified->response.verify_started().index());
    EXPECT_EQ(sum->entries(), 7U);
    EXPECT_EQ(sum->error(), "");
    if (!expected) expected = sum->SerializeAsString();
    EXPECT_EQ(sum->SerializeAsString(), *expected);
  }
}

TEST(Verify, ADifferenceBeforeItsIndexShows) {
  std::vector<std::uint64_t> sums;
  for (const char* value : {"1", "2"}) {
    VerifiedPrimary primary;
    primary.AskPut("a", value);
    primary.world.Ask(VerifyRequest());
    primary.Commit();
    sums.push_back(primary.Sum().value().checksum());
  }
  EXPECT_NE(sums[0], sums[1]);
}

TEST(Verify, TheNewestIsWhatCounts) {
  VerifiedPrimary primary;
  EXPECT_FALSE(primary.Sum().has_value());
  const auto first = primary.world.Ask(VerifyRequest());
  const auto second = primary.world.Ask(VerifyRequest());
  primary.Commit();
  EXPECT_LT(first->response.verify_started().index(), second->response.verify_started().index());
  EXPECT_EQ(primary.Sum()->index(), second->response.verify_started().index());
}

TEST(Verify, PassesWhileTheDiskIsFull) {
  VerifiedPrimary primary;
  primary.world.rooms[NodeId(1)] = storage::DiskRoom::kFull;
  const auto put = primary.AskPut("a", "1");
  const auto verified = primary.world.Ask(VerifyRequest());
  primary.Commit();
  EXPECT_EQ(put->code(), Code::kDiskFull);
  EXPECT_EQ(verified->code(), Code::kOk);
  EXPECT_TRUE(primary.Sum().has_value());
}

TEST(Verify, EndsWithItsReplica) {
  VerifiedPrimary primary;
  primary.world.Ask(VerifyRequest());
  primary.world.TakeTurns();
  ASSERT_TRUE(primary.world.Sync());
  primary.world.TakeTurns();
  primary.world.Acknowledge(2);
  primary.world.TakeTurns();
  ASSERT_TRUE(primary.world.RunPool());  // It is applied, and the sum begins.
  ASSERT_FALSE(primary.world.pool_is_empty());
  primary.world.replica().Stop();
  while (primary.world.RunPool()) {
  }
  EXPECT_FALSE(primary.Sum().has_value());
}

}  // namespace
}  // namespace ringfort::replica

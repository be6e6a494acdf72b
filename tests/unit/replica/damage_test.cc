// A replica whose data cannot be read: it gives way, once the others can do without it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/replica/commands.h"
#include "tests/unit/replica/lone_replica.h"

namespace ringfort::replica {
namespace {

using namespace std::chrono_literals;  // NOLINT: tests only
using testing::HasSubstr;

/// A primary on node 1 of three, with an entry under "a" that it cannot read.
class DamagedPrimary : public testing::Test {
 protected:
  DamagedPrimary() {
    world_.Lead();
    const auto opened = world_.Ask(OpenRequest());
    Commit();
    session_ = opened->response.session_opened().session();
    world_.Ask(WriteRequest(session_, 1, {Put("a", "1")}));
    Commit();
    world_.DamageData();
    world_.replica().OnPromise({NodeId(2), {}, {}}, world_.replica().raft().term(), world_.Now(),
                               world_.Now());
    world_.replica().OnPromise({NodeId(3), {}, {}}, world_.replica().raft().term(), world_.Now(),
                               world_.Now());
  }
  void Commit() {
    world_.Settle();
    world_.Acknowledge(2);
    world_.Settle();
  }
  std::size_t Transfers() { return world_.Take<raft::TimeoutNow>().size(); }

  LoneReplica world_;
  std::uint64_t session_ = 0;
};

TEST_F(DamagedPrimary, HandsItsRoleOverAndSendsTheReaderThere) {
  const auto read = world_.Ask(GetRequest("a"));
  world_.Settle();
  ASSERT_EQ(read->calls, 1);
  EXPECT_EQ(read->code(), Code::kNotPrimary) << "who asks again is answered by the next primary";
  EXPECT_EQ(Transfers(), 1U);
  ASSERT_EQ(world_.said.size(), 1U);
  EXPECT_THAT(world_.said[0], HasSubstr("damaged"));
  EXPECT_FALSE(world_.replica().IsSilent());
  EXPECT_TRUE(world_.removed.empty()) << "nobody has said that it may go";
}

TEST_F(DamagedPrimary, SaysSoWhereNobodyElseCanLead) {
  world_.replica().OnNodeGone(NodeId(2), world_.Now());
  world_.replica().OnNodeGone(NodeId(3), world_.Now());
  const auto read = world_.Ask(GetRequest("a"));
  world_.Settle();
  ASSERT_EQ(read->calls, 1);
  EXPECT_EQ(read->code(), Code::kCorruption);
  EXPECT_TRUE(world_.removed.empty()) << "its vote and its log are needed";
  EXPECT_FALSE(world_.failed()) << "the node's other shards go on";
}

TEST_F(DamagedPrimary, AWriteThatMustReadStopsThisReplicaAloneNotTheNode) {
  const auto write = world_.Ask(WriteRequest(session_, 2, {PutIfAbsent("a", "2")}));
  Commit();
  world_.Pass(100ms);
  EXPECT_FALSE(world_.failed());
  EXPECT_EQ(write->calls, 0) << "it is committed, and the next primary knows what came of it";
  EXPECT_EQ(Transfers(), 1U);
}

/// A primary on node 1 of three that node 3's replica asks whether it may go.
class AskedPrimary : public testing::Test {
 protected:
  AskedPrimary() { world_.Lead(); }
  void AskToGo(std::uint32_t node) {
    world_.told.clear();
    world_.replica().OnOrphanQuestion(NodeId(node), LoneReplica::MemberOn(3), /*damaged=*/true,
                                      world_.Now());
    world_.TakeTurns();
    for (const raft::ReadProbe& probe : world_.Take<raft::ReadProbe>()) {
      world_.Hear(2, world_.replica().raft().term(), raft::ReadProbeReply{probe.round});
    }
    world_.Settle();
  }

  LoneReplica world_;
};

TEST_F(AskedPrimary, LetsADamagedMemberGoOnceTheOthersKeepUp) {
  world_.Acknowledge(2);
  world_.Settle();
  AskToGo(3);
  ASSERT_EQ(world_.told.size(), 1U);
  EXPECT_EQ(world_.told[0].first, NodeId(3));
  EXPECT_EQ(world_.told[0].second.orphan_answer().replica(), LoneReplica::MemberOn(3).value());
  AskToGo(2);
  EXPECT_TRUE(world_.told.empty()) << "nobody asks for another";
}

TEST_F(AskedPrimary, NeedsItWhileAnotherIsAway) {
  world_.Acknowledge(2);
  world_.Settle();
  world_.replica().OnNodeGone(NodeId(2), world_.Now());
  AskToGo(3);
  EXPECT_TRUE(world_.told.empty()) << "its log is the second of two that a majority takes";
}

TEST(DamagedFollower, AsksItsPrimaryEachSecondAndGoesWhenItMay) {
  LoneReplica follower({.node = 2});
  raft::AppendRequest append;
  append.entries = {{Term(1), LogIndex(1), raft::EntryKind::kNoop, SharedBytes()},
                    EntryOf(LogIndex(2), OpenSession()),
                    EntryOf(LogIndex(3), Write({2, 1}, {Put("a", "1")}))};
  append.primary_last = append.commit = LogIndex(3);
  follower.Hear(1, Term(1), append);
  follower.Settle();
  follower.Pass(40ms);
  ASSERT_EQ(follower.replica().data()->applied().index, LogIndex(3));
  follower.DamageData();
  raft::AppendRequest next;
  next.previous_index = LogIndex(3);
  next.previous_term = Term(1);
  next.entries = {EntryOf(LogIndex(4), Write({2, 2}, {PutIfAbsent("a", "2")}))};
  next.primary_last = next.commit = LogIndex(4);
  follower.Hear(1, Term(1), next);
  follower.Settle();
  follower.told.clear();
  for (int i = 0; i < 25; ++i) {
    raft::AppendRequest empty;
    empty.previous_index = LogIndex(4);
    empty.previous_term = Term(1);
    follower.Hear(1, Term(1), empty);
    follower.Settle();
    follower.Pass(100ms);
  }
  EXPECT_FALSE(follower.failed());
  EXPECT_THAT(follower.told.size(), testing::AllOf(testing::Ge(2U), testing::Le(3U)));
  for (const auto& [to, message] : follower.told) {
    EXPECT_EQ(to, NodeId(1));
    EXPECT_TRUE(message.orphan_question().damaged());
  }
  EXPECT_EQ(follower.replica().raft().log().last_index(), LogIndex(4)) << "it still keeps the log";
  follower.replica().OnOrphanAnswer(LoneReplica::MemberOn(2));
  ASSERT_EQ(follower.removed.size(), 1U);
  EXPECT_THAT(follower.removed[0], HasSubstr("damaged"));
}

}  // namespace
}  // namespace ringfort::replica

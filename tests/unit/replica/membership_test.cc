// A replica that hears no primary asks whether it is a member still, and who may answer (protocols
// 6); what becomes of writes while the role is handed over (protocols 10).
#include <gtest/gtest.h>

#include "tests/unit/replica/lone_replica.h"

namespace ringfort::replica {
namespace {

using namespace std::chrono_literals;  // NOLINT: tests only

constexpr ReplicaId kOrphan(7);

class LeadingReplica : public testing::Test {
 protected:
  LeadingReplica() { world_.Lead(); }
  /// A majority says that it still leads.
  void Confirm() {
    world_.TakeTurns();
    for (const raft::ReadProbe& probe : world_.Take<raft::ReadProbe>()) {
      world_.Hear(2, world_.replica().raft().term(), raft::ReadProbeReply{probe.round});
    }
    world_.Settle();
  }

  LoneReplica world_;
};

// The run of protocols 6: an old primary, cut off, does not know that the replica came back.
TEST_F(LeadingReplica, OnlyOneThatAMajorityConfirmsSaysThatAReplicaIsNoMember) {
  world_.replica().OnOrphanQuestion(NodeId(3), kOrphan, world_.Now());
  world_.Settle();
  EXPECT_TRUE(world_.told.empty()) << "not confirmed yet";
  EXPECT_FALSE(world_.replica().IsSilent());
  Confirm();
  ASSERT_EQ(world_.told.size(), 1U);
  EXPECT_EQ(world_.told[0].first, NodeId(3));
  EXPECT_EQ(world_.told[0].second.orphan_answer().replica(), kOrphan.value());
  EXPECT_EQ(world_.told[0].second.orphan_answer().shard(), 5U);
}

TEST_F(LeadingReplica, SaysNothingToAMemberNorOnceItStopsLeading) {
  world_.replica().OnOrphanQuestion(NodeId(3), LoneReplica::MemberOn(3), world_.Now());
  Confirm();
  EXPECT_TRUE(world_.told.empty());
  world_.replica().OnOrphanQuestion(NodeId(3), kOrphan, world_.Now());
  world_.TakeTurns();
  world_.replica().StepDown(world_.Now());
  Confirm();
  world_.replica().OnOrphanQuestion(NodeId(3), kOrphan, world_.Now());
  Confirm();
  EXPECT_TRUE(world_.told.empty());
}

TEST(AReplica, AsksNowAndThenWhetherItIsAMemberWhenItHearsNoPrimary) {
  LoneReplica follower({.node = 2});
  const auto questions = [&] {
    const std::size_t count = follower.told.size();
    for (const auto& [to, message] : std::exchange(follower.told, {})) {
      EXPECT_EQ(message.orphan_question().replica(), LoneReplica::MemberOn(2).value());
    }
    return count;
  };
  for (int i = 0; i < 50; ++i) {
    raft::AppendRequest append;
    follower.Hear(1, Term(1), append);
    follower.Settle();
    follower.Pass(200ms);
  }
  EXPECT_EQ(questions(), 0U);
  follower.Pass(3s);
  EXPECT_EQ(questions(), 0U) << "it was alone for less";
  follower.Pass(1s);
  EXPECT_EQ(questions(), 1U);
  follower.Pass(3s);
  EXPECT_EQ(questions(), 1U);
  follower.replica().OnOrphanAnswer(LoneReplica::MemberOn(3));
  EXPECT_TRUE(follower.removed.empty()) << "that was of another";
  follower.replica().OnOrphanAnswer(LoneReplica::MemberOn(2));
  EXPECT_EQ(follower.removed.size(), 1U);
}

TEST_F(LeadingReplica, WritesWaitWhileTheRoleIsHandedOverAndGoToTheSuccessor) {
  ASSERT_TRUE(world_.replica().TransferTo(NodeId(2), world_.Now()).ok());
  const auto write = world_.Ask(OpenRequest());
  world_.Settle();
  EXPECT_EQ(write->calls, 0);
  EXPECT_FALSE(world_.replica().IsSilent());
  world_.Hear(2, world_.replica().raft().term() + 1,
              raft::VoteRequest{false, world_.replica().raft().log().last_index(),
                                world_.replica().raft().term(), LoneReplica::MemberOn(1)});
  world_.Settle();
  EXPECT_EQ(write->calls, 1);
  EXPECT_EQ(write->code(), Code::kNotPrimary);
  EXPECT_EQ(write->effect(), Effect::kNotApplied);
  EXPECT_EQ(write->response.error().primary_hint(), 2U);
  EXPECT_TRUE(world_.replica().AwaitsSuccessor());
}

TEST_F(LeadingReplica, WritesThatWaitedAreDoneHereWhenNobodyTakesTheRole) {
  ASSERT_TRUE(world_.replica().TransferTo(NodeId(2), world_.Now()).ok());
  const auto write = world_.Ask(OpenRequest());
  for (int i = 0; i < 10; ++i) {
    world_.Pass(80ms);
    world_.Settle();
    world_.Acknowledge(2);
  }
  world_.Settle();
  EXPECT_EQ(write->calls, 1);
  EXPECT_EQ(write->code(), Code::kOk);
  EXPECT_FALSE(world_.replica().AwaitsSuccessor());
}

TEST_F(LeadingReplica, HandsTheRoleOnlyToWhoMayLead) {
  EXPECT_FALSE(world_.replica().HandOver([](NodeId) { return false; }, world_.Now()));
  EXPECT_FALSE(world_.replica().raft().transferring_to());
  EXPECT_TRUE(
      world_.replica().HandOver([](NodeId node) { return node == NodeId(2); }, world_.Now()));
  EXPECT_EQ(world_.replica().raft().transferring_to(), LoneReplica::MemberOn(2));
}

}  // namespace
}  // namespace ringfort::replica

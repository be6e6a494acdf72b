// A silent shard costs nothing, and still fails over, and is still read by what heartbeats told
// since it fell silent and by nothing else (protocols 2).
#include <gtest/gtest.h>

#include "tests/unit/node/lone_loop.h"

namespace ringfort::node {
namespace {

using namespace std::chrono_literals;  // NOLINT: tests only
using Kind = proto::RaftMessage::BodyCase;

/// Node 2 leads in term 3 and beats; the shard is silent.
class SilentFollower : public testing::Test {
 protected:
  void FallSilent() {
    world_.Follow(2, Term(3));
    world_.Beat(2, list_, 2s);
    ASSERT_TRUE(world_.is_silent());
    EXPECT_EQ(world_.Sent(Kind::kVoteRequest), 0);
  }

  LoneLoop world_;
  const LedShardsPtr list_ = LoneLoop::List(Term(3));
};

TEST_F(SilentFollower, StaysSilentForAsLongAsItsPrimaryIsHeardOf) {
  FallSilent();
  world_.Beat(2, list_, 60s);
  EXPECT_TRUE(world_.is_silent());
  EXPECT_EQ(world_.Sent(Kind::kVoteRequest), 0);
  EXPECT_TRUE(world_.raft().HasLivePrimary(world_.loop().Now()));
}

// The run: the primary's node is cut off. Its silence wakes the shard before the shard's own timer
// is due; fallen silent again at once, it elects nobody for ever.
TEST_F(SilentFollower, ThePeersSilenceEndsInAnElection) {
  FallSilent();
  world_.loop().Pass(1200ms);
  EXPECT_GT(world_.Sent(Kind::kVoteRequest), 0);
}

// The run: the node was removed from the shard while it was cut off, and then got one append that
// was still on its way. Its primary's node beats for other shards; silent, this replica would never
// ask whether it is a member at all.
TEST_F(SilentFollower, WhoIsNotListedIsNotSilent) {
  world_.Follow(2, Term(3));
  world_.Beat(2, LoneLoop::Nothing(), 300ms);
  EXPECT_TRUE(world_.raft().HasLivePrimary(world_.loop().Now()));
  EXPECT_FALSE(world_.is_silent());
}

TEST_F(SilentFollower, AnotherPeersSilenceDoesNot) {
  FallSilent();
  world_.shards().OnHeartbeat(NodeId(3), LoneLoop::Nothing(), LoneLoop::Nothing());
  world_.Beat(2, list_, 5s);
  EXPECT_EQ(world_.Sent(Kind::kVoteRequest), 0);
  EXPECT_TRUE(world_.is_silent()) << "its primary is heard of";
}

TEST_F(SilentFollower, ItsNodeGoneEndsInAnElectionAtOnce) {
  FallSilent();
  world_.shards().OnNodeGone(NodeId(2));
  world_.loop().Pass(60ms);
  EXPECT_GT(world_.Sent(Kind::kVoteRequest), 0);
}

// The run of protocols 2: the primary stepped down, or runs anew, and its node's heartbeats go on.
TEST_F(SilentFollower, UnlistingEndsInAnElectionAtOnce) {
  FallSilent();
  world_.shards().OnUnlisted(NodeId(2), *list_);
  world_.Beat(2, LoneLoop::Nothing(), 100ms);
  EXPECT_GT(world_.Sent(Kind::kVoteRequest), 0);
}

TEST_F(SilentFollower, UnlistingAnotherTermOrByAnotherNodeDoesNothing) {
  FallSilent();
  world_.shards().OnUnlisted(NodeId(2), *LoneLoop::List(Term(2)));
  world_.shards().OnUnlisted(NodeId(3), *list_);
  world_.Beat(2, list_, 2s);
  EXPECT_EQ(world_.Sent(Kind::kVoteRequest), 0);
}

// A wake that is due later than the next tick: silent, the replica would get no tick. (Who is far
// down the list of voters waits so long before it follows up an unlisting.)
TEST_F(SilentFollower, AWakeBeyondTheNextTickIsNotForgotten) {
  FallSilent();
  world_.shards().WakeAt(&world_.replica(), world_.loop().Now() + 35ms);
  EXPECT_FALSE(world_.is_silent());
}

// It knows what the primary's node listed, and forgets it when that node unlists or is gone: an
// older word must not make a live primary of it again.
TEST_F(SilentFollower, AWordFromBeforeThePrimaryWentIsNoSignOfLife) {
  FallSilent();
  world_.shards().OnHeartbeat(NodeId(2), list_, LoneLoop::Nothing());
  world_.shards().OnNodeGone(NodeId(2));
  EXPECT_FALSE(world_.raft().HasLivePrimary(world_.loop().Now()));
}

/// This replica leads, the others have everything; the shard is silent.
class SilentPrimary : public testing::Test {
 protected:
  void SetUp() override {
    world_.Lead();
    list_ = LoneLoop::List(world_.raft().term());
    Acks(2s, {2, 3});
    ASSERT_TRUE(world_.is_silent());
  }
  /// These nodes acknowledge a heartbeat every 50 ms.
  void Acks(Duration time, const std::vector<std::uint32_t>& nodes) {
    for (const MonotonicTime end = world_.loop().Now() + time; world_.loop().Now() < end;) {
      for (const std::uint32_t node : nodes) world_.Ack(node, world_.loop().Now(), list_);
      world_.loop().Pass(50ms);
    }
  }

  LoneLoop world_;
  LedShardsPtr list_;
};

TEST_F(SilentPrimary, StaysAPrimaryAndSilent) {
  Acks(60s, {2, 3});
  EXPECT_TRUE(world_.is_silent());
  EXPECT_EQ(world_.raft().role(), raft::Role::kPrimary);
}

TEST_F(SilentPrimary, AReadIsServedByTheNewestAcknowledgementThatCounts) {
  Acks(60s, {2, 3});
  const MonotonicTime sent_at = world_.loop().Now();
  world_.Ack(2, sent_at, list_);
  world_.loop().Pass(150ms);
  EXPECT_TRUE(world_.raft().HasLease(world_.loop().Now())) << "by what was said 150 ms ago";
  world_.loop().Pass(47ms);
  EXPECT_FALSE(world_.raft().HasLease(world_.loop().Now()))
      << "counted from when the heartbeat was sent, and less the drift";
  world_.Ack(2, sent_at, list_);
  EXPECT_FALSE(world_.raft().HasLease(world_.loop().Now())) << "heard now, but of an old heartbeat";
}

// The run of protocols 2: V votes for Q in this shard, and V's node acknowledges the next node
// heartbeat. It names the shard; what V said before must not be counted for it.
TEST_F(SilentPrimary, AnAcknowledgementThatNamesTheShardTakesAnOlderOneBack) {
  Acks(300ms, {2});
  ASSERT_TRUE(world_.raft().HasLease(world_.loop().Now()));
  world_.Ack(2, world_.loop().Now(), list_);
  world_.loop().Pass(10ms);
  world_.Ack(2, world_.loop().Now(), list_, world_.raft().term());
  EXPECT_FALSE(world_.raft().HasLease(world_.loop().Now()));
  EXPECT_FALSE(world_.is_silent()) << "it is probed";
}

// An acknowledgement of a heartbeat of an earlier term, which listed that term: in the new one it
// is nobody's promise, though the list is the same object.
TEST_F(SilentPrimary, AnAcknowledgementOfAnEarlierTermIsNoPromise) {
  world_.replica().StepDown(world_.loop().Now());
  world_.loop().RunTasks();
  world_.Lead();
  ASSERT_GT(world_.raft().term(), list_->front().second);
  world_.loop().Pass(300ms);
  ASSERT_FALSE(world_.raft().HasLease(world_.loop().Now()));
  world_.Ack(2, world_.loop().Now(), list_);
  EXPECT_FALSE(world_.raft().HasLease(world_.loop().Now()));
}

// One peer of two may go: a majority is left. When both are silent it ends its role by itself.
TEST_F(SilentPrimary, StepsDownWhenNoMajorityIsHeardOf) {
  Acks(5s, {3});
  EXPECT_EQ(world_.raft().role(), raft::Role::kPrimary);
  EXPECT_TRUE(world_.is_silent()) << "a majority is heard of, and has everything";
  world_.loop().Pass(1s);
  EXPECT_NE(world_.raft().role(), raft::Role::kPrimary);
}

TEST_F(SilentPrimary, ANewConnectionWakesItForOneProbe) {
  world_.Sent(Kind::kAppendRequest);
  world_.shards().OnNodeConnected(NodeId(3));
  world_.loop().RunTasks();
  EXPECT_FALSE(world_.is_silent());
  EXPECT_EQ(world_.Sent(Kind::kAppendRequest), 1);
  world_.Acknowledge();
  Acks(1s, {2, 3});
  EXPECT_TRUE(world_.is_silent());
}

// The link to node 3 was dialed anew, and this loop has yet to hear of it: what it sends now comes
// after what was lost with the connection before, so it must not go.
TEST_F(SilentPrimary, NothingIsSentOnAConnectionThatItDoesNotKnow) {
  world_.transport().links[NodeId(3)] = env::DialNumber(4);
  world_.Sent(Kind::kAppendRequest);
  world_.shards().OnNodeConnected(NodeId(3));
  world_.loop().RunTasks();
  EXPECT_EQ(world_.Sent(Kind::kAppendRequest), 0);
  world_.shards().OnLinked(NodeId(3), env::DialNumber(4));
  world_.loop().RunTasks();
  EXPECT_EQ(world_.Sent(Kind::kAppendRequest), 1) << "from where the two logs are known to agree";
}

// Run: C is dead, and lacks what 21 shards here have; D is to be filled. Each snapshot for C held
// its turn for as long as its sender was patient, and D hardly got one.
TEST(SilentNode, HasNoTurnForASnapshot) {
  LoneLoop world;
  EXPECT_EQ(world.shards().TakeSnapshotTurn(NodeId(2)), nullptr);
  world.Ack(2, world.loop().Now(), LoneLoop::Nothing());
  EXPECT_NE(world.shards().TakeSnapshotTurn(NodeId(2)), nullptr);
  EXPECT_EQ(world.shards().TakeSnapshotTurn(NodeId(3)), nullptr);
  world.loop().Pass(600ms);
  EXPECT_EQ(world.shards().TakeSnapshotTurn(NodeId(2)), nullptr);
}

}  // namespace
}  // namespace ringfort::node

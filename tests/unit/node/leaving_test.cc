// A polite stop (protocols 10): for whom a node waits, and for whom it does not.
#include "node/leaving.h"

#include <gtest/gtest.h>

#include "tests/unit/node/lone_loop.h"

namespace ringfort::node {
namespace {

using namespace std::chrono_literals;  // NOLINT: tests only

class LeavingTest : public testing::Test {
 protected:
  LeavingTest() {
    liveness_.SetPeers({NodeId(1), NodeId(2), NodeId(3)});
    for (const std::uint32_t node : {2U, 3U}) liveness_.OnConnected(Peer(node));
  }

  void Leave() {
    leaving_.Start(30s, [this] { ++ended_; });
  }
  /// Time passes, and the peers answer every question; as needed_by says, or not at all.
  void Pass(Duration time) {
    for (const MonotonicTime end = loop_.Now() + time; loop_.Now() < end;) {
      loop_.Pass(10ms);
      for (const auto& sent : world_.transport().Take(proto::PeerMessage::kLeaveQuestion)) {
        if (!needed_by_.contains(sent.to)) continue;
        proto::LeaveAnswer answer;
        answer.set_needed_by(needed_by_[sent.to]);
        answer.set_round(sent.message.leave_question().round());
        leaving_.OnAnswer(sent.to, answer);
      }
    }
  }
  void SayThatItLeaves(std::uint32_t node) {
    proto::Heartbeat heartbeat;
    heartbeat.set_sequence(1);
    heartbeat.set_has_list(true);
    heartbeat.set_leaving(true);
    liveness_.OnHeartbeat(Peer(node), heartbeat);
  }

  LoneLoop world_;
  HandLoop& loop_ = world_.loop();
  ScriptedLog log_;
  std::vector<std::unique_ptr<replica::LivenessCell>> cells_;
  Liveness liveness_{LivenessOptions(),
                     NodeId(1),
                     BootNumber(1),
                     {&loop_, &world_.transport(), &cells_, {&world_.shards()}, &log_, 600ms, [] {
                        return storage::DiskRoom::kEnough;
                      }}};
  HandLoop hung_loop_;
  std::vector<std::string> lines_;
  Leaving leaving_{{&loop_,
                    &world_.transport(),
                    &liveness_,
                    {&world_.shards()},
                    [this](const std::string& line) { lines_.push_back(line); }}};
  std::map<NodeId, std::uint32_t> needed_by_{{NodeId(2), 0}, {NodeId(3), 0}};
  int ended_ = 0;
};

TEST_F(LeavingTest, LeavesWhenNobodyNeedsIt) {
  world_.Follow(2, Term(3));
  Leave();
  EXPECT_EQ(ended_, 0) << "nobody was asked yet";
  Pass(100ms);
  EXPECT_EQ(ended_, 1);
  Pass(60s);
  EXPECT_EQ(ended_, 1);
}

// The run: A is back but still catching up when B gets SIGTERM; C, which leads, must keep B.
TEST_F(LeavingTest, WaitsForWhomItIsNeededBy) {
  world_.Follow(3, Term(3));
  needed_by_[NodeId(3)] = 2;
  Leave();
  Pass(20s);
  EXPECT_EQ(ended_, 0);
  ASSERT_EQ(lines_.size(), 6U) << "every three seconds";
  EXPECT_EQ(lines_[0], "the stop waits for node 3, which needs this one for 2 shards");
  needed_by_[NodeId(3)] = 0;
  Pass(100ms);
  EXPECT_EQ(ended_, 1);
}

TEST_F(LeavingTest, WaitsForAnAnswerOfEveryConnectedPeer) {
  world_.Follow(2, Term(3));
  needed_by_.erase(NodeId(3));
  Leave();
  Pass(5s);
  EXPECT_EQ(ended_, 0);
  liveness_.OnGone(Peer(3));
  Pass(100ms);
  EXPECT_EQ(ended_, 1) << "who is gone is not waited for";
}

TEST_F(LeavingTest, DoesNotWaitForWhoLeavesToo) {
  world_.Follow(3, Term(3));
  needed_by_ = {{NodeId(2), 1}, {NodeId(3), 1}};
  Leave();
  Pass(1s);
  SayThatItLeaves(2);
  Pass(1s);
  EXPECT_EQ(ended_, 0);
  SayThatItLeaves(3);
  Pass(100ms);
  EXPECT_EQ(ended_, 1);
}

TEST_F(LeavingTest, EndsAfterItsTimeout) {
  needed_by_.clear();
  Leave();
  Pass(29900ms);
  EXPECT_EQ(ended_, 0);
  Pass(200ms);
  EXPECT_EQ(ended_, 1);
}

TEST_F(LeavingTest, EndsAfterItsTimeoutAlsoWhenALoopHangs) {
  ShardLoop hung(ShardLoopOptions(), {NodeId(1),
                                      &hung_loop_,
                                      {},
                                      &world_.transport(),
                                      &log_,
                                      {},
                                      {},
                                      {},
                                      {},
                                      {},
                                      {},
                                      {},
                                      {},
                                      {},
                                      {},
                                      {}});
  Leaving leaving({&loop_,
                   &world_.transport(),
                   &liveness_,
                   {&world_.shards(), &hung},
                   [](const std::string& /*line*/) {}});
  leaving.Start(30s, [this] { ++ended_; });
  Pass(30100ms);
  EXPECT_EQ(ended_, 1);
}

TEST_F(LeavingTest, HandsItsRoleOverToWhoStays) {
  world_.Lead();
  SayThatItLeaves(2);
  Leave();
  loop_.RunTasks();
  EXPECT_EQ(world_.raft().transferring_to(), LoneLoop::MemberOn(3));
  Pass(300ms);
  EXPECT_EQ(ended_, 0) << "it still leads";
}

// The run: B hands its role over to C while A is catching up. C answered "nobody needs you" before
// it led; B goes, and the shard is without a majority.
TEST_F(LeavingTest, WhatASuccessorSaidBeforeItLedDoesNotCount) {
  world_.Lead();
  Leave();
  Pass(100ms);
  const ReplicaId successor = world_.raft().transferring_to().value_or(ReplicaId());
  const std::uint32_t node = world_.replica().NodeOf(successor).value();
  const Term next = world_.raft().term() + 1;
  raft::VoteRequest request;
  request.last_index = world_.raft().log().last_index();
  request.last_term = world_.raft().term();
  request.transfer_from = LoneLoop::MemberOn(1);
  world_.Hear(node, next, request);
  ASSERT_EQ(world_.raft().role(), raft::Role::kFollower);
  Pass(100ms);
  EXPECT_EQ(ended_, 0) << "nobody leads yet";
  needed_by_[NodeId(node)] = 1;  // As it says once it leads.
  raft::AppendRequest append;
  append.previous_index = request.last_index;
  append.previous_term = request.last_term;
  world_.Hear(node, next, append);
  Pass(1s);
  EXPECT_EQ(ended_, 0);
  needed_by_[NodeId(node)] = 0;
  Pass(100ms);
  EXPECT_EQ(ended_, 1);
}

// The other side: whether a primary needs the node that asks.
TEST_F(LeavingTest, APrimaryCountsWhoHasEverything) {
  const auto needed_by = [this](std::uint32_t leaver) {
    AnswerLeave(&loop_, &world_.transport(), {&world_.shards()}, NodeId(leaver), 7);
    loop_.RunTasks();
    const auto sent = world_.transport().Take(proto::PeerMessage::kLeaveAnswer);
    EXPECT_EQ(sent.size(), 1U);
    EXPECT_EQ(sent.at(0).to, NodeId(leaver));
    EXPECT_EQ(sent.at(0).message.leave_answer().round(), 7U);
    return sent.at(0).message.leave_answer().needed_by();
  };
  EXPECT_EQ(needed_by(2), 0U) << "a follower needs nobody";
  world_.Lead();
  EXPECT_EQ(needed_by(2), 0U) << "3 is connected and has everything";
  world_.shards().OnNodeGone(NodeId(3));
  EXPECT_EQ(needed_by(2), 1U);
  EXPECT_EQ(needed_by(3), 0U) << "it is of no use now";
  EXPECT_EQ(needed_by(4), 0U) << "no member";
  world_.shards().OnNodeConnected(NodeId(3));
  EXPECT_EQ(needed_by(2), 1U) << "it is back, and has not said yet what it has";
  world_.Acknowledge();
  EXPECT_EQ(needed_by(2), 0U);
}

}  // namespace
}  // namespace ringfort::node

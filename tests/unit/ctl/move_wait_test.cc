// Waits for what was ordered: when they end, and what they say meanwhile.
#include "tools/ctl/move_wait.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <sstream>

#include "tests/unit/ctl/sample_cluster.h"

namespace ringfort::ctl {
namespace {

using survey::SampleMoves;
using ::testing::HasSubstr;

/// Presses Ctrl-C when a line is told.
class Impatient : public std::stringbuf {
 protected:
  int sync() override { return ::raise(SIGINT); }
};

class WaitForMovesTest : public SampleCluster {
 protected:
  /// Each look shows the next of `states`.
  Result<std::string> Wait(const WaitGoal& goal, std::deque<ClusterStateView> states,
                           std::optional<std::chrono::milliseconds> limit = {},
                           const PlanView& plan = {}) {
    cluster_->states = std::move(states);
    Result<Client> client = Client::Connect({.seeds = {"10.0.0.1:71"}});
    Terminal terminal{.out = err_, .err = err_};
    return WaitForMoves(*client, goal, plan, limit, terminal);
  }
  static ClusterStateView Moving() {
    ClusterStateView state = survey::SampleState();
    state.moves = SampleMoves();
    return state;
  }
  /// Shard 1 has moved, and nothing moves any more.
  static ClusterStateView Cancelled() {
    ClusterStateView state = survey::SampleState();
    state.shards[1].replicas = {4, 1, 2};
    return state;
  }

  std::ostringstream err_;
};

TEST_F(WaitForMovesTest, EndsAtAnInterruptInItsOwnWords) {
  cluster_->states = {Moving()};
  cluster_->states[0].moves[0].stuck = "node 4 has no room";
  Result<Client> client = Client::Connect({.seeds = {"10.0.0.1:71"}});
  ASSERT_TRUE(client.ok());
  std::ostringstream out;
  Impatient pressed;
  std::ostream err(&pressed);
  Terminal terminal{.out = out, .err = err};
  const Result<std::string> waited =
      WaitForMoves(*client, NothingMoves(), {}, std::nullopt, terminal);
  EXPECT_EQ(pressed.str(), "shard 1 is stuck: node 4 has no room\n");
  EXPECT_EQ(waited.status().message(),
            "interrupted while 2 moves are not done; shard 1 is stuck: node 4 has no room (what "
            "was ordered goes on by itself; ringfortctl top shows it)");
}

TEST_F(WaitForMovesTest, FailsWhenMovesWereCancelled) {
  ClusterStateView going_back = Moving();
  going_back.shards[1].replicas = {1, 2, 4};
  going_back.moves.erase(going_back.moves.begin());
  going_back.moves[0].to = {1, 2, 3};
  const Status failed = Wait(NothingMoves(), {Moving(), going_back, Cancelled()}).status();
  EXPECT_EQ(failed.code(), Code::kConditionFailed);
  EXPECT_EQ(failed.message(),
            "cancelled: 1 of 2 shards moved (ringfortctl events shows who did it)");
  // To wait for a cancel is another thing: what goes back shall.
  PlanView cancel;
  cancel.moves = {{2, {1, 2, 3}, {1, 2, 3}, MoveCause::kBalance, 0}};
  EXPECT_TRUE(Wait(NothingMoves(), {going_back, Cancelled()}, {}, cancel).ok());
}

TEST_F(WaitForMovesTest, AMoveWithAnotherAimCountsOnceItIsThere) {
  ClusterStateView planned_anew = Moving();
  for (MoveView& move : planned_anew.moves) move.to = {1, 2, 5};
  ClusterStateView done = survey::SampleState();
  for (ShardSummaryView& shard : done.shards) shard.replicas = {1, 2, 5};
  EXPECT_TRUE(Wait(NothingMoves(), {Moving(), planned_anew, done}).ok());
}

TEST_F(WaitForMovesTest, EndsWhenTheNodeTakesReplicasAgain) {
  ClusterStateView draining = Moving();
  draining.nodes[2].node.state = NodeState::kDraining;
  draining.nodes[2].replicas_planned = 0;
  for (const auto& [goal, what] :
       {std::pair(Emptied(3), "drained"), std::pair(Gone(3), "removed")}) {
    const Status failed = Wait(goal, {draining, survey::SampleState()}).status();
    EXPECT_EQ(failed.code(), Code::kConditionFailed);
    EXPECT_EQ(failed.message(),
              std::string("node 3 is no longer being ") + what + " (ringfortctl events)");
  }
}

TEST_F(WaitForMovesTest, SaysAfterASecondWhatItWaitsForWhereNothingMoves) {
  const auto limit = std::chrono::milliseconds(1500);
  EXPECT_FALSE(Wait(Settled(9), {survey::SampleState()}, limit).ok());
  EXPECT_EQ(err_.str(), "node 9 has not joined yet (start it)\n");
  err_.str("");
  const Status failed = Wait(NothingMoves(), {}, limit).status();
  EXPECT_EQ(err_.str(), "the meta group does not answer (ringfortctl doctor says why)\n");
  EXPECT_THAT(failed.message(), HasSubstr("after 1500 ms the meta group does not answer: "));
}

TEST(WaitGoal, ADeadNodeNeedNotSayItselfThatItIsEmpty) {
  ClusterStateView state = survey::SampleState();
  state.nodes[2].replicas_planned = 0;
  EXPECT_NE(Emptied(3).missing(state), "");
  state.nodes[2].alive = false;
  EXPECT_EQ(Emptied(3).missing(state), "");
  state.moves = SampleMoves();
  EXPECT_EQ(Emptied(3).missing(state),
            "node 3 still holds 0 replicas, and 2 moves to or from it are not done");
  EXPECT_EQ(Emptied(9).missing(state), "") << "it is no member";
}

TEST(WaitGoal, ANodeWhoseShareIsLessThanOneReplicaHasSettledWithNone) {
  ClusterStateView state = survey::SampleState();
  state.nodes[2].replicas = state.nodes[2].replicas_planned = 0;
  EXPECT_EQ(Settled(3).missing(state),
            "no replicas are planned for node 3 yet (ringfortctl rebalance plans them)");
  state.nodes[0].node.weight = state.nodes[1].node.weight = 100;
  EXPECT_EQ(Settled(3).missing(state), "");
  state.nodes[2].ready = false;
  EXPECT_EQ(Settled(3).missing(state), "replicas on node 3 have not caught up");
}

}  // namespace
}  // namespace ringfort::ctl

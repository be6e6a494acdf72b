// How far moves are: counted from one look to the next.
#include "tools/ctl/move_wait.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <sstream>

#include "tests/unit/ctl/memory_client.h"
#include "tests/unit/ctl/survey_samples.h"

namespace ringfort::ctl {
namespace {

using std::chrono::milliseconds;
using survey::SampleMoves;

PlanView SamplePlan() {
  PlanView plan;
  plan.moves = {{1, {1, 2, 3}, {1, 2, 4}, MoveCause::kDrain, 30'000'000},
                {2, {1, 2, 3}, {1, 2, 4}, MoveCause::kDrain, 60'000'000}};
  return plan;
}

TEST(MoveTally, KnowsBytesFromThePlanUntilTheMoveKnowsBetter) {
  MoveTally tally(SamplePlan());
  EXPECT_EQ(tally.shards(), 2U);
  EXPECT_EQ(tally.total_bytes(), 90'000'000U);
  tally.Update(SampleMoves());
  EXPECT_EQ(tally.total_bytes(), 100'000'000U) << "the first turned out to be 40 MB";
  EXPECT_EQ(tally.sent_bytes(), 20'000'000U);
  EXPECT_EQ(tally.shards_done(), 0U);
}

TEST(MoveTally, AMoveThatIsNoLongerListedIsDone) {
  MoveTally tally(SamplePlan());
  std::vector<MoveView> moves = SampleMoves();
  tally.Update(moves);
  moves.erase(moves.begin());
  tally.Update(moves);
  EXPECT_EQ(tally.shards_done(), 1U);
  EXPECT_EQ(tally.sent_bytes(), 40'000'000U);
  // One that was not planned, and one that comes back.
  moves = SampleMoves();
  moves[1].shard = 3;
  tally.Update(moves);
  EXPECT_EQ(tally.shards(), 3U);
  EXPECT_EQ(tally.shards_done(), 1U);
  tally.Update({});
  EXPECT_EQ(tally.shards_done(), 3U);
  EXPECT_EQ(tally.sent_bytes(), tally.total_bytes());
}

TEST(MoveProgressLine, HasABarShardsBytesRateAndTheTimeLeft) {
  MoveTally tally(SamplePlan());
  tally.Update(SampleMoves());
  EXPECT_EQ(MoveProgressLine(tally, 0, milliseconds(2000)),
            "[##----------] 20 %  0 of 2 shards  20.0 MB of 100.0 MB  10.0 MB/s"
            "  8.0 s left");
  EXPECT_EQ(MoveProgressLine(tally, 20'000'000, milliseconds(2000)),
            "[##----------] 20 %  0 of 2 shards  20.0 MB of 100.0 MB  0 B/s");
  // Nothing to copy, and nothing at all.
  std::vector<MoveView> moves = SampleMoves();
  for (MoveView& move : moves) move.sent_bytes = move.total_bytes = 0;
  MoveTally empty({});
  EXPECT_EQ(MoveProgressLine(empty, 0, milliseconds(0)),
            "[------------] 0 %  0 of 0 shards  0 B of 0 B  0 B/s");
  empty.Update(moves);
  moves.pop_back();
  empty.Update(moves);
  EXPECT_EQ(MoveProgressLine(empty, 0, milliseconds(10)),
            "[######------] 50 %  1 of 2 shards  0 B of 0 B  0 B/s");
}

/// Presses Ctrl-C when a line is told.
class Impatient : public std::stringbuf {
 protected:
  int sync() override { return ::raise(SIGINT); }
};

TEST(WaitForMoves, EndsAtAnInterruptInItsOwnWords) {
  ringfort::testing::ScopedCluster cluster;
  cluster->map = survey::SampleMap();
  cluster->states = {survey::SampleState()};
  cluster->states[0].moves = SampleMoves();
  cluster->states[0].moves[0].stuck = "node 4 has no room";
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

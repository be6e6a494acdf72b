// How far moves are: counted from one look to the next.
#include "tools/ctl/move_tally.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/ctl/survey_samples.h"

namespace ringfort::ctl {
namespace {

using std::chrono::seconds;
using survey::SampleMoves;
using ::testing::EndsWith;

PlanView SamplePlan() {
  PlanView plan;
  plan.moves = {{1, {1, 2, 3}, {1, 2, 4}, MoveCause::kDrain, 30'000'000},
                {2, {1, 2, 3}, {1, 2, 4}, MoveCause::kDrain, 60'000'000}};
  return plan;
}

/// A cluster in which moves go on, and the looks at it.
class MoveTallyTest : public ::testing::Test {
 protected:
  MoveTallyTest() { state_.moves = SampleMoves(); }

  void Look() {
    tally_.Update(
        state_, [](const MoveView&) { return true; }, now_);
  }
  /// The shard's move ends.
  void Done(std::uint32_t shard) {
    Drop(shard);
    state_.shards[shard].replicas = {1, 2, 4};
  }
  void Drop(std::uint32_t shard) {
    std::erase_if(state_.moves, [shard](const MoveView& move) { return move.shard == shard; });
  }

  ClusterStateView state_ = survey::SampleState();
  Pace::Clock::time_point now_{std::chrono::hours(1)};
  MoveTally tally_{SamplePlan()};
};

TEST_F(MoveTallyTest, KnowsBytesFromThePlanUntilTheMoveKnowsBetter) {
  EXPECT_EQ(tally_.shards(), 2U);
  EXPECT_EQ(tally_.total_bytes(), 90'000'000U);
  Look();
  EXPECT_EQ(tally_.total_bytes(), 100'000'000U) << "the first turned out to be 40 MB";
  EXPECT_EQ(tally_.sent_bytes(), 20'000'000U);
  EXPECT_EQ(tally_.shards_done(), 0U);
}

TEST_F(MoveTallyTest, AMoveThatIsNoLongerListedIsDoneWhereItsShardIsThere) {
  Look();
  Done(1);
  Look();
  EXPECT_EQ(tally_.shards_done(), 1U);
  EXPECT_EQ(tally_.sent_bytes(), 40'000'000U);
  Drop(2);
  Look();
  EXPECT_EQ(tally_.shards_done(), 1U);
  EXPECT_EQ(tally_.shards_taken_back(), 1U);
  // One that was not planned, and one that comes back.
  state_.moves = SampleMoves();
  state_.moves[0].shard = 3;
  Look();
  EXPECT_EQ(tally_.shards(), 3U);
  EXPECT_EQ(tally_.shards_taken_back(), 0U);
  Done(2);
  Done(3);
  Look();
  EXPECT_EQ(tally_.shards_done(), 3U);
  EXPECT_EQ(tally_.sent_bytes(), tally_.total_bytes());
}

TEST_F(MoveTallyTest, AMoveThatIsAnotherChangesByNowDoesNotCount) {
  tally_.Update(
      state_, [](const MoveView& move) { return move.shard != 2; }, now_);
  EXPECT_EQ(tally_.shards(), 1U);
}

// Once a copy is made its size is told as that of the data, which is less than what was sent.
TEST_F(MoveTallyTest, ProgressDoesNotGoBackWhenLessIsToldInTheEnd) {
  state_.moves[0].sent_bytes = 40'000'000;
  Look();
  state_.moves[0].sent_bytes = state_.moves[0].total_bytes = 30'000'000;
  Look();
  Done(1);
  Look();
  EXPECT_EQ(tally_.total_bytes(), 100'000'000U);
  EXPECT_EQ(tally_.sent_bytes(), 40'000'000U);
}

TEST_F(MoveTallyTest, TheLineHasABarShardsBytesRateAndTheTimeLeft) {
  state_.moves[0].sent_bytes = 0;
  Look();
  EXPECT_EQ(MoveProgressLine(tally_), "[------------] 0 %  0 of 2 shards  0 B of 100.0 MB  0 B/s");
  now_ += seconds(2);
  state_.moves[0].sent_bytes = 20'000'000;
  Look();
  EXPECT_EQ(MoveProgressLine(tally_),
            "[##----------] 20 %  0 of 2 shards  20.0 MB of 100.0 MB  10.0 MB/s  8.0 s left");
}

TEST_F(MoveTallyTest, TheRateIsThatOfTheLastSecondsOfSending) {
  const std::vector<MoveView> moves = std::exchange(state_.moves, {});
  Look();
  now_ += seconds(300);  // The node has not joined until now.
  state_.moves = moves;
  state_.moves[0].sent_bytes = 0;
  Look();
  for (int i = 0; i < 20; ++i) {
    now_ += seconds(1);
    state_.moves[0].sent_bytes += i < 10 ? 1'000'000 : 2'000'000;
    Look();
  }
  EXPECT_THAT(MoveProgressLine(tally_), EndsWith("  2.0 MB/s  35.0 s left"));
}

TEST_F(MoveTallyTest, OfSmallShardsTheTimeLeftIsByShards) {
  MoveTally small({});
  EXPECT_EQ(MoveProgressLine(small), "[------------] 0 %  0 of 0 shards  0 B of 0 B  0 B/s");
  std::swap(small, tally_);
  for (MoveView& move : state_.moves) move.sent_bytes = move.total_bytes = 0;
  Look();
  now_ += seconds(3);
  Done(1);
  Look();
  EXPECT_EQ(MoveProgressLine(tally_),
            "[######------] 50 %  1 of 2 shards  0 B of 0 B  0 B/s  3.0 s left");
}

}  // namespace
}  // namespace ringfort::ctl

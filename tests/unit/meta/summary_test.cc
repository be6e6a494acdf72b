// What operators are told of a state.
#include "meta/summary.h"

#include <gtest/gtest.h>

#include "tests/unit/meta/pretend_cluster.h"

namespace ringfort::meta {
namespace {

using proto::ChangeNode;

proto::ClusterState StateOf(const PretendCluster& cluster) {
  proto::ClusterState out;
  FillState(cluster.state, cluster.reports, cluster.last, NodeId(1), cluster.since, cluster.now,
            cluster.options.repair_after, &out);
  return out;
}

TEST(SummaryTest, OfANodeThatIsGoneOnlyItsNameIsTold) {
  PretendCluster cluster(4, 8, 3, 1);
  ASSERT_TRUE(cluster.Change(ChangeNode::REMOVE, NodeId(4)).ok());
  ASSERT_TRUE(cluster.Settle());
  for (int i = 0; i < 10; ++i) cluster.Step();
  const proto::ClusterState state = StateOf(cluster);
  const proto::NodeSummary& gone = state.nodes(3);
  ASSERT_EQ(gone.state(), proto::GONE);
  EXPECT_EQ(gone.id(), 4U);
  EXPECT_FALSE(gone.address().empty());
  EXPECT_FALSE(gone.alive());
  EXPECT_EQ(gone.silent_ms(), 0U);
  EXPECT_EQ(gone.disk_free_bytes(), 0U);
  EXPECT_TRUE(state.nodes(0).alive());
}

proto::Plan PlanOf(const State& before, const PretendCluster& cluster) {
  proto::Plan plan;
  FillPlan(before, cluster.state, cluster.reports, &plan);
  return plan;
}

// Who gets a copy and leads then is part of the move.
TEST(SummaryTest, AMoveIsNoTransferBesides) {
  PretendCluster cluster(4, 16, 3, 1);
  const State before = cluster.state;
  ASSERT_TRUE(cluster.Change(ChangeNode::DRAIN, NodeId(4)).ok());
  const proto::Plan plan = PlanOf(before, cluster);
  EXPECT_GE(plan.moves_size(), 12);
  std::uint32_t only_another_primary = 0;
  for (ShardId shard; shard <= before.map.meta_shard(); ++shard) {
    const bool moves = cluster.state.map.moves.contains(shard);
    const bool other = cluster.state.map.TargetOf(shard).front() != before.map.PlaceOf(shard)[0];
    if (!moves && other) ++only_another_primary;
  }
  EXPECT_EQ(plan.transfers(), only_another_primary);
  EXPECT_EQ(plan.taken_back(), 0U);
}

TEST(SummaryTest, ACancelSaysWhatItTookBackAndWhatItLeavesAlone) {
  PretendCluster cluster(3, 8, 3, 1);
  cluster.state.paused = true;
  cluster.Join();
  while (cluster.state.map.moves.empty()) cluster.Step();
  const auto balance = static_cast<std::uint32_t>(cluster.state.map.moves.size());
  auto& drained = cluster.state.map.moves.begin()->second;
  drained.cause = ring::MoveCause::kDrain;
  const State before = cluster.state;
  auto change = Rebalance(before, proto::Rebalance::CANCEL, [&](ShardId shard) {
    return shard == before.map.moves.rbegin()->first ? Headway::kCopies : Headway::kNone;
  });
  ASSERT_TRUE(change.ok());
  cluster.state = change->next;
  const proto::Plan plan = PlanOf(before, cluster);
  EXPECT_EQ(plan.taken_back(), balance - 1);
  ASSERT_EQ(plan.left_alone_size(), 1);
  EXPECT_EQ(plan.left_alone(0).cause(), proto::DRAIN);
  EXPECT_EQ(plan.left_alone(0).moves(), 1U);
  EXPECT_EQ(plan.moves_size(), 0) << "to go back copies nothing";
  EXPECT_EQ(plan.transfers(), 0U);
}

}  // namespace
}  // namespace ringfort::meta

// What a change of plans costs: nothing that has not begun, and of what has begun as little as may
// be.
#include "meta/plan.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "tests/unit/meta/pretend_cluster.h"

namespace ringfort::meta {
namespace {

using proto::ChangeNode;

class PlanTest : public testing::Test {
 protected:
  explicit PlanTest(std::uint32_t nodes = 4) : cluster_(nodes, 16, 3, 1) {
    EXPECT_TRUE(cluster_.Settle());
  }

  void Run(std::chrono::seconds time) {
    for (const MonotonicTime end = cluster_.now + time; cluster_.now < end;) cluster_.Step();
  }
  void Change(ChangeNode::Kind kind, std::uint32_t node, std::uint32_t replacement = 0,
              std::uint32_t weight = 0) {
    const Status status = cluster_.Change(kind, NodeId(node), NodeId(replacement), weight);
    EXPECT_TRUE(status.ok()) << status.ToString();
  }
  std::uint32_t Copies() const {
    std::uint32_t copies = 0;
    for (const auto& shard : cluster_.shards) copies += shard.learners_made;
    return copies;
  }
  std::size_t CountMoves() const { return cluster_.state.map.moves.size(); }
  // Steps until some copies are being made, and none is done.
  void RunUntilCopying() {
    const auto copies = [](const auto& shard) { return !shard.members.learners.empty(); };
    for (int i = 0; i < 100 && std::ranges::none_of(cluster_.shards, copies); ++i) cluster_.Step();
    ASSERT_TRUE(std::ranges::any_of(cluster_.shards, copies));
  }
  void ExpectNothingWrong() const { EXPECT_TRUE(cluster_.wrong.empty()) << cluster_.wrong.front(); }

  PretendCluster cluster_;
};

TEST_F(PlanTest, ADrainThatIsTakenBackBeforeItBeginsCostsNothing) {
  cluster_.state.paused = true;
  Change(ChangeNode::DRAIN, 4);
  Run(std::chrono::seconds(2));
  EXPECT_GE(CountMoves(), 12U);
  Change(ChangeNode::UNDRAIN, 4);
  EXPECT_EQ(CountMoves(), 0U);
  cluster_.state.paused = false;
  ASSERT_TRUE(cluster_.Settle());
  EXPECT_EQ(Copies(), 0U);
  EXPECT_EQ(cluster_.ReplicasOn(NodeId(4)), 12U);
}

// The copies are still where they were; what was sent elsewhere is given up.
TEST_F(PlanTest, ADrainThatIsTakenBackWhileItCopiesGoesBack) {
  Change(ChangeNode::DRAIN, 4);
  RunUntilCopying();
  const std::uint32_t copies = Copies();
  Change(ChangeNode::UNDRAIN, 4);
  ASSERT_TRUE(cluster_.Settle());
  EXPECT_EQ(Copies(), copies);
  EXPECT_EQ(cluster_.ReplicasOn(NodeId(4)), 12U);
  ExpectNothingWrong();
}

TEST_F(PlanTest, ADrainThatIsTakenBackInItsMidstCostsWhatWasDone) {
  Change(ChangeNode::DRAIN, 4);
  while (cluster_.ReplicasOn(NodeId(4)) > 7) cluster_.Step();
  const std::uint32_t copies = Copies();
  const std::uint32_t left = 12 - cluster_.ReplicasOn(NodeId(4));
  Change(ChangeNode::UNDRAIN, 4);
  ASSERT_TRUE(cluster_.Settle());
  EXPECT_LE(Copies(), copies + left + 2) << "and what was under way";
  EXPECT_EQ(cluster_.ReplicasOn(NodeId(4)), 12U);
  ExpectNothingWrong();
}

TEST_F(PlanTest, ANodeThatComesBackKeepsWhatIsNotCopiedYet) {
  for (const bool paused : {true, false}) {
    cluster_.state.paused = paused;
    cluster_.Kill(NodeId(4));
    while (!cluster_.state.map.FindNode(NodeId(4))->lost) cluster_.Step();
    if (!paused) RunUntilCopying();
    const std::uint32_t copies = Copies();
    cluster_.Start(NodeId(4));
    Run(std::chrono::seconds(2));
    ASSERT_TRUE(cluster_.Settle());
    EXPECT_EQ(CountMoves(), 0U);
    EXPECT_EQ(Copies(), copies) << "paused: " << paused;
    EXPECT_EQ(cluster_.ReplicasOn(NodeId(4)), 12U);
  }
  ExpectNothingWrong();
}

TEST_F(PlanTest, AWeightThatIsCorrectedCostsNothing) {
  cluster_.state.paused = true;
  Change(ChangeNode::SET_WEIGHT, 4, 0, 3);
  EXPECT_GT(CountMoves(), 0U);
  Change(ChangeNode::SET_WEIGHT, 4, 0, 1);
  EXPECT_EQ(CountMoves(), 0U);
}

TEST_F(PlanTest, WhatIsPlannedAndRightStays) {
  Change(ChangeNode::DRAIN, 4);
  for (int i = 0; i < 400 && CountMoves() > 0; ++i) {
    State again = cluster_.state;
    Replan(&again, cluster_.headways());
    ASSERT_EQ(again, cluster_.state);
    cluster_.Step();
  }
  EXPECT_EQ(CountMoves(), 0U);
}

// The new node dies while it is filled: the copies go back to where they still are.
TEST_F(PlanTest, ACopyToANodeThatIsLostGoesBack) {
  const NodeId fifth = cluster_.Join();
  RunUntilCopying();
  cluster_.Kill(fifth);
  const std::uint32_t copies = Copies();
  while (!cluster_.state.map.FindNode(fifth)->lost) cluster_.Step();
  ASSERT_TRUE(cluster_.Settle());
  EXPECT_EQ(cluster_.ReplicasOn(fifth), 0U);
  EXPECT_LE(Copies(), copies + 2) << "those that had become voters there";
  ExpectNothingWrong();
}

// It comes before all else that moves, and is not cancelled with what only evens out.
TEST(MoveCauseTest, CopiesThatWereMissingAreARepair) {
  PretendCluster cluster(3, 8, 3, 1);
  cluster.state.paused = true;
  for (auto& place : cluster.state.map.placement) place.resize(2);
  Replan(&cluster.state, cluster.headways());
  EXPECT_EQ(cluster.state.map.moves.size(), 8U);
  for (const auto& [shard, move] : cluster.state.map.moves) {
    EXPECT_EQ(move.cause, ring::MoveCause::kRepair);
  }
}

TEST(MoveCauseTest, AMetaGroupThatGrowsIsNotRepaired) {
  PretendCluster cluster(3, 4, 3, 1);
  for (std::uint32_t id = 4; id <= 5; ++id) {
    ring::NodeInfo node = cluster.state.map.nodes.back();
    node.id = NodeId(id);
    node.zone = "zone-" + std::to_string(id);
    cluster.state.map.nodes.push_back(node);
  }
  Replan(&cluster.state, cluster.headways());
  const ring::Move& move = cluster.state.map.moves.at(ShardId(4));
  EXPECT_EQ(move.to.size(), 5U);
  EXPECT_EQ(move.cause, ring::MoveCause::kBalance);
}

class ReplacementTest : public PlanTest {
 protected:
  ReplacementTest() {
    cluster_.state.paused = true;
    for (std::uint32_t node = 5; node <= 6; ++node) {
      EXPECT_EQ(cluster_.Join(), NodeId(node));
      Run(std::chrono::seconds(1));
    }
  }

  // How many of the shards that are on `from` go to `to`.
  std::pair<std::size_t, std::size_t> Given(NodeId from, NodeId to) const {
    std::pair<std::size_t, std::size_t> given;
    for (std::uint32_t i = 0; i < 16; ++i) {
      const auto has = [](const std::vector<NodeId>& nodes, NodeId node) {
        return std::ranges::find(nodes, node) != nodes.end();
      };
      if (!has(cluster_.state.map.PlaceOf(ShardId(i)), from)) continue;
      ++given.second;
      if (has(cluster_.state.map.TargetOf(ShardId(i)), to)) ++given.first;
    }
    return given;
  }
};

// Each of the six may hold 8: so much of the 12 it takes.
TEST_F(ReplacementTest, ADrainThatHasNotBegunBecomesAReplacement) {
  Change(ChangeNode::DRAIN, 4);
  Change(ChangeNode::REPLACE, 4, 5);
  const auto [given, held] = Given(NodeId(4), NodeId(5));
  EXPECT_EQ(held, 12U);
  EXPECT_GE(given, 8U);
  State again = cluster_.state;
  Replan(&again, cluster_.headways());
  EXPECT_EQ(again, cluster_.state) << "the replacement stays";
}

TEST_F(ReplacementTest, AnotherReplacementMayBeGivenBeforeItBegins) {
  Change(ChangeNode::REPLACE, 4, 5);
  Change(ChangeNode::REPLACE, 4, 6);
  EXPECT_GE(Given(NodeId(4), NodeId(6)).first, 8U);
  Change(ChangeNode::UNDRAIN, 4);
  EXPECT_EQ(Given(NodeId(4), NodeId(4)), std::pair(std::size_t{8}, std::size_t{12}))
      << "its share of six stays";
  cluster_.state.paused = false;
  ASSERT_TRUE(cluster_.Settle());
  ExpectNothingWrong();
}

}  // namespace
}  // namespace ringfort::meta

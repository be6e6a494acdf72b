// When the cluster's feature level may be raised: never before every node has said that it knows
// it.
#include "meta/upgrade.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "features/features.h"
#include "ring/placement.h"
#include "tests/unit/node/fake_outside.h"

namespace ringfort::meta {
namespace {

using testing::HasSubstr;
using testing::Not;

class UpgradeTest : public testing::Test {
 protected:
  UpgradeTest() {
    ring::ClusterConfig config;
    config.cluster_name = "test";
    config.shards = 8;
    for (std::uint32_t i = 1; i <= 3; ++i) {
      config.nodes.push_back({NodeId(i), "host-" + std::to_string(i) + ":1", "z", 1});
    }
    state_.map = ring::FirstMap(config, ClusterId{1, 2});
    reports_ = Reports(state_.map.meta_shard());
  }

  /// `level` 0: a node of the first release, which says nothing of it.
  void Report(std::uint32_t node, std::uint32_t level, std::uint64_t boot = 1) {
    proto::NodeReport report;
    report.set_sequence(++sequence_);
    if (level > 0) {
      report.set_release("0.2.0");
      report.set_knows_level(level);
    }
    EXPECT_TRUE(reports_.Take(node::Peer(node, boot), report, kNow, 0));
  }
  std::string WaitsFor() {
    proto::FeatureState features;
    FillFeatures(state_, reports_, &features);
    EXPECT_EQ(features.next_level(), 1U);
    return features.waits_for();
  }

  static constexpr MonotonicTime kNow{std::chrono::hours(1)};
  State state_;
  Reports reports_{ShardId()};
  std::uint64_t sequence_ = 0;
};

TEST_F(UpgradeTest, WaitsForEveryNode) {
  Report(1, 1);
  Report(2, 0);
  EXPECT_THAT(WaitsFor(), HasSubstr("node 2 runs release 0.1.0"));
  EXPECT_THAT(WaitsFor(), HasSubstr("not heard of yet: node 3"));
  const auto early = RaiseLevel(state_, reports_, FeatureLevel(1));
  EXPECT_EQ(early.status().code(), Code::kConditionFailed);
  EXPECT_THAT(early.status().message(), HasSubstr("node 2 runs release 0.1.0"));
  Report(2, 1, 2);
  Report(3, 1);
  EXPECT_EQ(WaitsFor(), "");
  const auto raised = RaiseLevel(state_, reports_, FeatureLevel(1));
  ASSERT_TRUE(raised.ok()) << raised.status().ToString();
  EXPECT_EQ(raised->next.map.feature_level, FeatureLevel(1));
  EXPECT_EQ(raised->next.map.feature_release, "0.2.0");
  EXPECT_EQ(raised->next.map.version, state_.map.version + 1);
  EXPECT_THAT(raised->event, HasSubstr("feature level is 1"));
}

// A node that went back to the release before is one that does not know it.
TEST_F(UpgradeTest, TheNewestReportCounts) {
  for (std::uint32_t node : {1, 2, 3}) Report(node, 1);
  Report(3, 0, 2);
  EXPECT_EQ(RaiseLevel(state_, reports_, FeatureLevel(1)).status().code(), Code::kConditionFailed);
}

TEST_F(UpgradeTest, WhoIsGoneDoesNotCount) {
  for (std::uint32_t node : {1, 2}) Report(node, 1);
  state_.map.nodes[2].state = ring::NodeState::kGone;
  EXPECT_TRUE(RaiseLevel(state_, reports_, FeatureLevel(1)).ok());
}

// The run: node 3 is dead, a shard lost its majority with it and can be begun anew only at level 1,
// and until then the node cannot be removed.
TEST_F(UpgradeTest, WhoIsLostIsNotWaitedFor) {
  for (std::uint32_t node : {1, 2}) Report(node, 1);
  state_.map.nodes[2].lost = true;
  EXPECT_EQ(WaitsFor(), "");
  EXPECT_TRUE(RaiseLevel(state_, reports_, FeatureLevel(1)).ok());
}

// The primary may be the older program: it cannot raise to what it does not know.
TEST_F(UpgradeTest, AskedAgainOrOfAnOlderPrimaryNothingChanges) {
  for (std::uint32_t node : {1, 2, 3}) Report(node, 1);
  EXPECT_EQ(RaiseLevel(state_, reports_, FeatureLevel(0))->next, state_);
  state_.map.feature_level = FeatureLevel(1);
  const auto again = RaiseLevel(state_, reports_, FeatureLevel(1));
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(again->next, state_);
  EXPECT_EQ(again->event, "");
}

TEST_F(UpgradeTest, AnOlderProgramIsNotTakenIn) {
  proto::JoinCluster join;
  join.set_node(4);
  join.set_address("host-4:7101");
  join.set_weight(1);
  join.set_incarnation(std::string(16, 'x'));
  EXPECT_TRUE(Join(state_, join, false).ok());
  state_.map.feature_level = FeatureLevel(1);
  state_.map.feature_release = "0.2.0";
  const auto refused = Join(state_, join, false);
  EXPECT_EQ(refused.status().code(), Code::kUnsupported);
  EXPECT_THAT(refused.status().message(), HasSubstr("run release 0.2.0 or newer"));
  join.set_knows_level(1);
  EXPECT_TRUE(Join(state_, join, false).ok());
}

}  // namespace
}  // namespace ringfort::meta

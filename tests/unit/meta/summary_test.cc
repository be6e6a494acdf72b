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

}  // namespace
}  // namespace ringfort::meta

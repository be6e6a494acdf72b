// Whatever operators do, whoever dies, and whatever becomes of orders: no order takes healthy
// voters away, and in the end everything is where the map says.
#include <gtest/gtest.h>

#include "tests/unit/meta/pretend_cluster.h"

namespace ringfort::meta {
namespace {

using proto::ChangeNode;

class RandomMovesTest : public testing::TestWithParam<std::uint64_t> {};

TEST_P(RandomMovesTest, ComeToTheirEnd) {
  const std::uint64_t seed = GetParam();
  Random random(seed);
  PretendCluster cluster(3 + static_cast<std::uint32_t>(random.Below(4)), 8,
                         1 + static_cast<std::uint32_t>(random.Below(3)), seed,
                         2 + static_cast<std::uint32_t>(random.Below(5)));
  cluster.bad_links = true;
  const auto any = [&] {
    auto node = cluster.nodes.begin();
    std::advance(node, random.Below(cluster.nodes.size()));
    return node->first;
  };
  const auto dead = [&] {
    return std::ranges::count_if(cluster.nodes, [](const auto& one) { return !one.second.alive; });
  };
  for (int i = 0; i < 40; ++i) {
    switch (random.Below(10)) {
      case 0:
        if (cluster.nodes.size() < 9) {
          cluster.Join("zone-" + std::to_string(random.Below(4)),
                       1 + static_cast<std::uint32_t>(random.Below(3)));
        }
        break;
      case 1: cluster.Change(ChangeNode::DRAIN, any()).IgnoreError(); break;    // May be refused.
      case 2: cluster.Change(ChangeNode::UNDRAIN, any()).IgnoreError(); break;  // The same.
      case 3: cluster.Change(ChangeNode::REMOVE, any()).IgnoreError(); break;   // The same.
      case 4: cluster.Change(ChangeNode::REPLACE, any(), any()).IgnoreError(); break;  // The same.
      case 5:
        cluster
            .Change(ChangeNode::SET_WEIGHT, any(), NodeId(),
                    1 + static_cast<std::uint32_t>(random.Below(4)))
            .IgnoreError();  // The same.
        break;
      case 6:
        if (dead() == 0) cluster.Kill(any());
        break;
      case 7:
        for (const auto& [id, node] : cluster.nodes) {
          if (!node.alive) cluster.Start(id);
        }
        break;
      case 8: cluster.ReplaceMetaPrimary(); break;
      default: {
        auto change = Rebalance(
            cluster.state, random.OneIn(2) ? proto::Rebalance::CANCEL : proto::Rebalance::START,
            cluster.headways());
        ASSERT_TRUE(change.ok());
        cluster.state = std::move(change->next);
      }
    }
    for (std::uint64_t steps = random.Below(60); steps > 0; --steps) cluster.Step();
    ASSERT_TRUE(cluster.wrong.empty()) << cluster.wrong.front() << "; seed " << seed;
  }
  for (const auto& [id, node] : cluster.nodes) {
    if (!node.alive) cluster.Start(id);
  }
  cluster.bad_links = false;
  EXPECT_TRUE(cluster.Settle(6000)) << "seed " << seed;
  EXPECT_TRUE(cluster.wrong.empty()) << cluster.wrong.front() << "; seed " << seed;
  for (const ring::NodeInfo& node : cluster.state.map.nodes) {
    if (node.state == ring::NodeState::kActive) continue;
    EXPECT_EQ(cluster.ReplicasOn(node.id), 0U) << "seed " << seed;
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, RandomMovesTest, testing::Range<std::uint64_t>(1, 201));

}  // namespace
}  // namespace ringfort::meta

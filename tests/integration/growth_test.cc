// A cluster that grows and shrinks under load, and that repairs itself (design section 5): no
// request fails, nothing is lost, and everything ends where the map says.
#include <algorithm>

#include "tests/integration/accounting.h"

namespace ringfort::integration {
namespace {

using std::chrono::seconds;

class Growth : public Accounting {
 protected:
  /// Nothing moves, and every node holds and leads what is planned.
  static bool Settled(Client& admin) {
    auto state = admin.ClusterState({.timeout = seconds(2)});
    if (!state.ok() || !state->moves.empty()) return false;
    return std::all_of(state->nodes.begin(), state->nodes.end(), [](const NodeSummaryView& node) {
      return node.node.state == NodeState::kGone ||
             (node.node.state != NodeState::kJoining && node.primaries == node.primaries_planned);
    });
  }
  static NodeState StateOf(Client& admin, std::uint32_t id) {
    auto state = admin.ClusterState({.timeout = seconds(2)});
    if (!state.ok()) return NodeState::kJoining;
    for (const NodeSummaryView& node : state->nodes) {
      if (node.node.id == id) return node.node.state;
    }
    return NodeState::kJoining;
  }
  static std::string Describe(Client& admin) {
    auto state = admin.ClusterState({.timeout = seconds(2)});
    if (!state.ok()) return state.status().ToString();
    std::string text;
    for (const NodeSummaryView& node : state->nodes) {
      text += "node " + std::to_string(node.node.id) + ": " +
              std::to_string(static_cast<int>(node.node.state)) + ", leads " +
              std::to_string(node.primaries) + " of " + std::to_string(node.primaries_planned) +
              ", holds " + std::to_string(node.replicas) + " of " +
              std::to_string(node.replicas_planned) + "\n";
    }
    for (const MoveView& move : state->moves) {
      text += "shard " + std::to_string(move.shard) + ": " + move.stage + " " + move.stuck + "\n";
    }
    return text;
  }
  void ExpectNothingFailed() {
    for (const auto& writer : writers_) {
      EXPECT_EQ(writer->refused(), 0U);
      EXPECT_EQ(writer->unknown(), 0U);
    }
  }
};

TEST_F(Growth, FromThreeNodesToFiveAndBack) {
  StartWriters(4, seconds(200));
  Client admin = cluster_.Connect();
  for (const std::uint32_t node : {4U, 5U}) cluster_.StartJoining(node);
  ASSERT_TRUE(Eventually(seconds(20), [&] { return StateOf(admin, 5) == NodeState::kActive; }))
      << cluster_.Output(5);
  ASSERT_TRUE(Eventually(seconds(90), [&] { return Settled(admin); })) << Describe(admin);
  auto state = admin.ClusterState();
  ASSERT_TRUE(state.ok());
  EXPECT_EQ(state->meta_voters.size(), 5U);
  for (const NodeSummaryView& node : state->nodes) {
    EXPECT_TRUE(node.replicas_planned == 9 || node.replicas_planned == 10) << node.node.id;
    EXPECT_GE(node.primaries, 3U) << node.node.id;
  }
  for (const std::uint32_t node : {1U, 4U}) {  // One of the first, and one that joined.
    auto plan = admin.ChangeNode({.kind = NodeChange::Kind::kRemove, .node = node});
    ASSERT_TRUE(plan.ok()) << plan.status().ToString();
  }
  ASSERT_TRUE(Eventually(seconds(90), [&] {
    return StateOf(admin, 1) == NodeState::kGone && StateOf(admin, 4) == NodeState::kGone &&
           Settled(admin);
  })) << Describe(admin);
  for (const std::uint32_t node : {1U, 4U}) {
    EXPECT_EQ(cluster_.AwaitEnd(node, seconds(20)), 0) << "it ends by itself";
  }
  const std::uint64_t before = Acked();
  EXPECT_TRUE(Eventually(seconds(20), [&] { return Acked() > before + 200; }));
  StopWriters();
  ExpectNothingFailed();
  Account();
}

TEST_F(Growth, OfWhoJoinsAgainAfterAKill) {
  Client admin = cluster_.Connect();
  cluster_.StartJoining(4);
  ASSERT_TRUE(Eventually(seconds(20), [&] { return StateOf(admin, 4) == NodeState::kActive; }))
      << cluster_.Output(4);
  StartWriters(4, seconds(120));
  // In the midst of its moves, and the meta group's primary after it.
  cluster_.Kill(4);
  auto state = admin.ClusterState();
  ASSERT_TRUE(state.ok()) << state.status().ToString();
  cluster_.Kill(state->meta_primary);
  cluster_.Start(state->meta_primary);
  cluster_.Start(4);
  ASSERT_TRUE(Eventually(seconds(90), [&] { return Settled(admin); })) << Describe(admin);
  StopWriters();
  Account();
}

}  // namespace
}  // namespace ringfort::integration

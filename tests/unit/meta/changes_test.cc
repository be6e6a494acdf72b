#include "meta/changes.h"

#include <gtest/gtest.h>

#include "ring/placement.h"
#include "wire/id_codec.h"

namespace ringfort::meta {
namespace {

constexpr Incarnation kDirectory{7, 8};

State Three(std::uint32_t replicas = 3) {
  ring::ClusterConfig config;
  config.cluster_name = "test";
  config.shards = 8;
  config.replicas = replicas;
  for (std::uint32_t i = 1; i <= 3; ++i) {
    config.nodes.push_back(
        {NodeId(i), "host-" + std::to_string(i) + ":1", "zone-" + std::to_string(i), 1});
  }
  State state;
  state.map = ring::FirstMap(config, ClusterId{1, 2});
  return state;
}

proto::JoinCluster Fourth() {
  proto::JoinCluster join;
  join.set_node(4);
  join.set_address("host-4:7101");
  join.set_weight(1);
  join.set_incarnation(wire::EncodeId(kDirectory));
  return join;
}

proto::ChangeNode For(std::uint32_t node, proto::ChangeNode::Kind kind) {
  proto::ChangeNode change;
  change.set_node(node);
  change.set_kind(kind);
  return change;
}

Headway Untouched(ShardId /*shard*/) {
  return Headway::kNone;
}

std::string Refusal(const Result<Change>& change, Code code = Code::kInvalidArgument) {
  EXPECT_FALSE(change.ok());
  if (change.ok()) return "";
  EXPECT_EQ(change.status().code(), code) << change.status().ToString();
  return change.status().message();
}

TEST(ChangesTest, ANodeJoins) {
  const State before = Three();
  auto change = Join(before, Fourth(), false);
  ASSERT_TRUE(change.ok()) << change.status().ToString();
  const ring::NodeInfo* node = change->next.map.FindNode(NodeId(4));
  ASSERT_NE(node, nullptr);
  EXPECT_EQ(node->state, ring::NodeState::kJoining);
  EXPECT_EQ(node->zone, "node-4") << "a zone of its own";
  EXPECT_EQ(change->next.map.version, before.map.version + 1);
  EXPECT_TRUE(ring::CheckMap(change->next.map).ok());
}

TEST(ChangesTest, ToJoinAgainChangesNothing) {
  const State joined = Join(Three(), Fourth(), false)->next;
  auto again = Join(joined, Fourth(), false);
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(again->next, joined);
  EXPECT_EQ(again->event, "");
}

TEST(ChangesTest, ANodeThatMovedSaysItsNewAddress) {
  const State joined = Join(Three(), Fourth(), false)->next;
  proto::JoinCluster join = Fourth();
  join.set_address("elsewhere:7101");
  EXPECT_EQ(Join(joined, join, false)->next.map.FindNode(NodeId(4))->address, "elsewhere:7101");
}

TEST(ChangesTest, WhoMayNotJoinIsToldWhy) {
  const State state = Join(Three(), Fourth(), false)->next;
  proto::JoinCluster join = Fourth();
  join.set_incarnation(wire::EncodeId(Incarnation{9, 9}));
  EXPECT_NE(Refusal(Join(state, join, false)).find("another data directory"), std::string::npos);
  join = Fourth();
  join.set_node(5);
  EXPECT_NE(Refusal(Join(state, join, false)).find("join as --node=4"), std::string::npos);
  join.set_address("nowhere");
  EXPECT_NE(Refusal(Join(state, join, false)).find("HOST:PORT"), std::string::npos);
  for (const std::string host :
       {"", "\x1b[31mhost", "a\nb", "a b", "::1", "[]", "[a b]", "0.0.0.0", "[::]", "*"}) {
    join.set_address(host + ":7101");
    EXPECT_NE(Refusal(Join(state, join, false)).find("HOST:PORT"), std::string::npos) << host;
  }
  for (const std::string host : {"a-b_c.example", "127.0.0.1", "[::1]", "[fe80::1%eth0]"}) {
    join.set_address(host + ":7101");
    EXPECT_TRUE(Join(state, join, false).ok()) << host;
  }
  join.set_address("host-5:0");
  EXPECT_NE(Refusal(Join(state, join, false)).find("HOST:PORT"), std::string::npos);
  join.set_address("host-5:7101");
  join.set_zone("a b");
  EXPECT_NE(Refusal(Join(state, join, false)).find("zone"), std::string::npos);
  join.set_zone("");
  join.set_weight(0);
  EXPECT_NE(Refusal(Join(state, join, false)).find("weight"), std::string::npos);
  join.set_weight(1);
  join.set_node(0);
  EXPECT_NE(Refusal(Join(state, join, false)).find("id 0"), std::string::npos);
}

TEST(ChangesTest, ADeadNodeMayBeginAnew) {
  State state = Join(Three(), Fourth(), false)->next;
  state.map.nodes.back().state = ring::NodeState::kActive;
  proto::JoinCluster join = Fourth();
  join.set_incarnation(wire::EncodeId(Incarnation{9, 9}));
  auto change = Join(state, join, true);
  ASSERT_TRUE(change.ok()) << change.status().ToString();
  EXPECT_EQ(change->next.map.nodes.back().incarnation, (Incarnation{9, 9}));
  EXPECT_EQ(change->next.map.nodes.back().state, ring::NodeState::kActive);
}

TEST(ChangesTest, TheIdOfANodeThatIsGoneMayJoinAgain) {
  State state = Join(Three(), Fourth(), false)->next;
  state.map.nodes.back().state = ring::NodeState::kGone;
  proto::JoinCluster join = Fourth();
  EXPECT_NE(Refusal(Join(state, join, true)).find("was removed"), std::string::npos)
      << "not with the directory of before";
  join.set_incarnation(wire::EncodeId(Incarnation{9, 9}));
  auto change = Join(state, join, false);
  ASSERT_TRUE(change.ok()) << change.status().ToString();
  EXPECT_EQ(change->next.map.nodes.back().state, ring::NodeState::kJoining);
  EXPECT_EQ(change->next.map.nodes.size(), 4U);
}

TEST(ChangesTest, CopiesAreNotTakenAwayUnasked) {
  for (const auto kind : {proto::ChangeNode::DRAIN, proto::ChangeNode::REMOVE}) {
    proto::ChangeNode change = For(1, kind);
    EXPECT_NE(Refusal(ChangeNode(Three(), change, Untouched), Code::kConditionFailed)
                  .find("--accept-fewer-copies"),
              std::string::npos);
    change.set_accept_fewer_copies(true);
    auto accepted = ChangeNode(Three(), change, Untouched);
    ASSERT_TRUE(accepted.ok()) << accepted.status().ToString();
    for (std::uint32_t shard = 0; shard < 8; ++shard) {
      EXPECT_EQ(accepted->next.map.TargetOf(ShardId(shard)).size(), 2U);
    }
  }
}

// Copies that would go to a node that is down would be missing.
TEST(ChangesTest, WhoIsSilentIsNoTaker) {
  const State four = [] {
    State state = Join(Three(), Fourth(), false)->next;
    state.map.nodes[3].state = ring::NodeState::kActive;
    return state;
  }();
  const proto::ChangeNode remove = For(1, proto::ChangeNode::REMOVE);
  EXPECT_TRUE(ChangeNode(four, remove, Untouched).ok());
  const std::string refusal =
      Refusal(ChangeNode(four, remove, Untouched, {NodeId(4)}), Code::kConditionFailed);
  EXPECT_NE(refusal.find("since node 4 cannot be heard"), std::string::npos) << refusal;
  EXPECT_TRUE(ChangeNode(four, remove, Untouched, {NodeId(1)}).ok())
      << "it gives, it does not take";
  proto::ChangeNode replace = For(1, proto::ChangeNode::REPLACE);
  replace.set_replacement(4);
  EXPECT_TRUE(ChangeNode(four, replace, Untouched).ok());
  EXPECT_NE(Refusal(ChangeNode(four, replace, Untouched, {NodeId(4)}), Code::kConditionFailed)
                .find("start it"),
            std::string::npos);
}

TEST(ChangesTest, TheLastNodeStays) {
  State state = Three(1);
  state.map.nodes[0].state = ring::NodeState::kDraining;
  state.map.nodes[1].state = ring::NodeState::kDraining;
  proto::ChangeNode change = For(3, proto::ChangeNode::REMOVE);
  change.set_accept_fewer_copies(true);
  EXPECT_NE(Refusal(ChangeNode(state, change, Untouched), Code::kConditionFailed).find("last node"),
            std::string::npos);
}

TEST(ChangesTest, WhatMakesNoSenseIsRefused) {
  const State state = Three();
  proto::ChangeNode change = For(1, proto::ChangeNode::SET_WEIGHT);
  change.set_weight(1001);
  EXPECT_NE(Refusal(ChangeNode(state, change, Untouched)).find("weight"), std::string::npos);
  change = For(1, proto::ChangeNode::SET_ZONE);
  change.set_zone("a zone");
  EXPECT_NE(Refusal(ChangeNode(state, change, Untouched)).find("zone"), std::string::npos);
}

TEST(ChangesTest, WhatTheClusterIsNotInAStateForIsRefused) {
  State state = Three();
  const auto refusal = [&](const proto::ChangeNode& change) {
    return Refusal(ChangeNode(state, change, Untouched), Code::kConditionFailed);
  };
  EXPECT_NE(refusal(For(9, proto::ChangeNode::DRAIN)).find("no node 9"), std::string::npos);
  proto::ChangeNode change = For(1, proto::ChangeNode::REPLACE);
  for (const std::uint32_t replacement : {0U, 1U, 9U}) {
    change.set_replacement(replacement);
    EXPECT_NE(refusal(change).find("cannot take the place"), std::string::npos);
  }
  state.map.nodes[2].state = ring::NodeState::kGone;
  for (const auto kind : {proto::ChangeNode::DRAIN, proto::ChangeNode::UNDRAIN,
                          proto::ChangeNode::REPLACE, proto::ChangeNode::SET_WEIGHT}) {
    EXPECT_EQ(refusal(For(3, kind)), "node 3 is gone (its id may join again)");
  }
}

// The engine asks again when an answer was lost.
TEST(ChangesTest, WhatIsSoAlreadyIsNoMistake) {
  State state = Three(1);
  const auto expect_no_change = [&](const proto::ChangeNode& change) {
    const auto again = ChangeNode(state, change, Untouched);
    ASSERT_TRUE(again.ok()) << again.status().ToString();
    EXPECT_EQ(again->next, state);
    EXPECT_EQ(again->event, "");
  };
  expect_no_change(For(1, proto::ChangeNode::UNDRAIN));
  state = ChangeNode(state, For(1, proto::ChangeNode::DRAIN), Untouched)->next;
  expect_no_change(For(1, proto::ChangeNode::DRAIN));
  state.map.nodes[0].state = ring::NodeState::kGone;
  expect_no_change(For(1, proto::ChangeNode::REMOVE));
}

TEST(ChangesTest, CancelledMovesThatHaveBegunGoBack) {
  State state = Three(1);
  state.map.moves[ShardId(0)] = {{NodeId(2)}, ring::MoveCause::kBalance};
  state.map.moves[ShardId(1)] = {{NodeId(2)}, ring::MoveCause::kBalance};
  state.map.moves[ShardId(2)] = {{NodeId(2)}, ring::MoveCause::kRepair};
  auto change = Rebalance(state, proto::Rebalance::CANCEL, [](ShardId shard) {
    return shard == ShardId(1) ? Headway::kCopies : Headway::kNone;
  });
  ASSERT_TRUE(change.ok());
  const auto& moves = change->next.map.moves;
  EXPECT_FALSE(moves.contains(ShardId(0)));
  EXPECT_EQ(moves.at(ShardId(1)).to, state.map.placement[1]);
  EXPECT_EQ(moves.at(ShardId(2)).to, std::vector{NodeId(2)}) << "a repair is not cancelled";
}

}  // namespace
}  // namespace ringfort::meta

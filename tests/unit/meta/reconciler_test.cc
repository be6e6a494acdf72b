// The reconciler's steps on clusters that obey.
#include "meta/reconciler.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "tests/unit/meta/pretend_cluster.h"
#include "wire/raft_codec.h"

namespace ringfort::meta {
namespace {

using proto::ChangeNode;

class ReconcilerTest : public testing::Test {
 protected:
  static void Run(PretendCluster* cluster, std::chrono::seconds time) {
    for (const MonotonicTime end = cluster->now + time; cluster->now < end;) cluster->Step();
  }
  static const ring::NodeInfo& Node(const PretendCluster& cluster, NodeId id) {
    return *cluster.state.map.FindNode(id);
  }
  static void ExpectEvent(const PretendCluster& cluster, const std::string& end) {
    EXPECT_TRUE(std::ranges::any_of(cluster.events, [&](const std::string& event) {
      return event.ends_with(end);
    })) << end;
  }
  static void ExpectNothingWrong(const PretendCluster& cluster) {
    EXPECT_TRUE(cluster.wrong.empty()) << cluster.wrong.front();
  }
};

TEST_F(ReconcilerTest, ANewClusterHasNothingToDo) {
  PretendCluster cluster(3, 8, 3, 1);
  EXPECT_TRUE(cluster.Settle(20));
  EXPECT_EQ(cluster.state.map.version, ring::kFirstMapVersion);
}

TEST_F(ReconcilerTest, ANodeThatJoinsGetsItsShare) {
  PretendCluster cluster(3, 16, 3, 1);
  const NodeId fourth = cluster.Join();
  EXPECT_EQ(Node(cluster, fourth).state, ring::NodeState::kJoining);
  ASSERT_TRUE(cluster.Settle());
  EXPECT_EQ(Node(cluster, fourth).state, ring::NodeState::kActive);
  EXPECT_EQ(cluster.ReplicasOn(fourth), 12U);
  ExpectNothingWrong(cluster);
}

TEST_F(ReconcilerTest, TheMetaGroupGrowsToFive) {
  PretendCluster cluster(3, 4, 3, 1);
  cluster.Join();
  ASSERT_TRUE(cluster.Settle());
  EXPECT_EQ(cluster.state.map.meta.size(), 3U) << "four voters bear no more than three";
  cluster.Join();
  ASSERT_TRUE(cluster.Settle());
  EXPECT_EQ(cluster.state.map.meta.size(), 5U);
}

TEST_F(ReconcilerTest, AtMostSoManyMovesFillANode) {
  PretendCluster cluster(3, 32, 3, 1);
  const NodeId fourth = cluster.Join();
  for (int i = 0; i < 3000 && !cluster.settled(); ++i) {
    cluster.Step();
    std::size_t learners = 0;
    for (const auto& shard : cluster.shards) {
      learners += static_cast<std::size_t>(
          std::ranges::count(shard.members.learners, fourth, &raft::Member::node));
    }
    ASSERT_LE(learners, cluster.options.moves_per_node);
  }
  EXPECT_TRUE(cluster.settled());
}

TEST_F(ReconcilerTest, ADrainedNodeIsEmptiedAndStays) {
  PretendCluster cluster(4, 16, 3, 1);
  ASSERT_TRUE(cluster.Change(ChangeNode::DRAIN, NodeId(2)).ok());
  ASSERT_TRUE(cluster.Settle());
  EXPECT_EQ(cluster.ReplicasOn(NodeId(2)), 0U);
  EXPECT_EQ(Node(cluster, NodeId(2)).state, ring::NodeState::kDraining);
  ASSERT_TRUE(cluster.Change(ChangeNode::UNDRAIN, NodeId(2)).ok());
  ASSERT_TRUE(cluster.Settle());
  EXPECT_GE(cluster.ReplicasOn(NodeId(2)), 12U);
  ExpectNothingWrong(cluster);
}

TEST_F(ReconcilerTest, ARemovedNodeIsGoneOnceItIsEmpty) {
  PretendCluster cluster(4, 16, 3, 1);
  ASSERT_TRUE(cluster.Change(ChangeNode::REMOVE, NodeId(1)).ok());
  while (cluster.ReplicasOn(NodeId(1)) > 0) {
    cluster.Step();
    ASSERT_NE(Node(cluster, NodeId(1)).state, ring::NodeState::kGone);
  }
  ASSERT_TRUE(cluster.Settle());
  Run(&cluster, std::chrono::seconds(2));
  EXPECT_EQ(Node(cluster, NodeId(1)).state, ring::NodeState::kGone);
  ExpectNothingWrong(cluster);
}

// The run: a node is down and about to be called gone; a shard whose own log still has it as a
// learner has no primary at the moment, or its removal from there is taken back. Gone, nobody hears
// it any more, and it ends when it comes back.
TEST_F(ReconcilerTest, NobodyIsGoneWhomAShardMayStillHave) {
  PretendCluster cluster(4, 4, 3, 1);
  ASSERT_TRUE(cluster.Change(ChangeNode::REMOVE, NodeId(4)).ok());
  ASSERT_TRUE(cluster.Settle());
  ASSERT_EQ(Node(cluster, NodeId(4)).state, ring::NodeState::kGone);
  State before = cluster.state;
  before.map.nodes.back().state = ring::NodeState::kDraining;
  before.map.nodes.back().removing = true;
  cluster.Kill(NodeId(4));
  const auto gone_after = [&](std::chrono::seconds time) {
    cluster.state = before;
    Run(&cluster, time);
    return Node(cluster, NodeId(4)).state == ring::NodeState::kGone;
  };
  cluster.ReplaceMetaPrimary();
  EXPECT_FALSE(gone_after(std::chrono::seconds(2))) << "it may not have been heard yet";

  auto& shard = cluster.shards[0];
  shard.committed = false;
  EXPECT_FALSE(gone_after(std::chrono::seconds(10)));
  shard.committed = true;

  const raft::Members members = shard.members;
  shard.members.learners.push_back({++shard.members.newest_id, NodeId(4), Incarnation{1, 1}});
  ++shard.members.index;
  shard.caught_up.clear();  // No primary: nobody says who its members are.
  EXPECT_FALSE(gone_after(std::chrono::seconds(10)));
  for (const raft::Member& voter : members.voters) shard.caught_up.insert(voter.id);
  EXPECT_TRUE(gone_after(std::chrono::seconds(10)));
  EXPECT_TRUE(shard.members.learners.empty()) << "not before it is no member";
  ExpectNothingWrong(cluster);
}

// That is how an operator gets out of it: also shards led by who shall give them move.
TEST_F(ReconcilerTest, AClusterOfFullDisksMovesOntoAnEmptyOne) {
  PretendCluster cluster(3, 16, 3, 1);
  for (auto& [id, node] : cluster.nodes) node.room = storage::DiskRoom::kFull;
  const NodeId fourth = cluster.Join();
  Run(&cluster, std::chrono::seconds(60));
  EXPECT_TRUE(cluster.state.map.moves.empty());
  EXPECT_EQ(cluster.ReplicasOn(fourth), 12U);
  ExpectNothingWrong(cluster);
}

TEST_F(ReconcilerTest, AReplacementGetsWhatTheOtherHeld) {
  PretendCluster cluster(3, 16, 3, 1);
  cluster.options.moves_per_node = 0;  // Nothing moves before the replacement is known.
  const NodeId fourth = cluster.Join();
  Run(&cluster, std::chrono::seconds(2));
  cluster.options.moves_per_node = 2;
  ASSERT_TRUE(cluster.Change(ChangeNode::REPLACE, NodeId(3), fourth).ok());
  ASSERT_TRUE(cluster.Settle());
  EXPECT_EQ(cluster.ReplicasOn(fourth), 17U) << "and the meta group's";
  EXPECT_EQ(cluster.ReplicasOn(NodeId(3)), 0U);
  ExpectNothingWrong(cluster);
}

TEST_F(ReconcilerTest, ADeadNodeIsReplacedOnceItsTimeIsOver) {
  PretendCluster cluster(4, 16, 3, 1);
  cluster.Kill(NodeId(4));
  Run(&cluster, std::chrono::seconds(25));
  EXPECT_TRUE(cluster.state.map.moves.empty());
  Run(&cluster, std::chrono::seconds(10));
  EXPECT_TRUE(Node(cluster, NodeId(4)).lost);
  ExpectEvent(cluster, ": its copies are made on other nodes");
  ASSERT_TRUE(cluster.Settle());
  EXPECT_EQ(cluster.ReplicasOn(NodeId(4)), 0U);
  cluster.Start(NodeId(4));
  ASSERT_TRUE(cluster.Settle());
  Run(&cluster, std::chrono::seconds(5));
  ASSERT_TRUE(cluster.Settle());
  EXPECT_EQ(cluster.ReplicasOn(NodeId(4)), 12U);
  ExpectNothingWrong(cluster);
}

// protocols 6: repair_after runs anew after an election of the meta group.
TEST_F(ReconcilerTest, TheTimeOfADeadNodeBeginsAnewWithAnotherPrimary) {
  PretendCluster cluster(4, 4, 3, 1);
  cluster.Kill(NodeId(4));
  Run(&cluster, std::chrono::seconds(25));
  cluster.ReplaceMetaPrimary();
  Run(&cluster, std::chrono::seconds(25));
  EXPECT_FALSE(Node(cluster, NodeId(4)).lost);
  Run(&cluster, std::chrono::seconds(10));
  EXPECT_TRUE(Node(cluster, NodeId(4)).lost);
}

TEST_F(ReconcilerTest, ADeadNodeKeepsItsPlaceWhereNobodyCanTakeIt) {
  PretendCluster cluster(3, 8, 3, 1);
  cluster.Kill(NodeId(3));
  Run(&cluster, std::chrono::seconds(60));
  EXPECT_TRUE(Node(cluster, NodeId(3)).lost);
  ExpectEvent(cluster, ": no other node can take its copies (ringfortctl node add)");
  for (const auto& shard : cluster.shards) EXPECT_EQ(shard.members.voters.size(), 3U);
  ExpectNothingWrong(cluster);
}

TEST_F(ReconcilerTest, NothingBeginsWhilePaused) {
  PretendCluster cluster(3, 8, 3, 1);
  cluster.state.paused = true;
  cluster.Join();
  Run(&cluster, std::chrono::seconds(30));
  EXPECT_FALSE(cluster.state.map.moves.empty());
  for (const auto& shard : cluster.shards) EXPECT_EQ(shard.learners_made, 0U);
  cluster.state.paused = false;
  EXPECT_TRUE(cluster.Settle());
}

TEST_F(ReconcilerTest, AMoveToADeadNodeSaysWhyItDoesNotGoOn) {
  PretendCluster cluster(3, 8, 3, 1);
  const NodeId fourth = cluster.Join();
  Run(&cluster, std::chrono::seconds(1));
  cluster.Kill(fourth);
  Run(&cluster, std::chrono::seconds(10));
  ASSERT_FALSE(cluster.last.moves.empty());
  bool said = false;
  for (const auto& [shard, progress] : cluster.last.moves) {
    said = said || progress.stuck.find("node 4 does not answer") != std::string::npos;
  }
  EXPECT_TRUE(said);
  ExpectNothingWrong(cluster);
}

// An order that is carried out after its move was cancelled leaves a learner behind.
TEST_F(ReconcilerTest, AStrayMemberMovesBack) {
  PretendCluster cluster(4, 4, 3, 1);
  auto& shard = cluster.shards[0];
  NodeId other(1);
  while (std::ranges::find(shard.members.voters, other, &raft::Member::node) !=
         shard.members.voters.end()) {
    ++other;
  }
  shard.members.learners.push_back(
      {++shard.members.newest_id, other, cluster.nodes[other].incarnation});
  ++shard.members.index;
  ASSERT_TRUE(cluster.Settle());
  EXPECT_TRUE(shard.members.learners.empty());
}

// The run: two nodes are lost, and a move takes them out of the meta group; they come back, the
// plan is as before, and learners are made there. The next plan takes that move off the map: it
// goes to where the map has the shard already. (Seed 66 of five simulated nodes.)
TEST_F(ReconcilerTest, ALearnerInTheShardsPlaceBecomesAVoterByAMove) {
  PretendCluster cluster(3, 4, 3, 1);
  auto& shard = cluster.shards[0];
  const NodeId node = shard.members.voters.back().node;
  shard.members.voters.pop_back();
  shard.members.learners.push_back(
      {++shard.members.newest_id, node, cluster.nodes[node].incarnation});
  ++shard.members.index;
  ASSERT_TRUE(cluster.Settle());
  EXPECT_EQ(shard.members.voters.size(), 3U);
  EXPECT_TRUE(shard.members.learners.empty());
}

// An operator's way back when a majority is gone for good: of one voter there will be as many as
// the cluster wants, by itself, and the map says that all other replicas are void.
TEST_F(ReconcilerTest, AShardThatWasBegunAnewGetsItsCopiesBack) {
  PretendCluster cluster(5, 16, 3, 1);
  ASSERT_TRUE(cluster.Settle());
  for (const NodeId dead : {NodeId(4), NodeId(5)}) cluster.Kill(dead);
  Run(&cluster, std::chrono::seconds(2));
  std::set<ShardId> begun;
  for (std::uint32_t i = 0; i < cluster.shards.size(); ++i) {
    PretendCluster::Shard& shard = cluster.shards[i];
    if (shard.primary != NodeId()) continue;
    const auto alive = std::ranges::find_if(shard.members.voters, [&](const raft::Member& voter) {
      return cluster.nodes.at(voter.node).alive;
    });
    ASSERT_NE(alive, shard.members.voters.end());
    raft::Member voter = *alive;
    voter.id = ReplicaId(shard.members.newest_id.value() + 65'536);
    raft::Members members;
    members.voters = {voter};
    members.newest_id = voter.id;
    members.index = LogIndex(std::uint64_t{1} << 32);
    members.format = raft::MembersFormat::kNumbered;
    members.epoch = 1;
    shard.members = members;
    shard.caught_up = {voter.id};
    shard.primary = voter.node;
    begun.insert(ShardId(i));
  }
  ASSERT_FALSE(begun.empty());
  ASSERT_TRUE(cluster.Settle());
  for (std::uint32_t i = 0; i < cluster.shards.size(); ++i) {
    const ShardId shard(i);
    EXPECT_EQ(cluster.HealthyVoters(cluster.shards[i]), 3U) << i;
    EXPECT_EQ(cluster.state.map.EpochOf(shard), begun.contains(shard) ? 1U : 0U) << i;
  }
  EXPECT_TRUE(std::ranges::any_of(cluster.events, [](const std::string& event) {
    return event.starts_with("begun anew from one copy: ");
  }));
  ExpectNothingWrong(cluster);
}

// Its primary may have the higher term: what is void counts for nothing all the same.
TEST(ReportsTest, AnOlderEpochIsNotHeardOf) {
  Reports reports(ShardId(4));
  const auto report = [](std::uint64_t term, std::uint64_t epoch, std::uint32_t node) {
    proto::NodeReport said;
    said.set_sequence(1);
    proto::LedReport* led = said.add_led();
    led->set_term(term);
    raft::Members members;
    members.voters = {{ReplicaId(node), NodeId(node), Incarnation{node, 1}}};
    if (epoch > 0) members.format = raft::MembersFormat::kNumbered;
    members.epoch = epoch;
    wire::EncodeMembers(members, led->mutable_members());
    return said;
  };
  const MonotonicTime now{std::chrono::hours(1)};
  const auto take = [&](std::uint32_t node, std::uint64_t term, std::uint64_t epoch) {
    reports.Take({NodeId(node), Incarnation{node, 1}, BootNumber(1)}, report(term, epoch, node),
                 now, 0);
    const ShardNews* news = reports.Of(ShardId(0));
    return news == nullptr ? NodeId() : news->primary;
  };
  EXPECT_EQ(take(2, 900, 0), NodeId(2));
  EXPECT_EQ(take(1, 7, 1), NodeId(1));
  EXPECT_EQ(take(3, 901, 0), NodeId(1));
  reports.ExpectEpoch(ShardId(0), 2);
  EXPECT_EQ(reports.Of(ShardId(0)), nullptr) << "the map knows of a newer one";
  EXPECT_EQ(take(4, 8, 2), NodeId(4));
}

}  // namespace
}  // namespace ringfort::meta

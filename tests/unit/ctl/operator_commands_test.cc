// Commands that change the cluster, against a meta group in memory (issue 4, item 5).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/ctl/run_ctl.h"
#include "tests/unit/ctl/sample_cluster.h"
#include "tools/ctl/json_bytes.h"
#include "tools/ctl/node_add.h"

namespace ringfort::ctl {
namespace {

using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

class OperatorCommands : public SampleCluster {
 protected:
  OperatorCommands() {
    cluster_->plan.map_version = 5;
    cluster_->plan.transfers = 1;
    cluster_->plan.moves = {{1, {1, 2, 3}, {1, 2, 4}, MoveCause::kDrain, 40'000'000},
                            {4, {1, 2, 3}, {1, 2, 4}, MoveCause::kBalance, 1000}};
  }

  /// Node 3 as it is while it is emptied, and then.
  static ClusterStateView Draining(bool done) {
    ClusterStateView state = survey::SampleState();
    state.nodes[2].node.state = NodeState::kDraining;
    state.nodes[2].replicas_planned = 0;
    if (done) {
      state.nodes[2].replicas = 0;
      for (ShardSummaryView& shard : state.shards) shard.replicas = {1, 2, 4};
    } else {
      state.moves = survey::SampleMoves();
    }
    return state;
  }
};

TEST_F(OperatorCommands, EachChangeAsksForWhatItSays) {
  using Kind = NodeChange::Kind;
  EXPECT_EQ(Ctl({"node", "drain", "3"}).out,
            "node 3 is being drained: 2 shards move, 40.0 MB to copy, 1 primary is handed over\n");
  EXPECT_EQ(Ctl({"node", "undrain", "3"}).code, 0);
  EXPECT_EQ(Ctl({"node", "remove", "3", "--accept-fewer-copies"}).code, 0);
  EXPECT_EQ(Ctl({"node", "replace", "3", "4"}).code, 0);
  EXPECT_EQ(Ctl({"node", "set-weight", "3", "2"}).code, 0);
  EXPECT_EQ(Ctl({"node", "set-zone", "3", "west"}).code, 0);
  ASSERT_EQ(cluster_->changes.size(), 6U);
  const std::vector<Kind> kinds = {Kind::kDrain,   Kind::kUndrain,   Kind::kRemove,
                                   Kind::kReplace, Kind::kSetWeight, Kind::kSetZone};
  for (std::size_t i = 0; i < kinds.size(); ++i) {
    const NodeChange& change = cluster_->changes[i];
    EXPECT_EQ(change.kind, kinds[i]);
    EXPECT_EQ(change.node, 3U);
    EXPECT_FALSE(change.dry_run);
    EXPECT_EQ(change.accept_fewer_copies, i == 2);
  }
  EXPECT_EQ(cluster_->changes[3].replacement, 4U);
  EXPECT_EQ(cluster_->changes[4].weight, 2U);
  EXPECT_EQ(cluster_->changes[5].zone, "west");
}

TEST_F(OperatorCommands, ADryRunShowsThePlanAndWaitsForNothing) {
  cluster_->plan.map_version = 0;
  const Outcome text = Ctl({"node", "drain", "3", "--dry-run", "--wait"});
  EXPECT_EQ(text.code, 0);
  EXPECT_EQ(text.out,
            "2 shards move, 40.0 MB to copy, 1 primary is handed over\n"
            "shard  from   to       bytes  why\n"
            "    1  1 2 3  1 2 4  40.0 MB  node 3 is drained\n"
            " meta  1 2 3  1 2 4   1.0 KB  every node gets its share\n");
  ASSERT_EQ(cluster_->changes.size(), 1U);
  EXPECT_TRUE(cluster_->changes[0].dry_run);
  const Json json = Json::parse(Ctl({"node", "drain", "3", "--dry-run", "--format=json"}).out);
  EXPECT_EQ(json["dry_run"], true);
  EXPECT_EQ(json["map_version"], 0);
  EXPECT_EQ(json["moves"][0]["shard"], 1);
  EXPECT_EQ(json["moves"][0]["cause"], "drain");
  EXPECT_EQ(json["moves"][0]["bytes"], 40'000'000);
  EXPECT_EQ(json["moves"][1]["shard"], "meta");
}

TEST_F(OperatorCommands, APlanNamesOfThoseThatLeaveOnlyTheNodesThatAreEmptied) {
  // The meta group shrinks to its size at this chance, and leaves node 5 too.
  cluster_->plan.moves = {{4, {1, 2, 3, 4, 5}, {1, 2, 3}, MoveCause::kReplace, 0}};
  EXPECT_THAT(Ctl({"node", "replace", "4", "5", "--dry-run"}).out,
              EndsWith("  node 4 is replaced\n"));
  cluster_->map.nodes.push_back({4, "10.0.0.4:71", "d", 1, NodeState::kDraining});
  EXPECT_THAT(Ctl({"plan"}).out, EndsWith("  node 4 is replaced\n"));
}

TEST_F(OperatorCommands, APlanThatMayNotBeginIsToldSo) {
  State().paused = true;
  EXPECT_THAT(Ctl({"rebalance"}).out,
              EndsWith(", but moves are paused (ringfortctl rebalance --resume)\n"));
  cluster_->plan.moves.clear();
  EXPECT_THAT(Ctl({"rebalance", "--pause"}).out, Not(HasSubstr("but")));
}

TEST_F(OperatorCommands, WrongWordsAreRefusedWithoutAskingTheCluster) {
  for (const std::vector<std::string>& words : {std::vector<std::string>{"node", "drain", "0"},
                                                {"node", "drain", "three"},
                                                {"node", "drain"},
                                                {"node", "replace", "3"},
                                                {"node", "set-weight", "3", "0"},
                                                {"node", "set-weight", "3", "1001"},
                                                {"node", "drain", "3", "--accept-everything"},
                                                {"node"},
                                                {"node", "drian", "3"},
                                                {"rebalance", "--pause", "--resume"},
                                                {"rebalance", "--pause", "--wait"},
                                                {"transfer", "1", "x"},
                                                {"transfer", "4", "1"},
                                                {"shard", "4"},
                                                {"shard", "-1"},
                                                {"events", "--limit=0"},
                                                {"top", "--interval=soon"}}) {
    const Outcome outcome = Ctl(words);
    EXPECT_EQ(outcome.code, 2) << ::testing::PrintToString(words);
    EXPECT_THAT(outcome.err, StartsWith("error: "));
    EXPECT_EQ(outcome.err.find('\n'), outcome.err.size() - 1) << outcome.err;
    EXPECT_EQ(outcome.out, "");
  }
  EXPECT_TRUE(cluster_->changes.empty());
  EXPECT_TRUE(cluster_->rebalances.empty());
  EXPECT_TRUE(cluster_->transfers.empty());
}

TEST_F(OperatorCommands, ARefusalIsPrintedAsTheClusterSaysIt) {
  cluster_->refusal = Status(Code::kConditionFailed,
                             "shard 2 would have 2 copies (--accept-fewer-copies allows it)");
  for (const std::vector<std::string>& words :
       {std::vector<std::string>{"node", "remove", "3", "--wait"},
        {"rebalance"},
        {"plan"},
        {"transfer", "1", "2"},
        {"events"}}) {
    const Outcome outcome = Ctl(words);
    EXPECT_EQ(outcome.code, 1) << words[0];
    EXPECT_THAT(outcome.err, HasSubstr(": shard 2 would have 2 copies (--accept-fewer-copies"));
    EXPECT_EQ(outcome.out, "");
  }
}

TEST_F(OperatorCommands, AChangeWithoutAnAnswerMayHaveBeenMade) {
  cluster_->refusal =
      Status(Code::kDeadlineExceeded, "node 1 did not answer (look at it)", Effect::kUnknown);
  const Outcome outcome = Ctl({"node", "drain", "3"});
  EXPECT_EQ(outcome.code, 1);
  EXPECT_EQ(outcome.err,
            "error: node drain 3: node 1 did not answer (look at it); whether the change was made "
            "is not known (ringfortctl events shows it; to repeat it is safe)\n");
}

TEST_F(OperatorCommands, DrainWaitsUntilTheNodeHoldsNothing) {
  cluster_->states = {Draining(false), Draining(false), Draining(true)};
  const Outcome outcome = Ctl({"node", "drain", "3", "--wait", "--timeout=1m"});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("node 3 is being drained: 2 shards move"));
  EXPECT_THAT(outcome.out, HasSubstr("\ndone: 3 shards, "));
  EXPECT_EQ(cluster_->states.size(), 1U) << "it asked until the node was empty";
}

TEST_F(OperatorCommands, AWaitSaysWhyAMoveIsStuckAndEndsAtItsTimeout) {
  ClusterStateView stuck = Draining(false);
  stuck.moves[0].stuck = "node 4 has no room";
  stuck.paused = true;
  cluster_->states = {stuck};
  const Outcome outcome = Ctl({"node", "drain", "3", "--wait", "--timeout=3s"});
  EXPECT_EQ(outcome.code, 1);
  EXPECT_THAT(outcome.err, StartsWith("moves are paused: none begins (ringfortctl rebalance "
                                      "--resume)\nshard 1 is stuck: node 4 has no room\nerror: "));
  EXPECT_THAT(outcome.err, HasSubstr("error: node drain 3: after 3000 ms node 3 still holds 5 "
                                     "replicas, and 2 moves to or from it are not done"));
}

TEST_F(OperatorCommands, RemoveWaitsUntilTheNodeIsGone) {
  ClusterStateView gone = Draining(true);
  gone.nodes[2].node.state = NodeState::kGone;
  cluster_->states = {Draining(true), gone};
  const Json json = Json::parse(Ctl({"node", "remove", "3", "--wait", "--format=json"}).out);
  EXPECT_EQ(json["waited"], true);
  EXPECT_EQ(cluster_->states.size(), 1U);
}

TEST_F(OperatorCommands, AWaitLooksAtNoStateFromBeforeTheChange) {
  cluster_->plan.map_version = 6;
  ClusterStateView after = survey::SampleState();
  after.map_version = 6;
  for (ShardSummaryView& shard : after.shards) shard.replicas = {1, 2, 4};
  cluster_->states = {survey::SampleState(), after};  // In the first nothing moves yet.
  EXPECT_EQ(Ctl({"rebalance", "--wait"}).code, 0);
  EXPECT_EQ(cluster_->states.size(), 1U);
}

TEST_F(OperatorCommands, PlanShowsWhatARebalanceWouldMove) {
  cluster_->plan.moves.resize(1);
  cluster_->map.nodes[2].state = NodeState::kDraining;
  EXPECT_THAT(Ctl({"plan"}).out, HasSubstr("    1  1 2 3  1 2 4  40.0 MB  node 3 is drained\n"));
  const Json json = Json::parse(Ctl({"plan", "--format=json"}).out);
  EXPECT_EQ(json["moves"].size(), 1U);
  cluster_->plan = {};
  EXPECT_EQ(Ctl({"plan"}).out, "nothing more to move\n");
  EXPECT_THAT(cluster_->rebalances, ElementsAre(RebalanceAction::kDryRun, RebalanceAction::kDryRun,
                                                RebalanceAction::kDryRun));
}

TEST_F(OperatorCommands, RebalanceTakesOneAction) {
  EXPECT_THAT(Ctl({"rebalance"}).out, StartsWith("rebalancing: 2 shards move"));
  EXPECT_EQ(Ctl({"rebalance", "--dry-run"}).code, 0);
  EXPECT_THAT(Ctl({"rebalance", "--pause"}).out, StartsWith("paused: no further move begins"));
  EXPECT_EQ(Ctl({"rebalance", "--resume"}).code, 0);
  EXPECT_EQ(Ctl({"rebalance", "--cancel"}).code, 0);
  EXPECT_THAT(cluster_->rebalances, ElementsAre(RebalanceAction::kStart, RebalanceAction::kDryRun,
                                                RebalanceAction::kPause, RebalanceAction::kResume,
                                                RebalanceAction::kCancel));
}

TEST_F(OperatorCommands, TransferWaitsUntilTheNodeLeads) {
  ClusterStateView done = survey::SampleState();
  done.shards[1].primary = 3;
  cluster_->states = {survey::SampleState(), done};
  EXPECT_EQ(Ctl({"transfer", "1", "3", "--wait"}).out, "node 3 leads shard 1\n");
  EXPECT_EQ(Ctl({"transfer", "meta", "2"}).out, "node 2 shall lead shard meta\n");
  EXPECT_THAT(cluster_->transfers, ElementsAre(std::pair(1U, 3U), std::pair(4U, 2U)));
  const Outcome late = Ctl({"transfer", "2", "3", "--wait", "--timeout=1ms"});
  EXPECT_EQ(late.code, 1);
  EXPECT_THAT(late.err, HasSubstr("after 1 ms node 1 leads it"));
  const Json json = Json::parse(Ctl({"transfer", "2", "3", "--format=json"}).out);
  EXPECT_EQ(json["shard"], 2);
  EXPECT_EQ(json["node"], 3);
}

TEST_F(OperatorCommands, NodeAddTellsHowToStartIt) {
  const Outcome outcome =
      Ctl({"node", "add", "--listen=10.0.0.4:71", "--data_dir=/var/r f", "--zone=d", "--weight=2"});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_THAT(outcome.out,
              HasSubstr("\n  ringfortd --join=10.0.0.1:71,10.0.0.2:71,10.0.0.3:71 --node=4 "
                        "--listen=10.0.0.4:71 '--data_dir=/var/r f' --zone=d --weight=2\n"));
  const Json json =
      Json::parse(Ctl({"node", "add", "9", "--listen=h:1", "--data_dir=d", "--format=json"}).out);
  EXPECT_EQ(json["node"], 9);
  EXPECT_THAT(json["command"].get<std::string>(), HasSubstr(" --node=9 --listen=h:1 "));
  EXPECT_EQ(ShellLine({"a", "it's"}), "a 'it'\\''s'");
}

TEST_F(OperatorCommands, NodeAddRefusesWhatCannotJoin) {
  EXPECT_EQ(Ctl({"node", "add"}).code, 2);
  EXPECT_EQ(Ctl({"node", "add", "--listen=h:1"}).code, 2);
  EXPECT_EQ(Ctl({"node", "add", "--listen=h", "--data_dir=d"}).code, 2);
  EXPECT_EQ(Ctl({"node", "add", "--listen=h:0", "--data_dir=d"}).code, 2);
  EXPECT_EQ(Ctl({"node", "add", "--listen=:7", "--data_dir=d"}).code, 2);
  EXPECT_EQ(Ctl({"node", "add", "0", "--listen=h:1", "--data_dir=d"}).code, 2);
  EXPECT_EQ(Ctl({"node", "add", "--listen=h:1", "--data_dir=d", "--zone=a/b"}).code, 2);
  EXPECT_EQ(Ctl({"node", "add", "--listen=h:1", "--data_dir=d", "--weight=1001"}).code, 2);
  const Outcome taken = Ctl({"node", "add", "2", "--listen=h:1", "--data_dir=d"});
  EXPECT_EQ(taken.code, 1);
  EXPECT_THAT(taken.err, HasSubstr("node 2 is a member already, at 10.0.0.2:71"));
  EXPECT_THAT(Ctl({"node", "add", "--listen=10.0.0.2:71", "--data_dir=d"}).err,
              HasSubstr("node 2 is at 10.0.0.2:71 already"));
  // An id whose node is gone may join again.
  cluster_->map.nodes[1].state = NodeState::kGone;
  const Outcome again = Ctl({"node", "add", "2", "--listen=h:1", "--data_dir=d"});
  EXPECT_EQ(again.code, 0);
  EXPECT_THAT(again.out, Not(HasSubstr("10.0.0.2:71")));
}

TEST_F(OperatorCommands, NodeAddTakesAFreeIdWhereTheHighestIsTaken) {
  cluster_->map.nodes.push_back({UINT32_MAX, "h:2", "d", 1});
  EXPECT_THAT(Ctl({"node", "add", "--listen=h:1", "--data_dir=d"}).out, HasSubstr(" --node=4 "));
}

TEST_F(OperatorCommands, NodeAddWaitsUntilTheNodeHasItsShare) {
  ClusterStateView joined = survey::SampleState();
  NodeSummaryView four = joined.nodes[0];
  four.node.id = 4;
  four.node.address = "h:1";
  four.node.state = NodeState::kJoining;
  four.replicas = four.replicas_planned = 0;
  joined.nodes.push_back(four);
  ClusterStateView idle = joined;
  idle.nodes[3].node.state = NodeState::kActive;
  ClusterStateView filling = idle;
  filling.nodes[3].replicas_planned = 3;
  filling.moves = survey::SampleMoves();
  ClusterStateView full = filling;
  full.moves.clear();
  full.nodes[3].replicas = 3;
  for (ShardSummaryView& shard : full.shards) shard.replicas = {1, 2, 4};
  cluster_->states = {survey::SampleState(), joined, idle, filling, full};
  const Outcome outcome = Ctl({"node", "add", "--listen=h:1", "--data_dir=d", "--wait"});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("node 4 has joined and holds its share: 2 shards, 40.0 MB"));
  EXPECT_EQ(cluster_->states.size(), 1U);
  cluster_->states = {survey::SampleState()};
  EXPECT_THAT(Ctl({"node", "add", "--listen=h:1", "--data_dir=d", "--wait", "--timeout=1ms"}).err,
              HasSubstr("after 1 ms node 4 has not joined yet (start it)"));
  EXPECT_THAT(Ctl({"node", "add", "--listen=h:1", "--data_dir=d", "--wait", "--timeout=1ms",
                   "--format=json"})
                  .err,
              HasSubstr("\n\n  ringfortd --join="));
}

TEST_F(OperatorCommands, UpgradeFinalizeSaysWhatItDid) {
  cluster_->features.level = 1;
  cluster_->features.release = "0.2.0";
  EXPECT_EQ(
      Ctl({"upgrade", "finalize", "--dry-run"}).out,
      "would raise the cluster to feature level 1 (release 0.2.0): after that no node can run "
      "an older release\n");
  EXPECT_EQ(Ctl({"upgrade", "finalize"}).out,
            "the cluster is at feature level 1 (release 0.2.0) now\n");
  EXPECT_EQ(cluster_->finalized, (std::vector<bool>{true, false}));
  State().features = cluster_->features;
  EXPECT_EQ(Ctl({"upgrade", "finalize"}).out,
            "the cluster is at feature level 1 (release 0.2.0), the newest that its primary "
            "knows\n");
  cluster_->refusal = Status(Code::kConditionFailed, "node 2 runs release 0.1.0 (update it)");
  const Outcome refused = Ctl({"upgrade", "finalize"});
  EXPECT_EQ(refused.code, 1);
  EXPECT_NE(refused.err.find("node 2 runs release 0.1.0"), std::string::npos);
}

}  // namespace
}  // namespace ringfort::ctl

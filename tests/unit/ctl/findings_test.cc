// What doctor finds: each trouble alone in a cluster that is well otherwise (issue 4, item 5).
#include "tools/ctl/findings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/unit/ctl/survey_samples.h"

namespace ringfort::ctl {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using survey::SampleMap;
using survey::SampleMoves;
using survey::SampleReports;
using survey::SampleState;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;

/// The sample, to be spoiled.
struct Sample {
  ClusterView map = SampleMap();
  std::vector<survey::NodeReport> reports = SampleReports();
  ClusterStateView state = SampleState();

  [[nodiscard]] std::vector<Finding> Diagnosed() const {
    return Diagnose({survey::SumUp(map, reports), state, state.map_version});
  }
  void TakeDown(std::uint32_t node) {
    reports[node - 1].status.reset();
    reports[node - 1].down_reason = "it refused the connection";
    state.nodes[node - 1].alive = false;
    for (ShardSummaryView& shard : state.shards) {
      std::erase(shard.healthy_voters, node);
      if (shard.primary == node) shard.primary = 0;
    }
  }
};

void ExpectOne(const Sample& sample, Severity severity, const std::string& what,
               const std::string& why) {
  const std::vector<Finding> findings = sample.Diagnosed();
  ASSERT_EQ(findings.size(), 1U) << "of " << what;
  EXPECT_EQ(findings[0].severity, severity);
  EXPECT_EQ(findings[0].what, what);
  EXPECT_THAT(findings[0].why, HasSubstr(why));
  EXPECT_NE(findings[0].what_to_do, "");
}

/// Whether one of the findings has this for its `what`.
bool Finds(const std::vector<Finding>& findings, Severity severity, const std::string& what) {
  for (const Finding& finding : findings) {
    if (finding.severity == severity && finding.what == what) return true;
  }
  return false;
}

TEST(Findings, AnOldCopyOfADirectory) {
  Sample sample;
  NodeStatusView& status = *sample.reports[1].status;
  status.waiting_for = "node 3 has seen a later start (put the newest directory back (or another))";
  status.counters.push_back({"old_copy", 1});
  const std::vector<Finding> findings = sample.Diagnosed();
  ASSERT_FALSE(findings.empty());
  EXPECT_EQ(findings[0].severity, Severity::kCritical);
  EXPECT_EQ(findings[0].what, "node 2 runs from an old copy of its data directory");
  EXPECT_EQ(findings[0].why, "node 3 has seen a later start");
  EXPECT_EQ(findings[0].what_to_do, "put the newest directory back (or another)");
  EXPECT_FALSE(Finds(findings, Severity::kWarning, "node 2 does not serve yet")) << "said once";
}

// With the way back, while it may help.
TEST(Findings, QuarantinedStores) {
  Sample sample;
  sample.reports[1].status->counters.push_back({"stores_set_aside", 7});
  ExpectOne(sample, Severity::kNote, "node 2 has quarantined stores", "log.damaged-7");
  sample.reports[1].status->replicas.clear();
  const std::vector<Finding> findings = sample.Diagnosed();
  const auto found = std::ranges::find(
      findings, "node 2 has quarantined its log and data, and holds nothing", &Finding::what);
  ASSERT_NE(found, findings.end());
  EXPECT_THAT(found->what_to_do, HasSubstr("--bring_back=7 --dry_run"));
}

TEST(Findings, NoneInAClusterThatIsWell) {
  EXPECT_TRUE(Sample().Diagnosed().empty());
}

TEST(Findings, ANodeThatIsDownLeavesShardsOnTheEdge) {
  Sample sample;
  sample.TakeDown(3);
  sample.state.nodes[2].repair_in = seconds(250);
  const std::vector<Finding> findings = sample.Diagnosed();
  ASSERT_EQ(findings.size(), 2U);
  EXPECT_EQ(findings[0].what, "node 3 is down");
  EXPECT_EQ(findings[0].why,
            "it refused the connection; no other node can take its 5 replicas (ringfortctl node "
            "add)");
  EXPECT_EQ(findings[1].what, "shards 0, 1, 2, 3, meta are one failure from losing the majority");
}

TEST(Findings, WhatBecomesOfADeadNodesReplicas) {
  Sample sample;
  sample.TakeDown(3);
  NodeSummaryView four = sample.state.nodes[0];
  four.node.id = 4;
  sample.state.nodes.push_back(four);
  const auto why = [&sample] { return sample.Diagnosed()[0].why; };
  sample.state.nodes[2].repair_in = seconds(250);
  EXPECT_THAT(why(), EndsWith("; its 5 replicas are rebuilt on others in 4m10s unless it comes "
                              "back"));
  sample.state.nodes[2].repair_in = milliseconds(0);
  EXPECT_THAT(why(), EndsWith("; its 5 replicas are to be rebuilt on others, which has not begun"));
  sample.state.moves = SampleMoves();
  for (MoveView& move : sample.state.moves) move.cause = MoveCause::kBalance;
  EXPECT_THAT(why(), EndsWith("has not begun")) << "it only gets fewer";
  for (MoveView& move : sample.state.moves) move.cause = MoveCause::kRepair;
  EXPECT_THAT(why(), EndsWith("; its replicas are being rebuilt on others"));
  sample.state.nodes[3].alive = false;
  sample.state.moves.clear();
  EXPECT_THAT(why(), EndsWith("; no other node can take its 5 replicas (ringfortctl node add)"));
}

TEST(Findings, TwoOfThreeDownIsCriticalAndComesFirst) {
  Sample sample;
  sample.TakeDown(2);
  sample.TakeDown(3);
  const std::vector<Finding> findings = sample.Diagnosed();
  ASSERT_EQ(findings.size(), 3U);
  EXPECT_EQ(findings[0].severity, Severity::kCritical);
  EXPECT_EQ(findings[0].what, "shards 0, 1, 2, 3, meta without a majority");
}

TEST(Findings, WithoutTheMetaGroupTheNodesThemselvesTell) {
  Sample sample;
  sample.reports[0].status->meta_replica = ReplicaView();
  sample.reports[1].status.reset();
  sample.reports[2].status.reset();
  const Result<ClusterStateView> no_state = Status(Code::kUnavailable, "no node could answer");
  const std::vector<Finding> findings =
      Diagnose({survey::SumUp(sample.map, sample.reports), no_state, 0});
  EXPECT_EQ(findings[0].what, "the meta group does not answer");
  EXPECT_EQ(findings[0].why,
            "no node could answer; of its members node 1 answered; the others are among nodes 2, 3,"
            " down");
  EXPECT_EQ(findings[0].what_to_do,
            "start nodes 2, 3, or, if a majority of its members is lost for good, begin it anew "
            "from one that is left: ringfortd --recover_cluster_from_this_copy; until then "
            "nothing moves or is repaired");
  for (const Finding& finding : findings) {
    EXPECT_THAT(finding.what_to_do, Not(HasSubstr("node remove"))) << "that needs the meta group";
  }
  EXPECT_TRUE(Finds(findings, Severity::kCritical, "shards 0, 1, 2, 3 without a majority"));
  EXPECT_TRUE(Finds(findings, Severity::kWarning, "node 2 is down"));
}

TEST(Findings, AnUpgradeThatCanBeFinished) {
  Sample sample;
  sample.state.features = {.level = 0,
                           .release = "0.1.0",
                           .next_level = 1,
                           .next_release = "0.2.0",
                           .waits_for = "node 3 runs release 0.1.0"};
  EXPECT_TRUE(sample.Diagnosed().empty()) << "it cannot yet";
  sample.state.features.waits_for.clear();
  const std::vector<Finding> findings = sample.Diagnosed();
  ASSERT_EQ(findings.size(), 1U);
  EXPECT_EQ(findings[0].severity, Severity::kNote) << "nothing is wrong";
  EXPECT_EQ(findings[0].what, "the upgrade to release 0.2.0 can be finished");
  EXPECT_THAT(findings[0].what_to_do, HasSubstr("ringfortctl upgrade finalize"));
}

TEST(Findings, AShardWithoutAPrimary) {
  Sample sample;
  sample.reports[1].status->replicas[1].serving = false;
  ExpectOne(sample, Severity::kCritical, "shard 1 without a primary", "has not elected one");
  Sample meta;
  meta.state.shards[4].primary = 0;
  ExpectOne(meta, Severity::kCritical, "shard meta without a primary", "has not elected one");
}

// Two replicas wanted are two voters that both must be up: by the operator's choice.
TEST(Findings, FewReplicasByChoiceAreNoTrouble) {
  Sample sample;
  sample.state.replicas = 2;
  for (ShardSummaryView& shard : sample.state.shards) shard.voters = shard.healthy_voters = {1, 2};
  EXPECT_TRUE(sample.Diagnosed().empty());
}

TEST(Findings, FewCopiesThatAreWellAreNobodysFailure) {
  Sample sample;
  for (ShardSummaryView& shard : sample.state.shards) shard.voters = shard.healthy_voters = {1, 2};
  sample.state.shards[3].voters = sample.state.shards[3].healthy_voters = {2};
  std::vector<Finding> findings = sample.Diagnosed();
  ASSERT_EQ(findings.size(), 2U);
  EXPECT_EQ(findings[0].what, "shard 3 has only 1 copy");
  EXPECT_EQ(findings[1].what, "shards 0, 1, 2, meta have only 2 copies");
  EXPECT_THAT(findings[1].what_to_do, HasSubstr("ringfortctl top"));
  sample.state.nodes[2].node.state = NodeState::kGone;
  sample.state.replicas = 3;
  EXPECT_EQ(sample.Diagnosed()[0].what_to_do, "ringfortctl node add");
}

TEST(Findings, StuckMovesByTheirReasonAndWhatEndsThem) {
  Sample sample;
  sample.state.moves = SampleMoves();
  for (MoveView& move : sample.state.moves) move.stuck = "node 4 has no room";
  ExpectOne(sample, Severity::kWarning, "the move of shards 1, 2 is stuck", "node 4 has no room");
  const auto what_to_do = [&sample](MoveCause cause) {
    for (MoveView& move : sample.state.moves) move.cause = cause;
    return sample.Diagnosed()[0].what_to_do;
  };
  EXPECT_THAT(what_to_do(MoveCause::kBalance), EndsWith("; ringfortctl rebalance --cancel gives it "
                                                        "up"));
  EXPECT_THAT(what_to_do(MoveCause::kRepair), EndsWith("; start node 3 again, or free space where "
                                                       "it goes"));
  sample.state.nodes[2].node.state = NodeState::kDraining;
  for (const MoveCause cause : {MoveCause::kDrain, MoveCause::kReplace}) {
    EXPECT_THAT(what_to_do(cause), EndsWith("; ringfortctl node undrain 3 gives it up"));
  }
}

TEST(Findings, MovesAreANoteAndPausedOnesAreNot) {
  Sample sample;
  sample.state.moves = SampleMoves();
  ExpectOne(sample, Severity::kNote, "2 shards on the move", "20.0 MB are left to copy");
  sample.state.paused = true;
  ExpectOne(sample, Severity::kWarning, "moves are paused and 1 wait", "somebody");
  sample.state.moves.clear();
  ExpectOne(sample, Severity::kNote, "moves are paused", "a repair could not begin");
}

TEST(Findings, ReplicasUnsureOrSetAside) {
  Sample sample;
  sample.reports[1].status->replicas[0].unsure = true;
  ExpectOne(sample, Severity::kWarning, "node 2 is unsure of its replica of shard 0", "crash");
  Sample damaged;
  damaged.reports[0].status->counters = {{"replicas_set_aside", 2}, {"requests", 9}};
  ExpectOne(damaged, Severity::kWarning, "node 1 has set aside 2 replicas", "lost something");
}

TEST(Findings, DamagedCopiesAndWhatTheirRepairTakes) {
  Sample sample;
  ReplicaView& replica = sample.reports[1].status->replicas[0];
  replica.damage = "a block is damaged";
  replica.sum = SumView{90, 0, 0, 0, "a block is damaged"};
  ExpectOne(sample, Severity::kCritical, "the copy of shard 0 on node 2 is damaged",
            "a block is damaged");
  replica.repair_waits_for = "room on its disk";
  replica.repair_bytes = std::uint64_t{3} << 30;
  const std::string next = sample.Diagnosed().at(0).what_to_do;
  EXPECT_NE(next.find("room on its disk"), std::string::npos) << next;
  EXPECT_NE(next.find("3"), std::string::npos) << next;
}

TEST(Findings, ManyDamagedCopiesOfANode) {
  Sample sample;
  sample.reports[0].status->counters = {{"copies_damaged_lately", 1}};
  EXPECT_TRUE(sample.Diagnosed().empty()) << "a bad block";
  sample.reports[0].status->counters = {{"copies_damaged_lately", 4}};
  ExpectOne(sample, Severity::kCritical, "4 copies of node 1 turned out damaged within ten minutes",
            "disk is bad");
}

TEST(Findings, CopiesThatAVerifyFoundUnequal) {
  Sample unequal;
  for (std::size_t node = 0; node < 3; ++node) {
    unequal.reports[node].status->replicas[3].sum = SumView{90, 7, 10, 1000, ""};
  }
  EXPECT_TRUE(unequal.Diagnosed().empty());
  unequal.reports[2].status->replicas[3].sum->checksum = 8;
  ExpectOne(unequal, Severity::kCritical, "the replicas of shard 3 differ",
            "as of log index 90 there is on nodes 1, 2, other data than node 3");
  unequal.reports[2].status->replicas[3].sum->index = 80;
  EXPECT_TRUE(unequal.Diagnosed().empty()) << "of another moment";
}

TEST(Findings, ANodeThatWaits) {
  Sample sample;
  sample.reports[0].status->waiting_for = "node 2 to answer (start it)";
  ExpectOne(sample, Severity::kWarning, "node 1 does not serve yet", "node 2 to answer");
}

TEST(Findings, FullDisks) {
  Sample sample;
  sample.reports[0].status->disk_room = DiskRoom::kFull;
  ExpectOne(sample, Severity::kCritical, "the disk of node 1 is full", "refuses puts");
  sample.reports[0].status->disk_room = DiskRoom::kExhausted;
  ExpectOne(sample, Severity::kCritical, "the disk of node 1 is exhausted", "all writes");
}

TEST(Findings, TwoReplicasInAZoneOnlyWhileAnotherHasRoom) {
  Sample sample;
  sample.map.nodes.push_back({4, "10.0.0.4:71", "a", 1});
  sample.reports.push_back({sample.map.nodes[3], survey::SampleStatus(4), ""});
  sample.map.shards[2].moving_to = {1, 2, 4};
  ExpectOne(sample, Severity::kWarning, "shard 2 has two replicas in one zone", "another zone");
  // Where no other zone has a node, it cannot be helped.
  Sample two_zones;
  two_zones.map.nodes[2].zone = "a";
  EXPECT_TRUE(two_zones.Diagnosed().empty());
}

TEST(Findings, VersionsThatDiffer) {
  Sample sample;
  for (survey::NodeReport& report : sample.reports) report.status->version = "1.0.0";
  sample.reports[2].status->version = "1.1.0";
  ExpectOne(sample, Severity::kWarning, "the nodes run different versions",
            "1.0.0 on node 1, 2; 1.1.0 on node 3");
}

TEST(Findings, OldMapsAndWrongClocks) {
  Sample sample;
  sample.state.nodes[1].map_version = 4;
  ExpectOne(sample, Severity::kWarning, "node 2 has an old map", "version 4, and the newest is 5");
  const std::vector<Finding> just_changed =
      Diagnose({survey::SumUp(sample.map, sample.reports), sample.state, /*known_map_version=*/4});
  EXPECT_TRUE(just_changed.empty()) << "it has not had time to learn the newest";
  Sample clocks;
  clocks.state.nodes[2].clock_ahead = milliseconds(-2500);
  ExpectOne(clocks, Severity::kWarning, "the clock of node 3 is wrong", "2.5 s behind");
  clocks.state.nodes[2].clock_ahead = milliseconds(900);
  EXPECT_TRUE(clocks.Diagnosed().empty());
}

TEST(Findings, FewerNodesThanReplicas) {
  Sample sample;
  sample.state.nodes[2].node.state = NodeState::kJoining;
  ExpectOne(sample, Severity::kWarning, "fewer nodes than replicas", "2 active nodes for 3");
}

TEST(Findings, ADrainedNodeMayGo) {
  Sample sample;
  sample.state.replicas = 2;
  sample.state.nodes[2].node.state = NodeState::kDraining;
  EXPECT_TRUE(sample.Diagnosed().empty()) << "it still holds replicas";
  sample.state.nodes[2].replicas = sample.state.nodes[2].replicas_planned = 0;
  ExpectOne(sample, Severity::kNote, "node 3 is drained", "holds nothing");
}

TEST(Findings, ANodeThatOnlyTheMetaGroupDoesNotHear) {
  Sample sample;
  sample.state.nodes[1].alive = false;
  sample.state.nodes[1].silent = seconds(12);
  ExpectOne(sample, Severity::kWarning, "node 2 does not report to the meta group", "12.0 s");
}

TEST(Findings, ANodeThatOnlyWeDoNotReach) {
  Sample sample;
  sample.reports[2].status.reset();
  sample.reports[2].down_reason = "no route";
  ExpectOne(sample, Severity::kWarning, "node 3 is down", "the other nodes reach it");
}

}  // namespace
}  // namespace ringfort::ctl

// Commands that only look: nodes, shard, events, ring and doctor as a user types them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/ctl/run_ctl.h"
#include "tests/unit/ctl/sample_cluster.h"
#include "tests/unit/ctl/survey_samples.h"
#include "tools/ctl/json_bytes.h"

namespace ringfort::ctl {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

class LookCommands : public SampleCluster {};

TEST_F(LookCommands, NodesListsAllWithWhatTheyShallHold) {
  State().nodes[1].replicas = 2;
  State().nodes[2].alive = false;
  State().nodes[2].silent = std::chrono::seconds(70);
  State().nodes[2].repair_in = std::chrono::seconds(230);
  const Outcome text = Ctl({"nodes"});
  EXPECT_EQ(text.code, 0);
  EXPECT_EQ(text.out,
            "node  address      zone  weight  state   alive  release  replicas  primaries    data"
            "     free   load\n"
            "   1  10.0.0.1:71  a          1  active  yes    0.2.0           5          3  1.2 GB"
            "  50.0 GB  1.0 %\n"
            "   2  10.0.0.2:71  b          1  active  yes    0.2.0      2 -> 5          2  1.2 GB"
            "  50.0 GB  2.0 %\n"
            "   3  10.0.0.3:71  c          1  active  no     0.2.0           5          0  1.2 GB"
            "  50.0 GB  3.0 %\n"
            "    silent for 1m10s; no other node can take its 5 replicas (ringfortctl node "
            "add)\n");
  const Json json = Json::parse(Ctl({"nodes", "--format=json"}).out);
  ASSERT_EQ(json["nodes"].size(), 3U);
  EXPECT_EQ(json["nodes"][0]["id"], 1);
  EXPECT_EQ(json["nodes"][0]["state"], "active");
  EXPECT_EQ(json["nodes"][1]["replicas_planned"], 5);
  EXPECT_EQ(json["nodes"][2]["alive"], false);
  EXPECT_EQ(json["nodes"][2]["repair_in_ms"], 230'000);
  EXPECT_EQ(json["paused"], false);
  State().paused = true;
  EXPECT_THAT(Ctl({"nodes"}).out,
              EndsWith("moves are paused: none begins (ringfortctl rebalance --resume)\n"));
}

TEST_F(LookCommands, AMetaGroupWithoutAPrimaryIsAnError) {
  cluster_->states.clear();
  for (const std::vector<std::string>& words : {std::vector<std::string>{"nodes"}, {"top"}}) {
    const Outcome outcome = Ctl(words);
    EXPECT_EQ(outcome.code, 1);
    EXPECT_THAT(outcome.err, HasSubstr("the meta group has no primary (start it)\n"));
  }
}

TEST_F(LookCommands, ShardShowsItsMembersAndItsMove) {
  State().moves = survey::SampleMoves();
  State().moves[0].stuck = "node 4 has no room";
  State().nodes[2].node.state = NodeState::kDraining;
  State().shards[1].learners = {4};
  cluster_->nodes[2].replicas[1].unsure = true;
  cluster_->nodes[3].replicas[1].applied = 90;
  const Outcome text = Ctl({"shard", "1"});
  EXPECT_EQ(text.code, 0);
  EXPECT_EQ(text.out,
            "shard 1: primary 2, term 2, commit 100, 300.0 MB, load 0.1 %\n"
            "\n"
            "node  zone  vote     role      term  applied  last  lag  data\n"
            "   1  a     voter    follower     2      100   100    0   0 B\n"
            "   2  b     voter    primary      2      100   100    0   0 B\n"
            "    unsure: its log may lack what it acknowledged before a crash; it does not vote "
            "until it has caught up\n"
            "   3  c     voter    follower     2       90   100   10   0 B\n"
            "   4        learner  missing      -        -     -    -     -\n"
            "    down: it refused the connection (start it)\n"
            "\n"
            "moves 1 2 3 -> 1 2 4 because node 3 is drained: copies to node 4, 20.0 MB of 40.0 MB\n"
            "is stuck: node 4 has no room\n");
  const Json json = Json::parse(Ctl({"shard", "1", "--format=json"}).out);
  EXPECT_EQ(json["shard"], 1);
  EXPECT_EQ(json["members"][2]["lag"], 10);
  EXPECT_EQ(json["members"][3]["up"], false);
  EXPECT_EQ(json["move"]["stuck"], "node 4 has no room");
  EXPECT_EQ(Json::parse(Ctl({"shard", "0", "--format=json"}).out)["move"], nullptr);
  EXPECT_THAT(Ctl({"shard", "meta"}).out, StartsWith("shard meta: primary 1, "));
  EXPECT_THAT(Ctl({"shard", "3"}).out, HasSubstr("it does not move\n"));
}

// The shards of a meta group without a majority are looked at all the same, and it too.
TEST_F(LookCommands, ShardShowsWhatTheNodesSayWithoutTheMetaGroup) {
  cluster_->states.clear();
  cluster_->nodes.erase(3);
  cluster_->nodes[1].meta_replica.emplace().term = 7;
  const std::string text = Ctl({"shard", "1"}).out;
  EXPECT_THAT(text, StartsWith("the meta group does not answer; this is what the nodes say of "
                               "themselves\nshard 1: primary 2, term 2, commit 100"));
  EXPECT_THAT(text, HasSubstr("   3  c     voter  missing"));
  EXPECT_THAT(text, HasSubstr("it does not move\n"));
  const Json meta = Json::parse(Ctl({"shard", "meta", "--format=json"}).out);
  EXPECT_EQ(meta["meta_answers"], false);
  EXPECT_EQ(meta["primary"], 0);
  EXPECT_EQ(meta["term"], 7);
  ASSERT_EQ(meta["members"].size(), 2U) << "node 2 is none";
  EXPECT_EQ(meta["members"][0]["vote"], "voter");
  EXPECT_EQ(meta["members"][1]["node"], 3);
  EXPECT_EQ(meta["members"][1]["vote"], "perhaps");
  EXPECT_EQ(Ctl({"shard", "9"}).code, 2);
}

TEST_F(LookCommands, EventsSayWhoChangedWhatAndWhen) {
  const auto at = std::chrono::system_clock::time_point(std::chrono::seconds(1'700'000'000));
  cluster_->events = {{7, at, "ada@host", "drain node 3"},
                      {8, at, "\x1b[31m", "node 3 is empty"},
                      {9, at, "", "node 3 is gone"}};
  EXPECT_EQ(Ctl({"events"}).out,
            "7  2023-11-14 22:13:20Z  ada@host  drain node 3\n"
            "8  2023-11-14 22:13:20Z  \\x1b[31m  node 3 is empty\n"
            "9  2023-11-14 22:13:20Z  -  node 3 is gone\n");
  EXPECT_THAT(Ctl({"events", "--after=7", "--limit=1"}).out, StartsWith("8  "));
  const Json json = Json::parse(Ctl({"events", "--after=8", "--format=json"}).out);
  ASSERT_EQ(json["events"].size(), 1U);
  EXPECT_EQ(json["events"][0]["number"], 9);
  EXPECT_EQ(json["events"][0]["at_unix_ms"], 1'700'000'000'000);
  const Outcome followed = Ctl({"events", "--follow", "--limit=2", "--format=json"});
  EXPECT_EQ(followed.code, 0);
  EXPECT_EQ(Json::parse(followed.out.substr(0, followed.out.find('\n')))["who"], "ada@host");
  EXPECT_THAT(followed.out, Not(HasSubstr("node 3 is gone")));
}

TEST_F(LookCommands, RingShowsWhatMoves) {
  cluster_->map.shards[1].moving_to = {2, 1, 4};
  cluster_->map.shards[1].move_cause = MoveCause::kDrain;
  cluster_->map.nodes[2].state = NodeState::kDraining;
  const std::string text = Ctl({"ring"}).out;
  EXPECT_THAT(text, HasSubstr("    0 replicas arrive, 1 leave\n"));
  EXPECT_THAT(text, HasSubstr("\n1 shard on the move:\n"
                              "  shard 1: 2 1 3 -> 2 1 4, because node 3 is drained\n"));
  const Json json = Json::parse(Ctl({"ring", "--format=json"}).out);
  EXPECT_EQ(json["shard_count"], 4);
  EXPECT_EQ(json["nodes"][2]["leaving"], 1);
  EXPECT_EQ(json["moves"][0]["shard"], 1);
  EXPECT_EQ(json["moves"][0]["cause"], "drain");
}

// Right after a start, the primaries' reports of their followers are old.
TEST_F(LookCommands, DoctorLooksAgainAtWhatMayPass) {
  cluster_->states.push_back(State());
  State().shards[1].healthy_voters = {2};
  EXPECT_EQ(Ctl({"doctor"}).out, "all is well: 3 nodes, 4 shards\n");
  State().shards[1].healthy_voters = {2};
  EXPECT_THAT(Ctl({"doctor"}).out, HasSubstr("critical: shard 1 without a majority"));
}

TEST_F(LookCommands, DoctorExitsByWhetherAllIsWell) {
  const Outcome well = Ctl({"doctor"});
  EXPECT_EQ(well.code, 0) << well.out;
  EXPECT_EQ(well.out, "all is well: 3 nodes, 4 shards\n");
  cluster_->nodes.erase(3);
  const Outcome ill = Ctl({"doctor"});
  EXPECT_EQ(ill.code, 1);
  EXPECT_THAT(ill.out, HasSubstr("warning: node 3 is down: it refused the connection (start it)"));
  const Json json = Json::parse(Ctl({"doctor", "--format=json"}).out);
  EXPECT_EQ(json["well"], false);
  EXPECT_EQ(json["findings"][0]["severity"], "warning");
  EXPECT_EQ(json["findings"][0]["what"], "node 3 is down");
}

}  // namespace
}  // namespace ringfort::ctl

#include "tools/survey/survey.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/ctl/survey_samples.h"
#include "tools/ctl/ring.h"
#include "tools/ctl/status.h"

namespace ringfort::survey {
namespace {

using testing::HasSubstr;

TEST(Survey, OfAHealthyClusterMissesNothing) {
  const Survey survey = SumUp(SampleMap(), SampleReports());
  EXPECT_EQ(survey.with_primary(), 4U);
  EXPECT_EQ(survey.primaries_of(1), 2U);
  EXPECT_EQ(survey.primaries_of(2), 2U);
  EXPECT_EQ(survey.worst_lag(), 0U);
  EXPECT_EQ(MissingPrimaries(survey), "");
  EXPECT_EQ(MissingReplicas(survey), "");
  EXPECT_TRUE(survey.caught_up());
}

TEST(Survey, CountsTheShardsOfADeadNodeAsWithoutPrimary) {
  std::vector<NodeReport> reports = SampleReports();
  reports[0].status.reset();
  reports[0].down_reason = "it refused the connection";
  const Survey survey = SumUp(SampleMap(), std::move(reports));
  EXPECT_EQ(survey.with_primary(), 2U);
  EXPECT_FALSE(survey.has_primaries());
  EXPECT_EQ(MissingPrimaries(survey), "2 of 4 shards have no primary: 0, 2; node 1 is down");
}

TEST(Survey, NeedsAPrimaryThatServes) {
  std::vector<NodeReport> reports = SampleReports();
  reports[0].status->replicas[0].serving = false;
  EXPECT_EQ(MissingPrimaries(SumUp(SampleMap(), std::move(reports))),
            "1 of 4 shards have no primary: 0");
}

TEST(Survey, DoesNotBelieveAPrimaryOfAnOldTerm) {
  std::vector<NodeReport> reports = SampleReports();
  // Node 2 has voted in term 9 for somebody who does not serve yet; node 1 still thinks that it
  // leads.
  reports[1].status->replicas[0].term = 9;
  Survey survey = SumUp(SampleMap(), reports);
  EXPECT_EQ(survey.shards[0].primary, 0U);
  EXPECT_EQ(survey.shards[0].term, 9U);
  reports[2].status->replicas[0].term = 9;
  reports[2].status->replicas[0].serving = true;
  survey = SumUp(SampleMap(), reports);
  EXPECT_EQ(survey.shards[0].primary, 3U);
}

TEST(Survey, NamesReplicasThatLag) {
  std::vector<NodeReport> reports = SampleReports();
  reports[1].status->replicas[0].applied = 90;
  reports[2].status->replicas[3].unsure = true;
  const Survey survey = SumUp(SampleMap(), std::move(reports));
  EXPECT_EQ(survey.worst_lag(), 10U);
  EXPECT_EQ(survey.shards[0].replicas[1].lag, 10U);
  EXPECT_EQ(MissingPrimaries(survey), "");
  EXPECT_EQ(MissingReplicas(survey),
            "node 2 has not caught up in 1 shards: 0; node 3 has not caught up in 1 shards: 3");
}

TEST(Survey, MissesAReplicaThatANodeDoesNotHave) {
  std::vector<NodeReport> reports = SampleReports();
  reports[1].status->replicas.erase(reports[1].status->replicas.begin() + 1);
  EXPECT_THAT(MissingReplicas(SumUp(SampleMap(), std::move(reports))),
              HasSubstr("node 2 has not caught up in 1 shards: 1"));
}

TEST(Survey, TakesAnEarlierCommitAsCaughtUpUnderAStreamOfWrites) {
  const Survey earlier = SumUp(SampleMap(), SampleReports());
  std::vector<NodeReport> reports = SampleReports();
  for (NodeReport& report : reports) {
    for (ReplicaView& replica : report.status->replicas) {
      replica.commit = 200;
      replica.applied = report.node.id == 1 ? 200 : 101;
    }
  }
  EXPECT_FALSE(SumUp(SampleMap(), reports).caught_up());
  EXPECT_TRUE(SumUp(SampleMap(), reports, &earlier).caught_up());
  reports[1].status->replicas[0].applied = 99;
  EXPECT_FALSE(SumUp(SampleMap(), reports, &earlier).caught_up());
}

TEST(Survey, SaysWhatANodeWaitsFor) {
  std::vector<NodeReport> reports = SampleReports();
  reports[2].status->waiting_for = "node 1 to answer (start it)";
  const Survey survey = SumUp(SampleMap(), std::move(reports));
  EXPECT_EQ(MissingReplicas(survey), "node 3 waits: node 1 to answer (start it)");
}

TEST(Survey, OfAClusterThatIsNotCreatedMissesItsShards) {
  ClusterView map = SampleMap();
  map.shards.clear();
  EXPECT_THAT(MissingPrimaries(SumUp(map, {})), HasSubstr("no shards yet"));
}

TEST(StatusJson, HasTheShapeThatScriptsRelyOn) {
  std::vector<NodeReport> reports = SampleReports();
  reports[2].status.reset();
  reports[2].down_reason = "it refused the connection";
  const ctl::Json json = ctl::StatusJson(SumUp(SampleMap(), std::move(reports)));
  EXPECT_EQ(json["cluster"]["name"], "sample");
  EXPECT_EQ(json["nodes"][0]["state"], "up");
  EXPECT_EQ(json["nodes"][0]["primaries"], 2);
  EXPECT_EQ(json["nodes"][0]["replicas"], 4);
  EXPECT_EQ(json["nodes"][2]["state"], "down");
  EXPECT_EQ(json["nodes"][2]["reason"], "it refused the connection");
  EXPECT_EQ(json["shards"][1]["primary"], 2);
  EXPECT_EQ(json["shards"][1]["replicas"][0]["role"], "primary");
  EXPECT_EQ(json["shards"][0]["replicas"][2]["role"], "missing");
  EXPECT_EQ(json["summary"]["shards"], 4);
  EXPECT_EQ(json["summary"]["with_primary"], 4);
  EXPECT_EQ(json["summary"]["caught_up"], false);
}

TEST(PrintStatus, ShowsNodesAndWhatIsMissing) {
  std::vector<NodeReport> reports = SampleReports();
  reports[2].status.reset();
  reports[2].down_reason = "it refused the connection";
  std::ostringstream out;
  ctl::PrintStatus(SumUp(SampleMap(), std::move(reports)), true, out);
  EXPECT_EQ(out.str(),
            "cluster sample (0123456789abcdef0123456789abcdef), map version 5\n"
            "\n"
            "node  address      zone  state  replicas  primaries     log  up for\n"
            "   1  10.0.0.1:71  a     up            4          2  1.5 MB   1m01s\n"
            "   2  10.0.0.2:71  b     up            4          2  1.5 MB   1m01s\n"
            "   3  10.0.0.3:71  c     down          -          0       -       -\n"
            "    it refused the connection\n"
            "\n"
            "shard  primary  term  commit  replicas (lag)\n"
            "    0        1     2     100  1(0) 2(0) 3(missing)\n"
            "    1        2     2     100  2(0) 1(0) 3(missing)\n"
            "    2        1     2     100  1(0) 2(0) 3(missing)\n"
            "    3        2     2     100  2(0) 1(0) 3(missing)\n"
            "\n"
            "4 of 4 shards have a primary; terms 2 to 2; the worst lag is 0 entries\n"
            "node 3 is down: it refused the connection\n");
}

TEST(PrintStatus, ShowsAFullDisk) {
  std::vector<NodeReport> reports = SampleReports();
  reports[0].status->disk_room = DiskRoom::kFull;
  reports[0].status->disk_free_bytes = 400'000'000;
  reports[1].status->disk_room = DiskRoom::kExhausted;
  const Survey survey = SumUp(SampleMap(), std::move(reports));
  std::ostringstream out;
  ctl::PrintStatus(survey, false, out);
  EXPECT_THAT(out.str(), HasSubstr("its disk is full, 400.0 MB free: it refuses puts until"));
  EXPECT_THAT(out.str(), HasSubstr("its disk is exhausted, 0 B free: it refuses all writes until"));
  const ctl::Json json = ctl::StatusJson(survey);
  EXPECT_EQ(json["nodes"][0]["disk_room"], "full");
  EXPECT_EQ(json["nodes"][0]["disk_free_bytes"], 400'000'000);
  EXPECT_EQ(json["nodes"][2]["disk_room"], "enough");
}

TEST(PrintRing, DrawsABarForEachNode) {
  ClusterView map = SampleMap();
  map.shards[3].replicas = {1, 2, 3};
  std::vector<NodeReport> reports = SampleReports();
  reports[2].status.reset();
  std::ostringstream out;
  ctl::PrintRing(SumUp(std::move(map), std::move(reports)), out);
  EXPECT_THAT(out.str(), HasSubstr("75.0 %  ████████████████████████████████████████"));
  EXPECT_THAT(out.str(), HasSubstr("25.0 %  █████████████▎ "));
  EXPECT_THAT(out.str(), HasSubstr(" 0.0 %  down"));
}

}  // namespace
}  // namespace ringfort::survey

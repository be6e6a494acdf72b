// What top shows, and how a frame is drawn.
#include "tools/ctl/top.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

#include "tests/unit/ctl/memory_client.h"
#include "tests/unit/ctl/run_ctl.h"
#include "tests/unit/ctl/survey_samples.h"
#include "tools/ctl/json_bytes.h"
#include "tools/ctl/screen.h"
#include "tools/ctl/text_table.h"

namespace ringfort::ctl {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

TEST(TopText, ShowsTheClusterItsNodesMovesAndBusiestShards) {
  ClusterStateView state = survey::SampleState();
  state.moves = survey::SampleMoves();
  state.nodes[2].alive = false;
  MoveRates rates;
  const auto start = std::chrono::steady_clock::time_point(std::chrono::hours(1));
  ClusterStateView earlier = state;
  earlier.moves[0].sent_bytes = 10'000'000;
  rates.Look(earlier, start);
  rates.Look(state, start + std::chrono::seconds(2));
  EXPECT_EQ(TopText(state, rates),
            "1 moving, 1 waiting   2 of 3 nodes alive   cluster sample   map 5   meta group led by "
            "1 of 1 2 3   4 shards x 3\n"
            "\n"
            "node  zone  state   primaries   replicas    data             load               free\n"
            "   1  a     active  ████████ 3  ████████ 5  ████████ 1.2 GB  ██▋      1.0 %  50.0 GB\n"
            "   2  b     active  █████▎   2  ████████ 5  ████████ 1.2 GB  █████▎   2.0 %  50.0 GB\n"
            "   3  c     dead             0  ████████ 5  ████████ 1.2 GB  ████████ 3.0 %  50.0 GB\n"
            "\n"
            "shard  from   to     why    how far\n"
            "    1  1 2 3  1 2 4  drain  [######------] 50 %  20.0 MB of 40.0 MB"
            "  4.0 s left\n"
            "    2  1 2 3  1 2 4  drain  waits for its turn\n"
            "\n"
            "busiest shard  primary   load      data\n"
            "         meta        1  0.4 %  300.0 MB\n"
            "            3        2  0.3 %  300.0 MB\n"
            "            2        1  0.2 %  300.0 MB\n"
            "            1        2  0.1 %  300.0 MB\n");
}

TEST(TopText, SaysWhenNothingMovesAndWhenMovesArePaused) {
  ClusterStateView state = survey::SampleState();
  EXPECT_THAT(TopText(state, {}), StartsWith("nothing moves   3 of 3 nodes alive"));
  state.paused = true;
  EXPECT_THAT(TopText(state, {}), StartsWith("PAUSED   nothing moves"));
  state.moves.assign(30, survey::SampleMoves()[0]);
  EXPECT_THAT(TopText(state, {}), HasSubstr("and 18 more moves\n"));
}

TEST(TopText, LeavesOutNodesThatAreGone) {
  ClusterStateView state = survey::SampleState();
  state.nodes[2].node.state = NodeState::kGone;
  state.nodes[2].alive = false;
  const std::string text = TopText(state, {});
  EXPECT_THAT(text, HasSubstr("   2 of 2 nodes alive   "));
  EXPECT_THAT(text, Not(HasSubstr("dead")));
}

TEST(Top, IsPrintedOnceWhereNobodyLooks) {
  ringfort::testing::ScopedCluster cluster;
  cluster->states = {survey::SampleState()};
  const Outcome outcome = Ctl({"top"});
  EXPECT_EQ(outcome.code, 0);
  EXPECT_EQ(outcome.out, TopText(survey::SampleState(), {}));
  EXPECT_THAT(outcome.out, Not(HasSubstr("\x1b")));
  const Json json = Json::parse(Ctl({"top", "--format=json"}).out);
  EXPECT_EQ(json["cluster"]["name"], "sample");
  EXPECT_EQ(json["nodes"].size(), 3U);
  EXPECT_EQ(json["busiest"][0]["shard"], "meta");
  EXPECT_TRUE(json["moves"].empty());
}

TEST(Screen, DrawsWhatFitsOverWhatStood) {
  EXPECT_EQ(FrameOf("one\ntwo\nthree\n", 2, 3), "\x1b[Hone\x1b[K\r\ntwo\x1b[K\x1b[J");
  EXPECT_EQ(FrameOf("███", 1, 2), "\x1b[H██\x1b[K\x1b[J");
}

TEST(Screen, GivesTheTerminalBackAfterAnInterrupt) {
  std::ostringstream out;
  {
    Screen screen(out);
    EXPECT_TRUE(screen.Wait(std::chrono::milliseconds(1)));
    EXPECT_EQ(::raise(SIGINT), 0);
    EXPECT_FALSE(screen.Wait(std::chrono::hours(1)));
  }
  EXPECT_EQ(out.str(), "\x1b[?1049h\x1b[?25l\x1b[?25h\x1b[?1049l");
}

TEST(BlockBar, IsCutAtItsWidthAndEmptyOfNothing) {
  EXPECT_EQ(BlockBar(0, 0, 4), "");
  EXPECT_EQ(BlockBar(1, 2, 4), "██");
  EXPECT_EQ(BlockBar(9, 2, 4), "████");
  EXPECT_EQ(CutTo("äöü", 2), "äö");
  EXPECT_EQ(CutTo("ab", 5), "ab");
}

}  // namespace
}  // namespace ringfort::ctl

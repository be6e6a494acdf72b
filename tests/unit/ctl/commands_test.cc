// ringfortctl's commands as a user types them, against a cluster in memory.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <sstream>

#include "tests/unit/ctl/run_ctl.h"
#include "tests/unit/ctl/sample_cluster.h"
#include "tools/ctl/json_bytes.h"
#include "tools/ctl/program.h"

namespace ringfort::ctl {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

class Commands : public SampleCluster {
 protected:
  ~Commands() override { ::unlink(path_.c_str()); }

  std::string File(const std::string& bytes) {
    std::ofstream(path_, std::ios::binary) << bytes;
    return path_;
  }
  std::string Content() {
    std::ostringstream bytes;
    bytes << std::ifstream(path_, std::ios::binary).rdbuf();
    return bytes.str();
  }
  std::string ValueOf(const Key& key) {
    const auto found = cluster_->entries.find(key);
    return found == cluster_->entries.end() ? "(none)" : found->second.value;
  }

  const std::string path_ = ::testing::TempDir() + "ctl_commands_" + std::to_string(::getpid());
};

TEST_F(Commands, PutGetDelete) {
  EXPECT_EQ(Ctl({"put", "k", "value\n", "--sort-key=s"}).out, "version 1\n");
  EXPECT_EQ(Ctl({"get", "k", "--sort-key=s"}).out, "value\n");
  EXPECT_EQ(Ctl({"get", "k", "--sort-key=s", "--format=json"}).out,
            "{\"key\":\"k\",\"sort_key\":\"s\",\"value\":\"value\\n\",\"version\":1}\n");
  EXPECT_EQ(Ctl({"delete", "k", "--sort-key=s", "--format=json"}).out, "{\"version\":2}\n");
  const Outcome missing = Ctl({"get", "k", "--sort-key=s"});
  EXPECT_EQ(missing.code, 1);
  EXPECT_THAT(missing.err, StartsWith("error: get k: not found ("));
}

TEST_F(Commands, CarryAnyBytes) {
  EXPECT_EQ(Ctl({"put", "00ff", "fe0a", "--hex"}).code, 0);
  EXPECT_EQ(ValueOf(Key(std::string("\0\xff", 2))), "\xfe\n");
  EXPECT_EQ(Ctl({"get", "--hex", "00FF"}).out, "fe0a");
  EXPECT_EQ(Ctl({"put", "k", "--file=" + File(std::string("\0x\n", 3))}).code, 0);
  EXPECT_EQ(Ctl({"get", "k"}).out, std::string("\0x\n", 3));
  const Outcome wrong = Ctl({"get", "--hex", "xyz"});
  EXPECT_EQ(wrong.code, 2);
  EXPECT_THAT(wrong.err, HasSubstr("is not hexadecimal"));
}

TEST_F(Commands, PutUnderConditions) {
  EXPECT_EQ(Ctl({"put", "k", "a", "--if-absent"}).code, 0);
  EXPECT_EQ(Ctl({"put", "k", "b", "--if-absent"}).code, 1);
  EXPECT_EQ(Ctl({"put", "k", "b", "--if-version=1"}).code, 0);
  EXPECT_EQ(Ctl({"put", "k", "c", "--if-version=1"}).code, 1);
  EXPECT_EQ(ValueOf(Key("k")), "b");
}

TEST_F(Commands, PutTakesOneValue) {
  EXPECT_EQ(Ctl({"put", "k"}).code, 2);
  const Outcome twice = Ctl({"put", "k", "secret", "--file=x"});
  EXPECT_EQ(twice.code, 2);
  EXPECT_THAT(twice.err, Not(HasSubstr("secret")));
}

TEST_F(Commands, ScanPrintsAllPages) {
  for (const char* sort_key : {"a", "b", "c", "d", "x\ty"}) {
    cluster_->entries[Key("k", sort_key)] = {"v", 1};
  }
  EXPECT_EQ(Ctl({"scan", "k"}).out, "a\tv\nb\tv\nc\tv\nd\tv\nx\\ty\tv\n");
  EXPECT_EQ(Ctl({"scan", "k", "--reverse", "--end=x", "--begin=b"}).out, "d\tv\nc\tv\nb\tv\n");
  const Outcome limited = Ctl({"scan", "k", "--limit=4"});
  EXPECT_EQ(limited.out, "a\tv\nb\tv\nc\tv\nd\tv\n");
  EXPECT_THAT(limited.err, HasSubstr("--limit"));
  const Json json = Json::parse(Ctl({"scan", "k", "--limit=2", "--format=json"}).out);
  EXPECT_EQ(json["entries"].size(), 2U);
  EXPECT_EQ(json["entries"][1]["sort_key"], "b");
  EXPECT_EQ(json["more"], true);
}

TEST_F(Commands, ScanOnATerminalShowsWhatATerminalWouldObey) {
  cluster_->entries[Key("k", "\x1b[31m")] = {"a\\b\xc2\x9b", 1};
  EXPECT_EQ(Ctl({"scan", "k"}).out, "\x1b[31m\ta\\\\b\xc2\x9b\n");
  std::ostringstream out;
  std::ostringstream err;
  Terminal terminal{.out = out, .err = err, .out_is_terminal = true};
  EXPECT_EQ(Main({"scan", "k"}, terminal), 0);
  EXPECT_EQ(out.str(), "\\x1b[31m\ta\\\\b\\xc2\\x9b\n");
}

TEST_F(Commands, AScanThatFailsIsStillJson) {
  cluster_->failure = Status(Code::kUnavailable, "no primary (start it)");
  const Outcome outcome = Ctl({"scan", "k", "--format=json"});
  EXPECT_EQ(outcome.code, 1);
  EXPECT_EQ(Json::parse(outcome.out)["more"], true);
}

TEST_F(Commands, ImportReportsBadLinesAndGoesOn) {
  const Outcome outcome = Ctl({"import", File("a\t1\nbad\n\nb\t2\n\tno key\nc\t3\\n")});
  EXPECT_EQ(outcome.code, 1);
  EXPECT_EQ(ValueOf(Key("a")), "1");
  EXPECT_EQ(ValueOf(Key("b")), "2");
  EXPECT_EQ(ValueOf(Key("c")), "3\n");
  EXPECT_EQ(outcome.out, "");
  EXPECT_THAT(outcome.err, HasSubstr("line 2: has 1 columns, not 2"));
  EXPECT_THAT(outcome.err, HasSubstr("line 5: the shard key"));
  EXPECT_THAT(outcome.err, HasSubstr("imported 3 entries"));
  EXPECT_THAT(outcome.err, HasSubstr("2 lines were bad, 0 were not stored"));
}

TEST_F(Commands, ImportShowsTwentyTroublesAndCountsAll) {
  std::string lines;
  for (int i = 0; i < 50; ++i) lines += "bad\n";
  const Outcome outcome = Ctl({"import", File(lines)});
  EXPECT_EQ(outcome.code, 1);
  EXPECT_THAT(outcome.err, HasSubstr("line 20: "));
  EXPECT_THAT(outcome.err, Not(HasSubstr("line 21: ")));
  EXPECT_THAT(outcome.err, HasSubstr("50 lines were bad"));
}

TEST_F(Commands, ImportLetsTheLaterLineOfAKeyWin) {
  std::string lines;
  for (int i = 0; i < 2000; ++i)
    lines += "k" + std::to_string(i % 7) + "\t" + std::to_string(i) + "\n";
  EXPECT_EQ(Ctl({"import", File(lines), "--in_flight=100"}).code, 0);
  for (int key = 0; key < 7; ++key) {
    const int last = 1999 - (1999 - key) % 7;
    EXPECT_EQ(ValueOf(Key("k" + std::to_string(key))), std::to_string(last));
  }
  EXPECT_FALSE(cluster_->key_was_twice_in_flight);
}

TEST_F(Commands, ImportBoundsWhatIsInFlight) {
  std::string lines;
  for (int i = 0; i < 2000; ++i) lines += "k" + std::to_string(i) + "\tv\n";
  EXPECT_EQ(Ctl({"import", File(lines), "--in_flight=16"}).code, 0);
  EXPECT_EQ(cluster_->entries.size(), 2000U);
  EXPECT_LE(cluster_->in_flight_most, 16U);
}

TEST_F(Commands, ImportGivesUpWhenTheClusterTakesNothing) {
  cluster_->failure = Status(Code::kUnavailable, "no node answers (start one)");
  std::string lines;
  for (int i = 0; i < 5000; ++i) lines += "k" + std::to_string(i) + "\tv\n";
  const Outcome outcome = Ctl({"import", File(lines)});
  EXPECT_EQ(outcome.code, 1);
  EXPECT_THAT(outcome.err, HasSubstr(": not stored: no node answers"));
  EXPECT_THAT(outcome.err, HasSubstr("gave up at line"));
}

TEST_F(Commands, ExportGivesBackWhatImportTook) {
  std::string tsv;
  std::string jsonl;
  for (int i = 10; i < 30; ++i) {
    const std::string n = std::to_string(i);
    tsv += "k" + n + "\ts\\t" + n + "\tv\\n\\\\" + n + "\n";
    jsonl +=
        "{\"key\":\"k" + n + "\",\"sort_key\":\"s\\t" + n + "\",\"value\":\"v\\n\\\\" + n + "\"}\n";
  }
  EXPECT_EQ(Ctl({"import", "--columns=key,sort_key,value", File(tsv)}).code, 0);
  EXPECT_EQ(cluster_->entries.size(), 20U);
  EXPECT_EQ(Ctl({"export", "--columns=key,sort_key,value", path_}).code, 0);
  EXPECT_EQ(Content(), tsv);
  const Outcome outcome = Ctl({"export", "--format=jsonl", path_});
  EXPECT_EQ(Content(), jsonl);
  EXPECT_EQ(outcome.out, "");
  EXPECT_THAT(outcome.err, StartsWith("exported 20 entries, "));
  cluster_->entries.clear();
  EXPECT_EQ(Ctl({"import", "--format=jsonl", path_}).code, 0);
  EXPECT_EQ(cluster_->entries.size(), 20U);
}

TEST_F(Commands, ExportDropsNoSortKey) {
  cluster_->entries[Key("k", "s")] = {"v", 1};
  File("before");
  const Outcome outcome = Ctl({"export", "--columns=key,value", path_});
  EXPECT_NE(outcome.code, 0);
  EXPECT_THAT(outcome.err, HasSubstr("leave out --columns"));
  EXPECT_EQ(Content(), "before");
  EXPECT_EQ(Ctl({"export", path_}).code, 0);
  EXPECT_EQ(Content(), "k\ts\tv\n");
}

/// Shard 2 is the busiest, and two of its keys are hot.
void Heat(std::map<std::uint32_t, NodeStatusView>* nodes) {
  for (auto& [id, node] : *nodes) {
    for (ReplicaView& replica : node.replicas) {
      replica.data_bytes = 1000 * (replica.shard + id);
      replica.load.loop_share = 0.01;
      if (replica.shard != 2 || !replica.serving) continue;
      replica.load.reads_per_second = 1200;
      replica.load.writes_per_second = 3.25;
      replica.load.bytes_in_per_second = 1000;
      replica.load.bytes_out_per_second = 2000;
      replica.load.loop_share = 0.5;
      replica.load.pool_share = 0.25;
      replica.load.hot_keys = {{"user:7", 0.4}, {"\xff\n", 0.05}, {"rare", 0.001}};
    }
  }
}

TEST_F(Commands, ShardsListsWhatEachCosts) {
  Heat(&cluster_->nodes);
  cluster_->nodes[3].replicas[1].applied = 90;
  EXPECT_EQ(Ctl({"shards", "--limit=3"}).out,
            "shard  primary  replicas  lag    data  reads/s  writes/s  bytes/s    time\n"
            "    0        1  1 2 3       0  3.0 KB      0.0       0.0      0 B   3.0 %\n"
            "    1        2  2 1 3      10  4.0 KB      0.0       0.0      0 B   3.0 %\n"
            "    2        1  1 2 3       0  5.0 KB    1,200       3.2   3.0 KB  77.0 %\n");
  const Json all = Json::parse(Ctl({"shards", "--format=json"}).out)["shards"];
  ASSERT_EQ(all.size(), 4U);
  EXPECT_EQ(all[2]["id"], 2);
  EXPECT_EQ(all[2]["replicas"], Json({1, 2, 3}));
  EXPECT_EQ(all[2]["writes_per_second"], 3.25);
  EXPECT_DOUBLE_EQ(all[2]["busy"], 0.77);
  EXPECT_FALSE(all[2].contains("hot_keys"));
}

TEST_F(Commands, ShardsShowsTheBusiestAndTheirHotKeys) {
  Heat(&cluster_->nodes);
  EXPECT_EQ(Ctl({"shards", "--hot", "--limit=2"}).out,
            "shard  primary  replicas  lag    data  reads/s  writes/s  bytes/s    time\n"
            "    2        1  1 2 3       0  5.0 KB    1,200       3.2   3.0 KB  77.0 %\n"
            "    about 40.0 % of its requests: user:7\n"
            "    about 5.0 % of its requests: \\xff\\x0a\n"
            "    0        1  1 2 3       0  3.0 KB      0.0       0.0      0 B   3.0 %\n");
  const Json hot = Json::parse(Ctl({"shards", "--hot", "--format=json"}).out)["shards"][0];
  EXPECT_EQ(hot["hot_keys"][0], Json({{"key", "user:7"}, {"share", 0.4}}));
  EXPECT_EQ(hot["hot_keys"][1], Json({{"key_base64", "/wo="}, {"share", 0.05}}));
  EXPECT_EQ(hot["hot_keys"].size(), 3U);
}

TEST_F(Commands, VerifyComparesAllReplicasOfEachShard) {
  cluster_->sum_of = [](std::uint32_t, std::uint32_t shard) {
    return SumView{200, 77 + shard, 10, 1000, ""};
  };
  Outcome verified = Ctl({"verify"});
  EXPECT_EQ(verified.code, 0) << verified.err;
  EXPECT_EQ(verified.out, "4 shards, 40 entries: equal on all replicas\n");
  verified = Ctl({"verify", "--shard=3", "--format=json"});
  EXPECT_EQ(verified.code, 0);
  EXPECT_EQ(Json::parse(verified.out)["shards"][0], Json({{"id", 3},
                                                          {"index", 200},
                                                          {"entries", 10},
                                                          {"equal", {2, 1, 3}},
                                                          {"troubles", Json::array()}}));
  verified = Ctl({"verify", "--shard=4"});
  EXPECT_EQ(verified.code, 2);
  EXPECT_EQ(verified.err,
            "error: verify: there is no shard 4, the cluster has 4 (they count from 0)\n");
}

TEST_F(Commands, VerifyNamesTheNodesThatDiffer) {
  cluster_->sum_of = [](std::uint32_t node, std::uint32_t shard) {
    const std::uint64_t checksum = shard == 1 && node == 3 ? 1 : shard == 2 ? node : 7;
    return SumView{200, checksum, 10, 1000, ""};
  };
  const Outcome verified = Ctl({"verify"});
  EXPECT_EQ(verified.code, 1);
  EXPECT_EQ(verified.out,
            "shard 1: node 3 holds other data than nodes 2 and 1 at index 200 (stop node 3 and no"
            " other, move its data directory away and start it again 10 s later: it is filled from"
            " the others)\n"
            "shard 2: node 2 holds other data than node 1 at index 200 (no majority agrees: keep"
            " the data directories of all, and report it)\n"
            "shard 2: node 3 holds other data than node 1 at index 200 (no majority agrees: keep"
            " the data directories of all, and report it)\n");
  EXPECT_THAT(verified.err, StartsWith("error: verify: 2 of 4 shards are not equal"));
}

TEST_F(Commands, VerifyTellsWhatItCouldNotCheck) {
  cluster_->sum_of = [](std::uint32_t node, std::uint32_t) -> std::optional<SumView> {
    if (node == 2) return std::nullopt;
    // Somebody else's later round, of which the others have no sum.
    return SumView{node == 1 ? 201U : 200U, 7, 10, 1000, ""};
  };
  Outcome verified = Ctl({"verify", "--shard=0", "--wait=1ms"});
  EXPECT_EQ(verified.code, 1);
  for (const char* node : {"2", "3"}) {
    EXPECT_THAT(verified.out, HasSubstr("shard 0: not checked on node " + std::string(node) +
                                        ", whose sum did not come in time"));
  }
  cluster_->nodes.erase(3);
  cluster_->sum_of = [](std::uint32_t node, std::uint32_t) {
    return SumView{200, 7, 10, 1000, node == 2 ? "a block is corrupt" : ""};
  };
  verified = Ctl({"verify", "--shard=0"});
  EXPECT_EQ(verified.code, 1);
  EXPECT_EQ(
      verified.out,
      "shard 0: the copy on node 2 is damaged: a block is corrupt (it is repaired from the shard's"
      " primary by itself: ringfortctl doctor says how far)\n"
      "shard 0: not checked on node 3, which is down or has no copy (look at ringfortctl"
      " status)\n");
  EXPECT_THAT(Ctl({"status"}).out,
              HasSubstr("    its copy of shard 0 is damaged: a block is corrupt\n"));
}

// A copy that comes by a snapshot never makes the sum of an earlier index.
TEST_F(Commands, VerifyAsksAgainWhenACopyWasFilledMeanwhile) {
  int asked = 0;
  cluster_->sum_of = [&](std::uint32_t node, std::uint32_t) -> std::optional<SumView> {
    if (node == 1) ++asked;
    if (node == 3 && asked == 1) return std::nullopt;
    return SumView{200, 7, 10, 1000, ""};
  };
  const Outcome verified = Ctl({"verify", "--shard=0"});
  EXPECT_EQ(verified.code, 0) << verified.out;
  EXPECT_EQ(asked, 2);
}

TEST_F(Commands, VerifyWaitsForAllMissingPrimariesTogether) {
  cluster_->sum_of = [](std::uint32_t, std::uint32_t) { return SumView{200, 7, 10, 1000, ""}; };
  cluster_->nodes.erase(1);  // The primary of shards 0 and 2.
  const Outcome verified = Ctl({"verify", "--timeout=100ms"});
  EXPECT_EQ(verified.code, 1);
  for (const char* shard : {"0", "2"}) {
    EXPECT_THAT(verified.out, HasSubstr("shard " + std::string(shard) +
                                        ": not checked: it has no primary (ringfortctl doctor"
                                        " says why)\n"));
  }
  EXPECT_THAT(verified.out, HasSubstr("shard 1: not checked on node 1, which is down"));
}

TEST_F(Commands, StatusWaitsAndSaysWhatIsMissing) {
  EXPECT_EQ(Ctl({"status", "--wait=10s"}).code, 0);
  cluster_->nodes.erase(3);
  EXPECT_EQ(Ctl({"status", "--wait-primaries=10s"}).code, 0);
  const Outcome late = Ctl({"status", "--wait=1ms"});
  EXPECT_EQ(late.code, 1);
  EXPECT_THAT(late.err, StartsWith("error: status: after 1 ms node 3 is down"));
  const Json json = Json::parse(Ctl({"status", "--format=json"}).out);
  EXPECT_EQ(json["nodes"][2]["state"], "down");
}

TEST_F(Commands, RingAndLocateTellWhereThingsAre) {
  const Json ring = Json::parse(Ctl({"ring", "--format=json"}).out);
  EXPECT_EQ(ring["shard_count"], 4);
  EXPECT_EQ(ring["nodes"][0]["preferred"], 2);
  EXPECT_EQ(ring["nodes"][0]["ring_share"], 0.5);
  const Json place = Json::parse(Ctl({"locate", "k", "--format=json"}).out);
  EXPECT_EQ(place["replicas"].size(), 3U);
  EXPECT_EQ(place["hash"].get<std::string>().size(), 16U);
  EXPECT_EQ(Ctl({"locate", std::string(1024, 'k')}).code, 0);
  EXPECT_EQ(Ctl({"locate", std::string(1025, 'k')}).code, 2) << "no key that anybody could put";
  EXPECT_EQ(Ctl({"locate", ""}).code, 2);
}

TEST_F(Commands, RefuseWrongWordsWithoutACluster) {
  const Outcome outcome = Ctl({"sttaus"});
  EXPECT_EQ(outcome.code, 2);
  EXPECT_EQ(outcome.err,
            "error: sttaus: there is no such command (did you mean 'status'? ringfortctl help "
            "lists them)\n");
  EXPECT_EQ(Ctl({"status", "--wait=never"}).code, 2);
}

TEST_F(Commands, EveryCommandHasHelp) {
  for (const CtlCommand& command : ctl::Commands()) {
    const Outcome outcome =
        Ctl({"help", command.words.name.substr(0, command.words.name.find(' ')),
             command.words.name.find(' ') == std::string::npos
                 ? "more"
                 : command.words.name.substr(command.words.name.find(' ') + 1)});
    EXPECT_EQ(outcome.code, 0);
    EXPECT_THAT(outcome.out, HasSubstr("usage: ringfortctl [FLAGS] " + command.words.name));
  }
}

TEST(CommandsWithoutACluster, SayWhoDidNotAnswer) {
  const Outcome outcome = Ctl({"get", "k", "--seeds=10.9.9.9:1"});
  EXPECT_EQ(outcome.code, 1);
  EXPECT_EQ(outcome.err, "error: get: 10.9.9.9:1 refused the connection (start it)\n");
}

}  // namespace
}  // namespace ringfort::ctl

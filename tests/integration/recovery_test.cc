// An operator's way back: two of three nodes are gone for good, with the majority of every shard
// and of the meta group. Everything begins anew from the copies that are left, everything that
// those had is there, the cluster grows back by itself, and a node that comes back after all counts
// for nothing and keeps what it has.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <map>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "tests/integration/local_cluster.h"
#include "tools/ctl/program.h"

namespace ringfort::integration {
namespace {

using std::chrono::seconds;
using ::testing::HasSubstr;

constexpr std::uint32_t kShards = 4;

class Recovery : public testing::Test {
 protected:
  /// Of `ringfortd --recover_cluster_from_this_copy`: the exit code and what it printed.
  std::pair<int, std::string> RecoverMeta(std::uint32_t node, bool dry_run) {
    std::vector<std::string> words = {ServerBinary(), "--recover_cluster_from_this_copy",
                                      "--data_dir=" + cluster_.data_dir(node).string()};
    if (dry_run) words.emplace_back("--dry_run");
    const auto output = scratch_.path() / ("recover-" + std::to_string(++runs_));
    Process process(words, output.string());
    const auto code = process.Wait(seconds(60));
    return {code.value_or(-1), process.Output()};
  }
  struct Said {
    int code = -1;
    std::string out;
    std::string err;
  };
  Said Ctl(std::vector<std::string> words) {
    words.push_back("--seeds=" + cluster_.address(1));
    std::ostringstream out;
    std::ostringstream err;
    ctl::Terminal terminal{.out = out, .err = err};
    const int code = ctl::Main(words, terminal);
    return {code, out.str(), err.str()};
  }
  void PutAll(Client& client) {
    for (int i = 0; i < 200; ++i) {
      const std::string key = "key-" + std::to_string(i);
      auto put = client.Put(key, "value of " + key, {.timeout = seconds(20)});
      ASSERT_TRUE(put.ok()) << put.status().ToString();
      versions_[key] = *put;
    }
  }
  void ExpectAll(Client& client) {
    for (const auto& [key, version] : versions_) {
      auto read = client.Get(key, {.timeout = seconds(20)});
      ASSERT_TRUE(read.ok()) << key << ": " << read.status().ToString();
      EXPECT_EQ(read->value, "value of " + key);
      EXPECT_EQ(read->version, version);
    }
  }
  /// Every shard, the meta group too, has three copies that are whole, none of them on `without`.
  static bool IsWhole(Client& client, const std::vector<std::uint32_t>& without) {
    auto state = client.ClusterState({.timeout = seconds(2)});
    if (!state.ok() || !state->moves.empty()) return false;
    for (const ShardSummaryView& shard : state->shards) {
      if (shard.primary == 0 || shard.healthy_voters.size() != 3) return false;
      for (const std::uint32_t node : without) {
        if (std::ranges::find(shard.voters, node) != shard.voters.end()) return false;
      }
    }
    return true;
  }

  ScratchDir scratch_;
  LocalCluster cluster_{3, kShards};
  int runs_ = 0;
  std::map<std::string, Version> versions_;
};

TEST_F(Recovery, FromOneNodeOfThree) {
  cluster_.AddFlags({"--repair_after_s=5"});
  cluster_.StartAll();
  {
    Client client = cluster_.Connect();
    ASSERT_TRUE(Eventually(seconds(60), [&] { return cluster_.CaughtUp(client); }));
    PutAll(client);
    ASSERT_TRUE(Eventually(seconds(60), [&] { return cluster_.CaughtUp(client); }));
    // As long as there is a majority nothing is begun anew.
    for (const bool dry_run : {true, false}) {
      auto refused = client.RecoverShard(0, 1, {.dry_run = dry_run, .accept_loss = true});
      if (dry_run) {
        ASSERT_TRUE(refused.ok()) << refused.status().ToString();
        EXPECT_THAT(refused->refused, HasSubstr("has a primary"));
        EXPECT_EQ(refused->copies.size(), 3U);
      } else {
        EXPECT_EQ(refused.status().code(), Code::kConditionFailed);
      }
    }
  }
  EXPECT_EQ(RecoverMeta(1, false).first, 1) << "the node runs";

  // Two nodes are lost, and node 3's disk turns up again later.
  cluster_.Kill(2);
  cluster_.Kill(3);
  const auto found_again = scratch_.path() / "node-3";
  std::filesystem::rename(cluster_.data_dir(3), found_again);
  std::filesystem::remove_all(cluster_.data_dir(2));
  cluster_.Kill(1);

  const auto [dry_code, dry] = RecoverMeta(1, true);
  EXPECT_EQ(dry_code, 0) << dry;
  EXPECT_THAT(dry, HasSubstr("has a copy of the meta group of cluster \"test\""));
  EXPECT_THAT(dry, HasSubstr("nothing was changed"));
  const auto [code, done] = RecoverMeta(1, false);
  ASSERT_EQ(code, 0) << done;
  EXPECT_THAT(done, HasSubstr("as epoch 1"));
  EXPECT_THAT(done, HasSubstr("the copies on nodes 2, 3"));
  EXPECT_EQ(RecoverMeta(1, false).first, 1) << "it is done already";

  cluster_.Start(1);
  Client client = cluster_.Connect();
  ASSERT_TRUE(Eventually(seconds(30), [&] {
    return client.ClusterState({.timeout = seconds(2)}).ok();
  })) << cluster_.Output(1);

  const Said unsaid = Ctl({"shard", "0", "recover"});
  EXPECT_EQ(unsaid.code, 1);
  EXPECT_THAT(unsaid.out, HasSubstr("no answer from nodes 2, 3"));
  EXPECT_THAT(unsaid.err, HasSubstr("--yes"));
  const Said one = Ctl({"shard", "0", "recover", "--yes"});
  EXPECT_EQ(one.code, 0) << one.out << one.err;
  EXPECT_THAT(one.out, HasSubstr("it is begun anew from the copy on node 1, as epoch 1"));
  const Said all = Ctl({"recover", "--all-lost", "--yes"});
  EXPECT_EQ(all.code, 0) << all.out << all.err;
  ASSERT_TRUE(Eventually(seconds(30), [&] { return cluster_.Serves(client); }));
  ExpectAll(client);
  auto put = client.Put("after", "x", {.timeout = seconds(20)});
  ASSERT_TRUE(put.ok()) << put.status().ToString();
  EXPECT_GT(*put, std::uint64_t{1} << 32);
  EXPECT_THAT(Ctl({"doctor"}).out, HasSubstr("keeps old data of shards"));

  // Two fresh nodes, and the cluster does the rest.
  for (const std::uint32_t node : {4U, 5U}) cluster_.StartJoining(node);
  ASSERT_TRUE(Eventually(seconds(90),
                         [&] {
                           return IsWhole(client, {2, 3});
                         }))
      << Ctl({"top", "--once"}).out << cluster_.Output(1);
  ExpectAll(client);

  // What node 3 had is void: it is not counted, and not deleted.
  std::filesystem::rename(found_again, cluster_.data_dir(3));
  cluster_.Start(3);
  ASSERT_TRUE(Eventually(seconds(30), [&] {
    auto status = client.NodeStatus(3, {.timeout = seconds(2)});
    return status.ok() && status->void_copies.size() == kShards + 1;
  })) << cluster_.Output(3);
  EXPECT_TRUE(client.NodeStatus(3)->replicas.empty());
  ASSERT_TRUE(Eventually(seconds(30), [&] { return cluster_.Serves(client); }));
  ExpectAll(client);
  const Said doctor = Ctl({"doctor"});
  EXPECT_THAT(doctor.out, HasSubstr("node 3 keeps void copies of shards"));
  // Nor after a restart.
  cluster_.Kill(3);
  cluster_.Start(3);
  ASSERT_TRUE(Eventually(seconds(30), [&] {
    auto status = client.NodeStatus(3, {.timeout = seconds(2)});
    return status.ok() && status->void_copies.size() == kShards + 1;
  })) << cluster_.Output(3);
  const auto state = client.ClusterState();
  ASSERT_TRUE(state.ok());
  for (const ShardSummaryView& shard : state->shards) {
    EXPECT_EQ(std::ranges::count(shard.voters, 3U), 0) << shard.shard;
    EXPECT_EQ(std::ranges::count(shard.learners, 3U), 0) << shard.shard;
  }
  // It takes its share again once an operator has discarded what is void.
  for (const std::string shard : {"0", "1", "2", "3", "meta"}) {
    const Said discarded = Ctl({"shard", shard, "discard-void", "--node=3", "--yes"});
    EXPECT_EQ(discarded.code, 0) << discarded.out << discarded.err;
  }
  EXPECT_TRUE(client.NodeStatus(3)->void_copies.empty());
  EXPECT_EQ(Ctl({"shard", "0", "discard-void", "--node=3", "--yes"}).code, 1) << "there is none";
  ASSERT_TRUE(Eventually(seconds(90), [&] { return IsWhole(client, {}); }))
      << Ctl({"top", "--once"}).out;
  EXPECT_FALSE(client.NodeStatus(3)->replicas.empty());
  ExpectAll(client);
}

}  // namespace
}  // namespace ringfort::integration

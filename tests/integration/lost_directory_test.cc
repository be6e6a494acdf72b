// A node that lost its directory, or the log in it, is not the node that voted (protocols 1 and 4):
// it is no voter before it has been filled again, and then it is one.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>

#include "tests/integration/local_cluster.h"

namespace ringfort::integration {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

/// How node 3 loses what it knew, and comes back without it.
struct Loss {
  std::function<void(const std::filesystem::path& dir)> lose;
  /// Starts it while node 1 is down.
  std::function<void()> start;
  std::function<bool(Client&)> says_so;
  /// Starts it again once node 1 is back, where it would not start before.
  std::function<void()> start_again = [] {};
};

void ExpectRead(Client& client, int from) {
  for (int i = from; i < 40; ++i) {
    auto read = client.Get("key-" + std::to_string(i), {.timeout = seconds(10)});
    ASSERT_TRUE(read.ok()) << i << ": " << read.status().ToString();
    EXPECT_EQ(read->value, "x");
  }
}

/// The run of protocols 1: x is acknowledged on {A, C}, C loses its memory, A dies; B, which lacks
/// x, must not be elected by C. Then A is back.
void PlayTheRun(LocalCluster& cluster, const Loss& loss) {
  cluster.StartAll();
  {
    Client client = cluster.Connect();
    ASSERT_TRUE(Eventually(seconds(60), [&] { return cluster.CaughtUp(client); }));
    cluster.Kill(2);
    for (int i = 0; i < 40; ++i) {
      ASSERT_TRUE(client.Put("key-" + std::to_string(i), "x", {.timeout = seconds(20)}).ok());
    }
  }
  cluster.Kill(3);
  loss.lose(cluster.data_dir(3));
  cluster.Kill(1);
  cluster.Start(2);
  loss.start();
  // Nodes 2 and 3 are up, but 3 is another: they are one voter of three.
  Client client = cluster.Connect(milliseconds(500));
  EXPECT_TRUE(Eventually(seconds(20), [&] { return loss.says_so(client); })) << cluster.Output(3);
  for (int i = 0; i < 4; ++i) {
    auto put = client.Put("key-" + std::to_string(i), "y", {.timeout = seconds(1)});
    EXPECT_FALSE(put.ok());
  }
  EXPECT_FALSE(cluster.Serves(client));
  // With node 1 back there is a majority of those that voted, and nothing is lost.
  cluster.Start(1);
  ASSERT_TRUE(Eventually(seconds(30), [&] { return cluster.Serves(client); }));
  ExpectRead(client, 4);
  loss.start_again();
  // The primaries fill it from their snapshots, and make it a voter: then it stands in for another.
  ASSERT_TRUE(Eventually(seconds(60), [&] { return cluster.CaughtUp(client); }));
  cluster.Kill(1);
  ASSERT_TRUE(Eventually(seconds(30), [&] { return cluster.Serves(client); }));
  ExpectRead(client, 4);
}

bool RunsEmpty(Client& client) {
  auto status = client.NodeStatus(3);
  return status.ok() && status->waiting_for.empty() && status->replicas.empty();
}

void ExpectRefusedStart(LocalCluster& cluster, std::uint32_t node, const std::string& why) {
  EXPECT_EQ(cluster.AwaitEnd(node, seconds(60)), 1);
  EXPECT_THAT(cluster.Output(node), testing::HasSubstr(why));
}

TEST(LostDirectory, IsNoVoter) {
  LocalCluster cluster(3, 4);
  PlayTheRun(cluster, {.lose = [](const auto& dir) { std::filesystem::remove_all(dir); },
                       .start = [&] { cluster.Start(3); },
                       .says_so = RunsEmpty});
}

// A log that is gone for good, as far as its operator knows.
TEST(LostLog, IsNoVoter) {
  LocalCluster cluster(3, 4);
  PlayTheRun(cluster, {.lose = [](const auto& dir) { std::filesystem::remove_all(dir / "log"); },
                       .start =
                           [&] {
                             cluster.Start(3);
                             ExpectRefusedStart(cluster, 3, "--start_empty");
                             cluster.Start(3, {"--start_empty"});
                           },
                       .says_so = RunsEmpty});
  EXPECT_TRUE(std::filesystem::exists(cluster.data_dir(3) / "data.damaged-2" / "CURRENT"));
}

TEST(DamagedLog, IsNoVoterAndStaysInItsPlaceWhileItMayBeNeeded) {
  LocalCluster cluster(3, 4);
  std::filesystem::path log;
  std::filesystem::path aside;
  PlayTheRun(cluster,
             {.lose =
                  [&](const auto&) {
                    const auto dir = cluster.data_dir(3);
                    for (const auto& file : std::filesystem::directory_iterator(dir / "log")) {
                      const std::string name = file.path().filename().string();
                      if (!name.starts_with("segment-")) continue;
                      if (!log.empty() && name < log.filename().string()) continue;
                      log = file.path();
                      aside = dir / "log.damaged-2" / name;
                    }
                    // In the middle: whole records that were synced stand behind it.
                    std::fstream file(log, std::ios::in | std::ios::out | std::ios::binary);
                    file.seekp(4096 + 64);
                    file.put('\xff');
                    ASSERT_TRUE(file.good());
                  },
              .start =
                  [&] {
                    cluster.Start(3);
                    ExpectRefusedStart(cluster, 3, "nothing was changed");
                    EXPECT_TRUE(std::filesystem::exists(log));
                    EXPECT_FALSE(std::filesystem::exists(aside));
                  },
              .says_so = [](Client&) { return true; },
              .start_again = [&] { cluster.Start(3); }});
  EXPECT_TRUE(std::filesystem::exists(aside));
}

// The run: the disks of the logs are mounted late after a power cut, on all nodes.
TEST(AbsentLogs, OnAllNodesLoseNothing) {
  LocalCluster cluster(3, 4);
  cluster.StartAll();
  {
    Client client = cluster.Connect();
    ASSERT_TRUE(Eventually(seconds(60), [&] { return cluster.CaughtUp(client); }));
    for (int i = 0; i < 40; ++i) {
      ASSERT_TRUE(client.Put("key-" + std::to_string(i), "x", {.timeout = seconds(20)}).ok());
    }
  }
  for (const std::uint32_t node : {1U, 2U, 3U}) cluster.Kill(node);
  for (const std::uint32_t node : {1U, 2U, 3U}) {
    const auto dir = cluster.data_dir(node);
    std::filesystem::rename(dir / "log", dir / "unmounted");
    std::filesystem::create_directory(dir / "log");
  }
  cluster.StartAll();
  for (const std::uint32_t node : {1U, 2U, 3U}) {
    ExpectRefusedStart(cluster, node, (cluster.data_dir(node) / "log").string() + " is empty");
    const auto dir = cluster.data_dir(node);
    std::filesystem::remove(dir / "log");
    std::filesystem::rename(dir / "unmounted", dir / "log");
  }
  cluster.StartAll();
  Client client = cluster.Connect();
  ASSERT_TRUE(Eventually(seconds(60), [&] { return cluster.CaughtUp(client); }));
  ExpectRead(client, 0);
}

}  // namespace
}  // namespace ringfort::integration

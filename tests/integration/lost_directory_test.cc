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

/// The run of protocols 1: x is acknowledged on {A, C}, C loses its memory, A dies; B, which lacks
/// x, must not be elected by C. Then A is back.
void PlayTheRun(LocalCluster& cluster,
                const std::function<void(const std::filesystem::path&)>& lose,
                const std::function<bool(Client&)>& says_so) {
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
  lose(cluster.data_dir(3));
  cluster.Kill(1);
  cluster.Start(2);
  cluster.Start(3);
  // Nodes 2 and 3 are up, but 3 is another: they are one voter of three.
  Client client = cluster.Connect(milliseconds(500));
  EXPECT_TRUE(Eventually(seconds(20), [&] { return says_so(client); })) << cluster.Output(3);
  for (int i = 0; i < 4; ++i) {
    auto put = client.Put("key-" + std::to_string(i), "y", {.timeout = seconds(1)});
    EXPECT_FALSE(put.ok());
  }
  EXPECT_FALSE(cluster.Serves(client));
  // With node 1 back there is a majority of those that voted, and nothing is lost.
  cluster.Start(1);
  ASSERT_TRUE(Eventually(seconds(30), [&] { return cluster.Serves(client); }));
  for (int i = 4; i < 40; ++i) {
    auto read = client.Get("key-" + std::to_string(i), {.timeout = seconds(10)});
    ASSERT_TRUE(read.ok()) << i << ": " << read.status().ToString();
    EXPECT_EQ(read->value, "x");
  }
  // The primaries fill it from their snapshots, and make it a voter: then it stands in for another.
  ASSERT_TRUE(Eventually(seconds(60), [&] { return cluster.CaughtUp(client); }));
  cluster.Kill(1);
  ASSERT_TRUE(Eventually(seconds(30), [&] { return cluster.Serves(client); }));
  for (int i = 4; i < 40; ++i) {
    auto read = client.Get("key-" + std::to_string(i), {.timeout = seconds(10)});
    ASSERT_TRUE(read.ok()) << i << ": " << read.status().ToString();
    EXPECT_EQ(read->value, "x");
  }
}

/// Waits until node 3 runs, and it must say in its log where it put the damaged stores.
bool BeganAnew(const LocalCluster& cluster, Client& client) {
  auto status = client.NodeStatus(3);
  const std::string aside = (cluster.data_dir(3) / "log.damaged-2").string();
  return status.ok() && status->boot == 2 && status->waiting_for.empty() &&
         status->replicas.empty() && cluster.Output(3).find(aside) != std::string::npos;
}

TEST(LostDirectory, IsNoVoter) {
  LocalCluster cluster(3, 4);
  PlayTheRun(
      cluster, [](const auto& dir) { std::filesystem::remove_all(dir); },
      [](Client& client) {
        auto status = client.NodeStatus(3);
        return status.ok() && status->waiting_for.empty() && status->replicas.empty();
      });
}

TEST(LostLog, IsNoVoter) {
  LocalCluster cluster(3, 4);
  PlayTheRun(
      cluster, [](const auto& dir) { std::filesystem::remove_all(dir / "log"); },
      [&](Client& client) { return BeganAnew(cluster, client); });
  EXPECT_TRUE(std::filesystem::exists(cluster.data_dir(3) / "data.damaged-2" / "CURRENT"));
}

TEST(DamagedLog, IsNoVoter) {
  LocalCluster cluster(3, 4);
  PlayTheRun(
      cluster,
      [](const auto& dir) {
        // In the middle: whole records that were synced stand behind it.
        const auto segment = dir / "log" / "segment-00000000000000000001";
        std::fstream file(segment, std::ios::in | std::ios::out | std::ios::binary);
        file.seekp(4096 + 64);
        file.put('\xff');
        ASSERT_TRUE(file.good());
      },
      [&](Client& client) { return BeganAnew(cluster, client); });
  EXPECT_TRUE(std::filesystem::exists(cluster.data_dir(3) / "log.damaged-2" /
                                      "segment-00000000000000000001"));
}

}  // namespace
}  // namespace ringfort::integration

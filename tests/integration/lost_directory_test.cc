// A node whose directory was wiped is not the node that voted (protocols 1): it never votes nor
// leads, and says why.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <string>

#include "tests/integration/local_cluster.h"

namespace ringfort::integration {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

TEST(LostDirectory, IsNoVoter) {
  // The run of protocols 1: x is acknowledged on {A, C}, C is wiped, A dies; B must not be elected
  // by C.
  LocalCluster cluster(3, 4);
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
  std::filesystem::remove_all(cluster.data_dir(3));
  cluster.Kill(1);
  cluster.Start(2);
  cluster.Start(3);
  // Nodes 2 and 3 are up, but 3 is another: they are one voter of three.
  Client client = cluster.Connect(milliseconds(500));
  EXPECT_TRUE(Eventually(seconds(20), [&] {
    auto status = client.NodeStatus(3);
    return status.ok() && status->waiting_for.find("not part of the cluster") != std::string::npos;
  })) << cluster.Output(3);
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
}

}  // namespace
}  // namespace ringfort::integration

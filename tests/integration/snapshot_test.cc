// A follower that was away for more than the log holds comes back by snapshot (protocols 5).
#include <gtest/gtest.h>

#include <chrono>
#include <string>

#include "tests/integration/local_cluster.h"

namespace ringfort::integration {
namespace {

using std::chrono::seconds;

std::string KeyOf(int i) {
  return "key-" + std::to_string(i);
}

std::string ValueOf(int i) {
  return std::string(32 << 10, static_cast<char>('a' + i % 26)) + std::to_string(i);
}

std::uint64_t LogBytes(Client& client, std::uint32_t node) {
  auto status = client.NodeStatus(node);
  return status.ok() ? status->log_bytes : 0;
}

TEST(Snapshot, BringsBackWhoWasAwayForLong) {
  constexpr int kKeys = 1200;  // 38 MiB: several times what the log may hold.
  LocalCluster cluster(3, 4);
  cluster.AddFlags({"--log_segment_mb=1", "--log_mb=8"});
  cluster.StartAll();
  Client client = cluster.Connect(seconds(20));
  ASSERT_TRUE(Eventually(seconds(60), [&] { return cluster.CaughtUp(client); }));
  cluster.Kill(3);
  for (int i = 0; i < kKeys; ++i) {
    auto put = client.Put(KeyOf(i), ValueOf(i));
    ASSERT_TRUE(put.ok()) << put.status().ToString();
  }
  // Nobody keeps the log for a node that may never return.
  EXPECT_TRUE(Eventually(
      seconds(20),
      [&] { return LogBytes(client, 1) <= (10U << 20) && LogBytes(client, 2) <= (10U << 20); }))
      << LogBytes(client, 1) << ", " << LogBytes(client, 2);
  cluster.Start(3);
  ASSERT_TRUE(Eventually(seconds(60), [&] { return cluster.CaughtUp(client); }))
      << cluster.Output(3);
  // Now it stands in for another, with all of the data.
  cluster.Kill(1);
  ASSERT_TRUE(Eventually(seconds(30), [&] { return cluster.Serves(client); }));
  cluster.Kill(2);
  cluster.Start(1);
  ASSERT_TRUE(Eventually(seconds(30), [&] { return cluster.Serves(client); }));
  for (int i = 0; i < kKeys; ++i) {
    auto read = client.Get(KeyOf(i));
    ASSERT_TRUE(read.ok()) << i << ": " << read.status().ToString();
    ASSERT_EQ(read->value, ValueOf(i));
  }
}

}  // namespace
}  // namespace ringfort::integration

// More tables than RocksDB may hold open: after a polite restart everything is read, and no copy is
// called damaged. Nothing goes wrong here.
//
// The full measure is a command of its own:
//   RINGFORT_MANY_SHARDS=8192 RINGFORT_MANY_RESTARTS=10 integration_many_tables
//     --gtest_also_run_disabled_tests --gtest_filter='*AsManyAsAsked'
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <functional>
#include <iostream>
#include <string>
#include <thread>
#include <vector>

#include "tests/integration/local_cluster.h"

namespace ringfort::integration {
namespace {

using std::chrono::seconds;
using testing::HasSubstr;
using testing::Not;

constexpr int kThreads = 8;

std::string Key(int i) {
  return "key-" + std::to_string(i);
}
std::string Value(int i) {
  return std::to_string(i) + std::string(100, 'x');
}

/// Calls `what` with 0 to `count` - 1 on some threads, each with a client of its own; how many
/// calls said no.
int CountFailures(const LocalCluster& cluster, int count,
                  const std::function<bool(Client&, int)>& what) {
  std::atomic<int> next{0};
  std::atomic<int> failures{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&] {
      Client client = cluster.Connect(seconds(20));
      for (int i = next++; i < count; i = next++) failures += what(client, i) ? 0 : 1;
    });
  }
  for (std::thread& thread : threads) thread.join();
  return failures;
}

void FillRestartAndReadAll(std::uint32_t shards, int entries, int restarts) {
  LocalCluster cluster(3, shards);
  // So few descriptors leave about a hundred for tables. What a node of many shards needs besides
  // is no more than that of one with few.
  cluster.RunUnder({"/usr/bin/env", "prlimit", "--nofile=512:512"});
  // The last ones wait in vain for others to take over.
  cluster.AddFlags({"--stop_timeout_s=2"});
  cluster.StartAll();
  {
    Client client = cluster.Connect(seconds(20));
    ASSERT_TRUE(Eventually(seconds(120), [&] { return cluster.CaughtUp(client); }));
  }
  const auto put = [](Client& client, int i) { return client.Put(Key(i), Value(i)).ok(); };
  const auto get = [](Client& client, int i) {
    const auto read = client.Get(Key(i));
    return read.ok() && read->value == Value(i);
  };
  ASSERT_EQ(CountFailures(cluster, entries, put), 0);
  for (int restart = 1; restart <= restarts; ++restart) {
    for (const std::uint32_t node : {1U, 2U, 3U}) ASSERT_EQ(cluster.Stop(node), 0);
    cluster.StartAll();
    Client client = cluster.Connect(seconds(20));
    ASSERT_TRUE(Eventually(seconds(120), [&] { return cluster.Serves(client); }));
    EXPECT_EQ(CountFailures(cluster, entries, get), 0) << "restart " << restart;
    for (const std::uint32_t node : {1U, 2U, 3U}) {
      ASSERT_THAT(cluster.Output(node), Not(HasSubstr("damaged"))) << "restart " << restart;
    }
    std::cerr << shards << " shards, restart " << restart << ": " << entries << " entries read\n";
  }
}

int FromEnvironment(const char* name, int otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::atoi(text);
}

TEST(ManyTables, Of64Shards) {
  FillRestartAndReadAll(64, 1000, 2);
}

TEST(ManyTables, Of1024Shards) {
  FillRestartAndReadAll(1024, 3000, 1);
}

TEST(ManyTables, DISABLED_AsManyAsAsked) {
  FillRestartAndReadAll(static_cast<std::uint32_t>(FromEnvironment("RINGFORT_MANY_SHARDS", 8192)),
                        FromEnvironment("RINGFORT_MANY_ENTRIES", 50'000),
                        FromEnvironment("RINGFORT_MANY_RESTARTS", 10));
}

}  // namespace
}  // namespace ringfort::integration

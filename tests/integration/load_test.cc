// The load of ringfort-bench: what it tells of its parts and of the whole is the same.
#include "tools/bench/load.h"

#include <gtest/gtest.h>

#include <chrono>
#include <csignal>

#include "tests/integration/local_cluster.h"

namespace ringfort::integration {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

TEST(Load, AnInterruptEndsItWithTheFiguresOfAllIntervals) {
  LocalCluster cluster(3, 4);
  cluster.StartAll();
  Client client = cluster.Connect();
  ASSERT_TRUE(Eventually(seconds(30), [&] { return cluster.Serves(client); }));

  ClientOptions client_options;
  client_options.seeds = {cluster.address(1), cluster.address(2), cluster.address(3)};
  bench::LoadOptions options;
  options.outstanding = 16;
  options.clients = 3;
  options.keys = 100;
  options.value_bytes = 10;
  options.duration = std::chrono::hours(1);
  options.interval = milliseconds(200);
  int intervals = 0;
  bench::LoadResult parts;
  const auto result =
      bench::RunLoad(client_options, options, [&](const bench::LoadResult& interval) {
        parts.Add(interval);
        if (++intervals == 3) std::raise(SIGINT);
      });
  ASSERT_TRUE(result.ok()) << result.status().ToString();
  EXPECT_EQ(intervals, 4);  // The last is what was answered until the interrupt was seen.
  EXPECT_GE(result->latencies.count(), 16U);
  EXPECT_EQ(result->latencies.count(), parts.latencies.count());
  EXPECT_EQ(result->latencies.max(), parts.latencies.max());
  EXPECT_EQ(result->errors, parts.errors);
  EXPECT_DOUBLE_EQ(result->seconds, parts.seconds);
  EXPECT_GE(result->seconds, 0.6);
}

}  // namespace
}  // namespace ringfort::integration

// What a round costs the control loop in the largest cluster while nothing has changed: the rest of
// a round, not a look at every shard.
#include <gtest/gtest.h>

#include <cstdio>
#include <ctime>
#include <functional>
#include <map>
#include <string>

#include "meta/plan.h"
#include "meta/reconciler.h"
#include "ring/placement.h"
#include "wire/raft_codec.h"

namespace ringfort::meta {
namespace {

constexpr std::uint32_t kNodes = 1000;

// Of this process, so that others on the machine do not count.
double CpuSeconds() {
  timespec now{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

class RoundSpeed : public testing::Test {
 protected:
  RoundSpeed() {
    ring::ClusterConfig config;
    config.cluster_name = "largest";
    config.shards = ring::kShardsMax;
    for (std::uint32_t i = 1; i <= kNodes; ++i) {
      config.nodes.push_back(
          {NodeId(i), "host-" + std::to_string(i) + ":1", "zone-" + std::to_string(i % 10), 1});
    }
    state_.map = ring::FirstMap(config, ClusterId{1, 2});
    for (ring::NodeInfo& node : state_.map.nodes) node.incarnation = IncarnationOf(node.id);
    reports_ = Reports(state_.map.meta_shard());
    ReportAll();
  }

  static Incarnation IncarnationOf(NodeId node) { return {node.value(), 1}; }
  // Everything is where the map has it.
  void ReportAll() {
    std::map<NodeId, proto::NodeReport> reports;
    for (ShardId shard; shard <= state_.map.meta_shard(); ++shard) {
      const std::vector<NodeId>& place = state_.map.PlaceOf(shard);
      proto::LedReport* led = reports[place.front()].add_led();
      led->set_shard(shard.value());
      led->set_term(1);
      raft::Members members;
      for (const NodeId node : place) {
        const ReplicaId id(static_cast<std::uint32_t>(members.voters.size() + 1));
        members.voters.push_back({id, node, IncarnationOf(node)});
        if (node == place.front()) continue;
        led->add_followers()->set_node(node.value());
        led->mutable_followers()->rbegin()->set_caught_up(true);
      }
      wire::EncodeMembers(members, led->mutable_members());
    }
    for (auto& [node, report] : reports) {
      report.set_sequence(1);
      report.set_ready(true);
      report.set_replicas(1);
      report.set_disk_free_bytes(std::uint64_t{1} << 40);
      EXPECT_TRUE(reports_.Take({node, IncarnationOf(node), BootNumber(1)}, report, now_, 0));
    }
  }
  static double MillisecondsOf(const std::function<void()>& what) {
    constexpr int kTimes = 10;
    const double start = CpuSeconds();
    for (int i = 0; i < kTimes; ++i) what();
    return (CpuSeconds() - start) * 1000 / kTimes;
  }
  Steps Round(const Strays& strays) const {
    return Reconcile(state_, reports_, strays.shards(), now_, now_ + std::chrono::seconds(2), {});
  }

  State state_;
  Reports reports_{ShardId()};
  const MonotonicTime now_{std::chrono::hours(1)};
};

TEST_F(RoundSpeed, AThousandNodesAndAllShards) {
  Strays strays;
  const double look = MillisecondsOf([&] { strays.LookAtAll(state_.map, reports_); });
  EXPECT_TRUE(strays.shards().empty());
  const double quiet = MillisecondsOf([&] {
    const Steps steps = Round(strays);
    EXPECT_TRUE(steps.orders.empty() && !steps.next);
  });
  state_.map.nodes.back().state = ring::NodeState::kDraining;
  Replan(&state_, [](ShardId /*shard*/) { return Headway::kNone; });
  strays.LookAtAll(state_.map, reports_);
  const double drain = MillisecondsOf([&] { EXPECT_FALSE(Round(strays).moves.empty()); });
  std::printf("look at all %.2f ms, quiet round %.2f ms, %zu moves %.2f ms\n", look, quiet,
              state_.map.moves.size(), drain);
  EXPECT_LT(quiet * 4, look);
  EXPECT_LT(drain * 4, look);
}

}  // namespace
}  // namespace ringfort::meta

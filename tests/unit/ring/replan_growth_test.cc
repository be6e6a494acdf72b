// A cluster grows from 3 to 100 nodes and shrinks back, one node at a time: the promises of the
// design's section 5 at every step, and a table of how well they are kept.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <string>
#include <utility>

#include "base/random.h"
#include "ring/placement.h"
#include "ring/replan.h"
#include "tests/unit/ring/placement_checks.h"

namespace ringfort::ring {
namespace {

constexpr std::uint32_t kFewest = 3;
constexpr std::uint32_t kMost = 100;
constexpr std::uint32_t kReplicas = 3;

struct Growth {
  std::uint32_t shards;
  bool weighted;       // Weights 1 to 4, else 1.
  bool zone_per_node;  // Else three zones.
};

// Of one step, or summed over many. Replicas are copied, primaries only handed over.
struct Movement {
  std::int64_t moved = 0;
  // The replicas that must move, whatever the plan: the sum over nodes of what a node's new share
  // is above what it holds before (a node that is gone holds nothing that counts).
  std::int64_t unavoidable = 0;
  std::int64_t transfers = 0;  // From a primary that keeps its replica.
};

Movement Compare(const Placement& before, const Placement& after) {
  Movement movement;
  std::vector<std::int64_t> gain(kMost + 1);
  for (std::size_t shard = 0; shard < after.size(); ++shard) {
    const auto& old = before[shard];
    for (const NodeId node : old) --gain[node.value()];
    for (const NodeId node : after[shard]) {
      ++gain[node.value()];
      movement.moved += std::ranges::find(old, node) == old.end() ? 1 : 0;
    }
    const bool stays = std::ranges::find(after[shard], old.front()) != after[shard].end();
    movement.transfers += stays && after[shard].front() != old.front() ? 1 : 0;
  }
  for (const std::int64_t of_node : gain)
    movement.unavoidable += std::max<std::int64_t>(0, of_node);
  return movement;
}

// The most that a node's number is off its exact share.
struct Deviation {
  double replicas = 0;
  double primaries = 0;
};

// Nothing is full here but a zone: three zones hold one replica of each shard, whatever they weigh.
// Then only the nodes of a zone divide its replicas by weight, a node at most one of each shard.
Deviation DeviationOf(const Case& c, const Placement& placement, bool zone_per_node) {
  Counts counts = Count(c, placement);
  Deviation worst;
  double all = 0;
  std::map<std::string, double> in_zone;
  double heaviest = 0;
  for (const NodeInfo& node : c.nodes) {
    all += node.weight;
    in_zone[node.zone] += node.weight;
    heaviest = std::max<double>(heaviest, node.weight);
  }
  const bool full = heaviest * kReplicas > all;  // Only of the first few; CheckReplicaShares knows.
  for (const NodeInfo& node : c.nodes) {
    const double replicas =
        zone_per_node ? node.weight / all * kReplicas : node.weight / in_zone[node.zone];
    const double primaries = node.weight / all;
    if (!zone_per_node || !full) {
      worst.replicas =
          std::max(worst.replicas,
                   std::abs(static_cast<double>(counts.replicas[node.id]) - c.shards * replicas));
    }
    worst.primaries =
        std::max(worst.primaries,
                 std::abs(static_cast<double>(counts.primaries[node.id]) - c.shards * primaries));
  }
  return worst;
}

class GrowthRun {
 public:
  explicit GrowthRun(const Growth& growth) : growth_(growth) {
    case_.shards = growth.shards;
    case_.replicas = kReplicas;
    for (std::uint32_t id = 1; id <= kFewest; ++id) case_.nodes.push_back(NodeOf(id));
    placement_ = FirstPlacement(case_.nodes, case_.shards, case_.replicas);
  }

  void Run() {
    for (std::uint32_t id = kFewest + 1; id <= kMost; ++id) {
      SCOPED_TRACE("node " + std::to_string(id) + " joins");
      case_.nodes.push_back(NodeOf(id));
      ASSERT_NO_FATAL_FAILURE(Step(&joins_));
    }
    Random random(growth_.shards);
    while (case_.nodes.size() > kFewest) {
      // Any, but each zone keeps a node: with fewer zones than replicas everything changes.
      const std::size_t leaving = random.Below(case_.nodes.size());
      const auto in_zone =
          std::ranges::count(case_.nodes, case_.nodes[leaving].zone, &NodeInfo::zone);
      if (!growth_.zone_per_node && in_zone == 1) continue;
      SCOPED_TRACE("node " + std::to_string(case_.nodes[leaving].id.value()) + " leaves");
      case_.nodes.erase(case_.nodes.begin() + static_cast<std::ptrdiff_t>(leaving));
      ASSERT_NO_FATAL_FAILURE(Step(&leaves_));
    }
    EXPECT_LE(joins_.all.moved * 100, joins_.all.unavoidable * 105);
    EXPECT_LE(leaves_.all.moved * 100, leaves_.all.unavoidable * 105);
  }

  void Print() const {
    std::printf("%6u  %-7s %-8s", growth_.shards, growth_.weighted ? "1 to 4" : "equal",
                growth_.zone_per_node ? "its own" : "3");
    for (const Steps& steps : {joins_, leaves_}) {
      std::printf("  %7.3f %7.3f %8.1f", Ratio(steps.all), steps.worst_ratio,
                  static_cast<double>(steps.all.transfers) / (kMost - kFewest));
    }
    std::printf("  %8.2f %9.2f\n", worst_.replicas, worst_.primaries);
  }

 private:
  struct Steps {
    Movement all;
    double worst_ratio = 0;  // Where nodes hold 50 replicas or more on average.
  };

  [[nodiscard]] NodeInfo NodeOf(std::uint32_t id) const {
    return {NodeId(id), "", std::to_string(growth_.zone_per_node ? id : id % 3),
            growth_.weighted ? 1 + id % 4 : 1};
  }

  static double Ratio(const Movement& movement) {
    if (movement.unavoidable == 0) return movement.moved == 0 ? 1 : HUGE_VAL;
    return static_cast<double>(movement.moved) / static_cast<double>(movement.unavoidable);
  }

  void Step(Steps* steps) {
    const Placement before = std::move(placement_);
    placement_ = Replan(case_.nodes, before, kReplicas);
    ASSERT_NO_FATAL_FAILURE(CheckZones(case_, placement_));
    ASSERT_NO_FATAL_FAILURE(CheckReplicaShares(case_, placement_));
    const Deviation deviation = DeviationOf(case_, placement_, growth_.zone_per_node);
    ASSERT_LT(deviation.replicas, 1);
    ASSERT_LT(deviation.primaries, 1);
    worst_.replicas = std::max(worst_.replicas, deviation.replicas);
    worst_.primaries = std::max(worst_.primaries, deviation.primaries);

    const Movement movement = Compare(before, placement_);
    steps->all.moved += movement.moved;
    steps->all.unavoidable += movement.unavoidable;
    steps->all.transfers += movement.transfers;
    if (case_.shards * kReplicas >= 50 * case_.nodes.size()) {
      ASSERT_LE(Ratio(movement), 1.25);
      steps->worst_ratio = std::max(steps->worst_ratio, Ratio(movement));
    }
  }

  Growth growth_;
  Case case_;
  Placement placement_;
  Steps joins_;
  Steps leaves_;
  Deviation worst_;
};

TEST(ReplanGrowth, FromThreeToAHundredNodesAndBack) {
  std::printf(
      "                           a node joins: moved as      a node leaves: moved as\n"
      "                           multiple of unavoidable     multiple of unavoidable    off the "
      "share by\n"
      "shards  weights zones     average   worst transfers  average   worst transfers  replicas "
      "primaries\n");
  for (const std::uint32_t shards : {64u, 1024u, 4096u}) {
    for (const bool weighted : {false, true}) {
      for (const bool zone_per_node : {false, true}) {
        SCOPED_TRACE(std::to_string(shards) + " shards" + (weighted ? ", weights 1 to 4" : "") +
                     (zone_per_node ? ", a zone each" : ", 3 zones"));
        GrowthRun run({shards, weighted, zone_per_node});
        ASSERT_NO_FATAL_FAILURE(run.Run());
        run.Print();
      }
    }
  }
}

}  // namespace
}  // namespace ringfort::ring

// The promises of later plans: those of the first placement, and that what stands stays.
#include "ring/replan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string>

#include "base/hash.h"
#include "base/random.h"
#include "ring/placement.h"
#include "tests/unit/ring/placement_checks.h"

namespace ringfort::ring {
namespace {

using ::testing::ElementsAre;

NodeInfo Node(std::uint32_t id, const std::string& zone, std::uint32_t weight = 1) {
  return {NodeId(id), "", zone, weight};
}

bool Has(const std::vector<NodeId>& nodes, NodeId node) {
  return std::ranges::find(nodes, node) != nodes.end();
}

// Replicas that `after` has and `before` has not.
std::int64_t Moved(const Placement& before, const Placement& after) {
  std::int64_t moved = 0;
  for (std::size_t shard = 0; shard < after.size(); ++shard) {
    for (const NodeId node : after[shard]) moved += Has(before[shard], node) ? 0 : 1;
  }
  return moved;
}

// What must move whatever the plan: the sum over nodes of what a node's new share is above what it
// holds.
std::int64_t Unavoidable(const Case& c, const Placement& before, const Placement& after) {
  std::map<NodeId, std::int64_t> held;
  for (const auto& replicas : before) {
    for (const NodeId node : replicas) ++held[node];
  }
  std::int64_t sum = 0;
  for (const auto& [node, share] : Count(c, after).replicas) {
    sum += std::max<std::int64_t>(0, share - held[node]);
  }
  return sum;
}

// Those that stay keep their order, but for the primary; new ones stand behind them.
void CheckOrder(const Placement& before, const Placement& after) {
  for (std::size_t shard = 0; shard < after.size(); ++shard) {
    std::vector<NodeId> expected;
    for (const NodeId node : before[shard]) {
      if (Has(after[shard], node) && node != after[shard].front()) expected.push_back(node);
    }
    ASSERT_LE(expected.size() + 1, after[shard].size());
    ASSERT_TRUE(std::equal(expected.begin(), expected.end(), after[shard].begin() + 1))
        << "shard " << shard;
  }
}

void CheckPlan(const Case& c, const Placement& before, const Placement& after) {
  ASSERT_NO_FATAL_FAILURE(CheckZones(c, after)) << c;
  ASSERT_NO_FATAL_FAILURE(CheckReplicaShares(c, after)) << c;
  ASSERT_NO_FATAL_FAILURE(CheckPrimaryShares(c, after)) << c;
  ASSERT_NO_FATAL_FAILURE(CheckOrder(before, after)) << c;
  ASSERT_EQ(Replan(c.nodes, after, c.replicas), after) << c;
}

NodeInfo* Any(Random* random, Case* c) {
  return &c->nodes[random->Below(c->nodes.size())];
}

void ChangeSomething(Random* random, std::uint32_t id, Case* c) {
  switch (random->Below(8)) {
    case 0:
    case 1:
    case 2:
      c->nodes.push_back(Node(id, "zone-" + std::to_string(random->Below(6)),
                              1 + static_cast<std::uint32_t>(random->Below(5))));
      return;
    case 3:
    case 4:
      if (c->nodes.size() > 1) std::erase(c->nodes, *Any(random, c));
      return;
    case 5: Any(random, c)->weight = 1 + static_cast<std::uint32_t>(random->Below(9)); return;
    case 6: Any(random, c)->zone = Any(random, c)->zone; return;
    default:
      // A whole zone gets another name, perhaps that of one there is.
      const std::string from = Any(random, c)->zone;
      const std::string to = "zone-" + std::to_string(random->Below(8));
      for (NodeInfo& node : c->nodes) {
        if (node.zone == from) node.zone = to;
      }
  }
}

TEST(Replan, KeepsItsPromisesWhateverChanges) {
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    const auto nodes = static_cast<std::uint32_t>(1 + random.Below(12));
    Case c = Draw(&random, 1u << random.Below(8), nodes, static_cast<Weights>(random.Below(3)));
    Placement placement = FirstPlacement(c.nodes, c.shards, c.replicas);
    std::uint32_t next_id = 100'000;
    for (std::uint32_t step = 0; step < 40; ++step) {
      SCOPED_TRACE("step " + std::to_string(step));
      // Mostly one change a plan, sometimes several at once.
      do {
        ChangeSomething(&random, next_id++, &c);
      } while (random.OneIn(4));
      if (random.OneIn(10)) c.replicas = 1 + static_cast<std::uint32_t>(random.Below(5));
      const Placement after = Replan(c.nodes, placement, c.replicas);
      ASSERT_NO_FATAL_FAILURE(CheckPlan(c, placement, after));
      placement = after;
    }
  }
}

// Lists of any length in any order, some of nodes that are no more: whatever CheckMap takes.
TEST(Replan, TakesAnyMap) {
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    Case c = Draw(&random, 1u << random.Below(9), static_cast<std::uint32_t>(2 + random.Below(20)),
                  static_cast<Weights>(random.Below(3)));
    Placement placement(c.shards);
    const std::uint64_t favoured = 1 + random.Below(c.nodes.size());
    for (auto& replicas : placement) {
      for (std::size_t i = 0; i < favoured; ++i) replicas.push_back(c.nodes[i].id);
      std::shuffle(replicas.begin(), replicas.end(), random);
      replicas.resize(1 + random.Below(std::min<std::size_t>(favoured, kReplicasMax)));
    }
    std::shuffle(c.nodes.begin(), c.nodes.end(), random);
    c.nodes.resize(1 + random.Below(c.nodes.size()));
    const Placement after = Replan(c.nodes, placement, c.replicas);
    ASSERT_NO_FATAL_FAILURE(CheckPlan(c, placement, after));
    std::shuffle(c.nodes.begin(), c.nodes.end(), random);
    ASSERT_EQ(Replan(c.nodes, placement, c.replicas), after);
  }
}

TEST(Replan, PlacesFromNothing) {
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    const Case c =
        Draw(&random, 1u << random.Below(9), static_cast<std::uint32_t>(1 + random.Below(30)),
             static_cast<Weights>(random.Below(3)));
    const Placement nothing(c.shards);
    ASSERT_NO_FATAL_FAILURE(CheckPlan(c, nothing, Replan(c.nodes, nothing, c.replicas)));
  }
}

// A new cluster does not begin with moves.
TEST(Replan, LeavesAFirstPlacementAsItIs) {
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    const Case c =
        Draw(&random, 1u << random.Below(9), static_cast<std::uint32_t>(1 + random.Below(30)),
             static_cast<Weights>(random.Below(3)));
    const Placement first = FirstPlacement(c.nodes, c.shards, c.replicas);
    ASSERT_EQ(Replan(c.nodes, first, c.replicas), first) << c;
  }
}

TEST(Replan, OneNodeMoreOrLessMovesLittleMoreThanItMust) {
  std::int64_t moved = 0;
  std::int64_t unavoidable = 0;
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    const auto count = static_cast<std::uint32_t>(4 + random.Below(30));
    Case c = Draw(&random, 1u << (8 + random.Below(4)), count,
                  random.OneIn(2) ? Weights::kEqual : Weights::kSimilar);
    // Zones of like size, at least as many as replicas; or one node a zone.
    const std::uint32_t zones = random.OneIn(2) ? count : 3;
    for (std::uint32_t i = 0; i < count; ++i) c.nodes[i].zone = std::to_string(i % zones);
    c.replicas = 1 + static_cast<std::uint32_t>(random.Below(3));
    const NodeInfo node = *Any(&random, &c);
    const Placement with = FirstPlacement(c.nodes, c.shards, c.replicas);
    std::erase(c.nodes, node);
    const Placement without = Replan(c.nodes, with, c.replicas);
    const std::int64_t left = Unavoidable(c, with, without);
    if (c.shards * c.replicas >= 50 * count) {
      ASSERT_LE(Moved(with, without) * 100, left * 125) << c;
    }
    moved += Moved(with, without);
    unavoidable += left;

    c.nodes.push_back(Node(99'999, node.zone, node.weight));
    const Placement again = Replan(c.nodes, without, c.replicas);
    const std::int64_t came = Unavoidable(c, without, again);
    if (c.shards * c.replicas >= 50 * count) {
      ASSERT_LE(Moved(without, again) * 100, came * 125) << c;
    }
    moved += Moved(without, again);
    unavoidable += came;
  }
  EXPECT_LE(moved * 100, unavoidable * 105);
  RecordProperty("moved", std::to_string(moved));
  RecordProperty("unavoidable", std::to_string(unavoidable));
}

// The dumb twin: of all placements that give every node what the plan gives it and keep the zones,
// the one that moves the fewest replicas.
class FewestMoves {
 public:
  FewestMoves(const Case& c, const Placement& before, const Placement& after)
      : case_(c), before_(before), left_(Count(c, after).replicas) {}

  std::int64_t Find(std::size_t shard = 0) {
    if (shard == before_.size()) return 0;
    std::int64_t fewest = 1'000'000;
    for (std::uint32_t choice = 0; choice < 1u << case_.nodes.size(); ++choice) {
      std::vector<NodeId> replicas;
      for (std::size_t i = 0; i < case_.nodes.size(); ++i) {
        if ((choice >> i & 1) != 0) replicas.push_back(case_.nodes[i].id);
      }
      if (!Allowed(replicas)) continue;
      for (const NodeId node : replicas) --left_[node];
      fewest = std::min(fewest, Moved({before_[shard]}, {replicas}) + Find(shard + 1));
      for (const NodeId node : replicas) ++left_[node];
    }
    return fewest;
  }

 private:
  bool Allowed(const std::vector<NodeId>& replicas) {
    if (replicas.size() != std::min<std::size_t>(case_.replicas, case_.nodes.size())) return false;
    std::map<std::string, std::int64_t> in_zone;
    std::map<std::string, std::int64_t> others;
    for (const NodeInfo& node : case_.nodes) {
      const bool chosen = Has(replicas, node.id);
      if (chosen && left_[node.id] == 0) return false;
      in_zone[node.zone] += chosen ? 1 : 0;
      others[node.zone] += chosen ? 0 : 1;
    }
    for (const auto& [full_zone, most] : in_zone) {
      for (const auto& [zone, count] : in_zone) {
        if (others[zone] > 0 && count + 1 < most) return false;
      }
    }
    return true;
  }

  const Case& case_;
  const Placement& before_;
  std::map<NodeId, std::int64_t> left_;
};

TEST(Replan, MovesFewestReplicasOfSmallClusters) {
  std::int64_t moved = 0;
  std::int64_t fewest = 0;
  for (std::uint64_t seed = 0; seed < 400; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    Case c = Draw(&random, 1u << random.Below(3), static_cast<std::uint32_t>(2 + random.Below(4)),
                  static_cast<Weights>(random.Below(3)));
    c.replicas = std::min(c.replicas, 3u);
    const Placement before = FirstPlacement(c.nodes, c.shards, c.replicas);
    ChangeSomething(&random, 100'000, &c);
    const Placement after = Replan(c.nodes, before, c.replicas);
    const std::int64_t least = FewestMoves(c, before, after).Find();
    ASSERT_LE(Moved(before, after), least + 2) << c;
    moved += Moved(before, after);
    fewest += least;
  }
  EXPECT_LE(moved * 100, fewest * 105) << moved << " moved, " << fewest << " would do";
}

TEST(Replan, UsesAllNodesWhereTheyAreFewAndFillsUpWhenOneComes) {
  const std::vector<NodeInfo> three = {Node(1, "a"), Node(2, "b"), Node(3, "c")};
  const Placement first = FirstPlacement(three, 64, 3);
  const std::vector<NodeInfo> two = {Node(3, "c"), Node(1, "a")};
  const Placement fewer = Replan(two, first, 3);
  EXPECT_EQ(Moved(first, fewer), 0);
  for (const auto& replicas : fewer) ASSERT_EQ(replicas.size(), 2u);

  const Placement full = Replan(std::vector{Node(1, "a"), Node(3, "c"), Node(9, "d")}, fewer, 3);
  EXPECT_EQ(Moved(fewer, full), 64);
  for (const auto& replicas : full) ASSERT_EQ(replicas.size(), 3u);
}

TEST(Replan, MovesOnlyWhatAZoneHoldsTooMuch) {
  // Two nodes of "b" turn out to be in one zone.
  const std::vector<NodeInfo> nodes = {Node(1, "a"), Node(2, "b"), Node(3, "b"), Node(4, "c")};
  const Placement before = {{NodeId(1), NodeId(2), NodeId(4)},
                            {NodeId(4), NodeId(1), NodeId(3)},
                            {NodeId(2), NodeId(3), NodeId(4)},
                            {NodeId(3), NodeId(1), NodeId(4)}};
  const Placement after = Replan(nodes, before, 3);
  EXPECT_EQ(after[0], before[0]);
  EXPECT_EQ(after[1], before[1]);
  EXPECT_THAT(after[2], testing::UnorderedElementsAre(NodeId(2), NodeId(4), NodeId(1)));
  EXPECT_EQ(after[3], before[3]);
}

TEST(Replan, PrimariesStayWhereTheSharesAllow) {
  const std::vector<NodeInfo> nodes = {Node(1, "a"), Node(2, "b"), Node(3, "c")};
  const Placement before = {{NodeId(1), NodeId(2), NodeId(3)},
                            {NodeId(1), NodeId(2), NodeId(3)},
                            {NodeId(1), NodeId(3), NodeId(2)},
                            {NodeId(3), NodeId(1), NodeId(2)}};
  const Placement after = Replan(nodes, before, 3);
  int transfers = 0;
  for (std::size_t shard = 0; shard < after.size(); ++shard) {
    transfers += after[shard].front() != before[shard].front() ? 1 : 0;
  }
  EXPECT_EQ(transfers, 1);  // Node 2 leads none and must lead one.
  EXPECT_THAT(after[3], ElementsAre(NodeId(3), NodeId(1), NodeId(2)));
}

// The meta primary may change between two plans, perhaps to another version.
TEST(Replan, IsTheSameOnEveryMachine) {
  Random random(1);
  Case c = Draw(&random, 1024, 23, Weights::kWild);
  c.replicas = 3;
  Placement placement = FirstPlacement(c.nodes, c.shards, c.replicas);
  std::string text;
  for (std::uint32_t step = 0; step < 12; ++step) {
    ChangeSomething(&random, 100'000 + step, &c);
    placement = Replan(c.nodes, placement, c.replicas);
    for (const auto& replicas : placement) {
      for (const NodeId node : replicas) text += std::to_string(node.value()) + ",";
    }
  }
  EXPECT_EQ(Hash64(text), 358639163505304402u);
}

}  // namespace
}  // namespace ringfort::ring

// Who votes in the meta group: how many, spread over zones, and that those who vote stay.
#include "ring/meta_voters.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <map>
#include <string>

#include "base/random.h"

namespace ringfort::ring {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::vector<NodeId> Ids(const std::vector<std::uint32_t>& values) {
  return {values.begin(), values.end()};
}

std::vector<NodeInfo> Nodes(const std::vector<std::string>& zones) {
  std::vector<NodeInfo> nodes;
  for (const std::string& zone : zones) {
    nodes.push_back({NodeId(static_cast<std::uint32_t>(nodes.size() + 1)), "", zone, 1});
  }
  return nodes;
}

TEST(ChooseVoters, AreOddInNumber) {
  std::vector<std::size_t> numbers;
  for (std::size_t nodes = 0; nodes <= 7; ++nodes) {
    numbers.push_back(ChooseVoters(Nodes(std::vector<std::string>(nodes, "z")), {}, 5).size());
  }
  EXPECT_THAT(numbers, ElementsAre(0, 1, 1, 3, 3, 5, 5, 5));
}

TEST(ChooseVoters, AddsTheLowestIdsOfNewZones) {
  EXPECT_THAT(ChooseVoters(Nodes({"a", "a", "b", "b", "c"}), {}, 3),
              ElementsAre(NodeId(1), NodeId(3), NodeId(5)));
}

TEST(ChooseVoters, KeepsWhoVotes) {
  EXPECT_EQ(ChooseVoters(Nodes({"a", "a", "b", "b", "c", "c"}), Ids({2, 4, 6}), 3), Ids({2, 4, 6}));
  // 9 is gone.
  EXPECT_EQ(ChooseVoters(Nodes({"a", "a", "b", "b", "c", "c"}), Ids({2, 9, 6}), 3), Ids({2, 3, 6}));
}

TEST(ChooseVoters, ReplacesOneWhereAZoneComes) {
  EXPECT_EQ(ChooseVoters(Nodes({"a", "a", "b", "c"}), Ids({1, 2, 3}), 3), Ids({1, 3, 4}));
}

// The levels of the contract: no zone has two voters more than another that has a node left.
bool Spread(const std::vector<NodeInfo>& nodes, const std::vector<NodeId>& voters) {
  std::map<std::string, std::size_t> left;
  std::map<std::string, std::size_t> chosen;
  for (const NodeInfo& node : nodes) {
    const bool votes = std::ranges::find(voters, node.id) != voters.end();
    chosen[node.zone] += votes ? 1 : 0;
    left[node.zone] += votes ? 0 : 1;
  }
  for (const auto& [full_zone, most] : chosen) {
    for (const auto& [zone, count] : chosen) {
      if (left[zone] > 0 && count + 1 < most) return false;
    }
  }
  return true;
}

std::size_t Kept(const std::vector<NodeId>& current, const std::vector<NodeId>& voters) {
  return static_cast<std::size_t>(std::ranges::count_if(
      current, [&](NodeId id) { return std::ranges::find(voters, id) != voters.end(); }));
}

// The dumb twin: of all sets of that size, those that are spread; the most of `current` in one.
TEST(ChooseVoters, KeepsTheMostThatASpreadAllows) {
  for (std::uint64_t seed = 0; seed < 1000; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    std::vector<std::string> zones(1 + random.Below(9));
    const std::uint64_t zone_count = 1 + random.Below(6);
    for (std::string& zone : zones) zone = std::to_string(random.Below(zone_count));
    std::vector<NodeInfo> nodes = Nodes(zones);
    std::vector<NodeId> current;
    for (std::uint32_t id = 1; id <= 12; ++id) {
      if (random.OneIn(3)) current.emplace_back(id);
    }
    std::shuffle(current.begin(), current.end(), random);
    std::shuffle(nodes.begin(), nodes.end(), random);
    const auto most = static_cast<std::uint32_t>(1 + random.Below(6));

    const std::vector<NodeId> voters = ChooseVoters(nodes, current, most);
    ASSERT_EQ(voters.size(), (std::min<std::size_t>(most, nodes.size()) - 1) / 2 * 2 + 1);
    ASSERT_TRUE(std::ranges::is_sorted(voters));
    ASSERT_TRUE(Spread(nodes, voters));
    ASSERT_EQ(ChooseVoters(nodes, voters, most), voters);

    std::size_t kept_most = 0;
    for (std::uint32_t choice = 0; choice < 1u << nodes.size(); ++choice) {
      if (static_cast<std::size_t>(std::popcount(choice)) != voters.size()) continue;
      std::vector<NodeId> other;
      for (std::size_t i = 0; i < nodes.size(); ++i) {
        if ((choice >> i & 1) != 0) other.push_back(nodes[i].id);
      }
      if (Spread(nodes, other)) kept_most = std::max(kept_most, Kept(current, other));
    }
    ASSERT_EQ(Kept(current, voters), kept_most);
  }
}

TEST(ChooseVoters, NobodyVotesWhereNobodyIs) {
  EXPECT_THAT(ChooseVoters({}, Ids({1, 2}), 5), IsEmpty());
}

}  // namespace
}  // namespace ringfort::ring

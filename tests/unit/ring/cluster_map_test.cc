// Lookups in a cluster map, and what CheckMap refuses.
#include "ring/cluster_map.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "ring/placement.h"

namespace ringfort::ring {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

ClusterMap SmallMap() {
  return {.version = MapVersion(3),
          .cluster_name = "small",
          .cluster_id = {},
          .nodes = {{NodeId(2), "a:1", "x", 1}, {NodeId(5), "b:1", "y", 2}},
          .placement = {{NodeId(2), NodeId(5)}, {NodeId(5), NodeId(2)}, {NodeId(5)}, {NodeId(2)}},
          .meta = {NodeId(2)}};
}

TEST(ClusterMap, FindsNodesById) {
  const ClusterMap map = SmallMap();
  ASSERT_NE(map.FindNode(NodeId(5)), nullptr);
  EXPECT_EQ(map.FindNode(NodeId(5))->address, "b:1");
  EXPECT_EQ(map.FindNode(NodeId(1)), nullptr);
  EXPECT_EQ(map.FindNode(NodeId(3)), nullptr);
  EXPECT_EQ(map.FindNode(NodeId(6)), nullptr);
}

TEST(ClusterMap, KnowsWhoHoldsAShard) {
  const ClusterMap map = SmallMap();
  EXPECT_EQ(map.shards(), 4u);
  EXPECT_EQ(map.PreferredPrimary(ShardId(1)), NodeId(5));
  EXPECT_THAT(map.ReplicasOf(ShardId(0)), ElementsAre(NodeId(2), NodeId(5)));
  // The empty shard key's hash starts with the bits 00.
  EXPECT_EQ(map.ShardOf(""), ShardId(0));
}

TEST(CheckMap, TakesWhatFirstMapMakes) {
  ClusterConfig config{.cluster_name = "c", .shards = 16, .replicas = 2, .nodes = {}};
  for (const std::uint32_t id : {9u, 4u, 7u}) {
    config.nodes.push_back({NodeId(id), "h:" + std::to_string(id), "zone", 1});
  }
  const ClusterMap map = FirstMap(config, ClusterId{1, 2});
  EXPECT_TRUE(CheckMap(map).ok()) << CheckMap(map).message();
  EXPECT_EQ(map.version, kFirstMapVersion);
  EXPECT_EQ(map.cluster_id, (ClusterId{1, 2}));
  EXPECT_EQ(map.nodes.front().id, NodeId(4));
  EXPECT_EQ(map.shards(), 16u);
}

TEST(CheckMap, NamesTheFirstThingThatIsWrong) {
  ASSERT_TRUE(CheckMap(SmallMap()).ok());
  const std::vector<std::pair<std::string, std::function<void(ClusterMap*)>>> cases = {
      {"version 0", [](ClusterMap* map) { map->version = MapVersion(0); }},
      {"no power of two", [](ClusterMap* map) { map->placement.pop_back(); }},
      {"0 shards", [](ClusterMap* map) { map->placement.clear(); }},
      {"no nodes", [](ClusterMap* map) { map->nodes.clear(); }},
      {"node 2 is 0 or out of order",
       [](ClusterMap* map) { std::swap(map->nodes[0], map->nodes[1]); }},
      {"node 0 is 0 or out of order", [](ClusterMap* map) { map->nodes[0].id = NodeId(0); }},
      {"weight of node 5", [](ClusterMap* map) { map->nodes[1].weight = 0; }},
      {"node 2 has no address", [](ClusterMap* map) { map->nodes[0].address.clear(); }},
      {"shard 3 has 0 replicas", [](ClusterMap* map) { map->placement[3].clear(); }},
      {"shard 2 is placed on node 4, which is unknown",
       [](ClusterMap* map) { map->placement[2] = {NodeId(4)}; }},
      {"is placed on node 5, which is gone",
       [](ClusterMap* map) { map->nodes[1].state = NodeState::kGone; }},
      {"shard 1 is placed on node 5 twice",
       [](ClusterMap* map) {
         map->placement[1] = {NodeId(5), NodeId(5)};
       }},
  };
  for (const auto& [message, damage] : cases) {
    ClusterMap map = SmallMap();
    damage(&map);
    const Status status = CheckMap(map);
    EXPECT_EQ(status.code(), Code::kCorruption) << message;
    EXPECT_THAT(status.message(), HasSubstr(message));
  }
}

}  // namespace
}  // namespace ringfort::ring

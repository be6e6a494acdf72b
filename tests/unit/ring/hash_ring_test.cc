// The ring's fixed points (they are a disk and wire format), and its walk against a linear scan.
#include "ring/hash_ring.h"

#include <gtest/gtest.h>

#include <limits>
#include <map>
#include <string>

#include "base/hash.h"
#include "base/random.h"

namespace ringfort::ring {
namespace {

NodeInfo Node(std::uint32_t id, std::uint32_t weight = 1) {
  return {.id = NodeId(id), .address = "", .zone = "", .weight = weight};
}

std::vector<NodeId> WalkAll(const HashRing& ring, std::uint64_t position) {
  std::vector<NodeId> order;
  ring.Walk(position, [&](NodeId node) {
    order.push_back(node);
    return true;
  });
  return order;
}

// The dumb twin: each node stands where its nearest token clockwise from `position` does.
std::vector<NodeId> NearestFirst(const std::vector<NodeInfo>& nodes, std::uint64_t position) {
  std::map<std::pair<std::uint64_t, NodeId>, NodeId> by_distance;
  for (const NodeInfo& node : nodes) {
    std::uint64_t nearest = std::numeric_limits<std::uint64_t>::max();
    for (std::uint32_t token = 0; token < 64 * node.weight; ++token) {
      nearest = std::min(nearest, TokenPosition(node.id, token) - position);
    }
    by_distance[{nearest, node.id}] = node.id;
  }
  std::vector<NodeId> order;
  for (const auto& [distance, node] : by_distance) order.push_back(node);
  return order;
}

TEST(ShardOf, IsTheTopBitsOfTheHash) {
  const std::string key = "user-17";
  EXPECT_EQ(ShardOf(key, 2).value(), Hash64(key) >> 63);
  EXPECT_EQ(ShardOf(key, 64).value(), Hash64(key) >> 58);
  EXPECT_EQ(ShardOf(key, 65536).value(), Hash64(key) >> 48);
}

TEST(ShardOf, OneShardOwnsTheWholeRing) {
  EXPECT_EQ(ShardOf("", 1), ShardId(0));
  EXPECT_EQ(ShardOf("a", 1), ShardId(0));
  EXPECT_EQ(ArcStart(ShardId(0), 1), 0u);
}

// XXH3_64bits("") = 0x2d06800538d394c2, as the reference implementation's documents give it.
TEST(ShardOf, NeverChanges) {
  EXPECT_EQ(ShardOf("", 256), ShardId(0x2d));
}

TEST(ArcStart, BoundsTheHashesOfItsShard) {
  for (std::uint32_t shards = 1; shards <= kShardsMax; shards *= 2) {
    for (int i = 0; i < 100; ++i) {
      const std::string key = "key " + std::to_string(i);
      const ShardId shard = ShardOf(key, shards);
      ASSERT_LE(ArcStart(shard, shards), Hash64(key));
      if (shard.value() + 1 < shards) {
        ASSERT_LT(Hash64(key), ArcStart(shard + 1, shards));
      }
    }
  }
}

TEST(TokenPosition, IsTheHashOfNodeAndTokenLittleEndian) {
  using namespace std::string_view_literals;
  EXPECT_EQ(TokenPosition(NodeId(0x01020304), 5), Hash64("\x04\x03\x02\x01\x05\x00\x00\x00"sv));
}

TEST(HashRing, StartsAtATokenThatStandsRightThere) {
  const std::vector<NodeInfo> nodes = {Node(1), Node(2), Node(3)};
  const HashRing ring(nodes);
  for (const NodeInfo& node : nodes) {
    EXPECT_EQ(WalkAll(ring, TokenPosition(node.id, 7)).front(), node.id);
  }
}

TEST(HashRing, WrapsAround) {
  const std::vector<NodeInfo> nodes = {Node(1), Node(2), Node(3)};
  const HashRing ring(nodes);
  // Past the last token the walk begins anew: the same as from the start of the ring.
  EXPECT_EQ(WalkAll(ring, std::numeric_limits<std::uint64_t>::max()), WalkAll(ring, 0));
}

TEST(HashRing, StopsWhenTold) {
  const std::vector<NodeInfo> nodes = {Node(1), Node(2), Node(3)};
  int visits = 0;
  HashRing(nodes).Walk(0, [&](NodeId) { return ++visits < 2; });
  EXPECT_EQ(visits, 2);
}

TEST(HashRing, WalksLikeALinearScan) {
  Random random(20);
  for (int round = 0; round < 60; ++round) {
    SCOPED_TRACE("round " + std::to_string(round));
    std::vector<NodeInfo> nodes;
    const std::uint64_t count = 1 + random.Below(20);
    for (std::uint32_t i = 0; i < count; ++i) {
      nodes.insert(nodes.begin() + static_cast<std::ptrdiff_t>(random.Below(i + 1)),
                   Node(1 + i * 7, 1 + static_cast<std::uint32_t>(random.Below(5))));
    }
    const HashRing ring(nodes);
    for (int i = 0; i < 10; ++i) {
      const std::uint64_t position = random.Next();
      ASSERT_EQ(WalkAll(ring, position), NearestFirst(nodes, position)) << "from " << position;
    }
  }
}

}  // namespace
}  // namespace ringfort::ring

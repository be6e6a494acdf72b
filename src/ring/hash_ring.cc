#include "ring/hash_ring.h"

#include <algorithm>
#include <bit>
#include <string>

#include "base/bytes.h"
#include "base/check.h"
#include "base/hash.h"

namespace ringfort::ring {
namespace {

constexpr int kRingBits = 64;

int Log2(std::uint32_t shards) {
  RF_CHECK(std::has_single_bit(shards)) << "shards " << shards;
  return std::countr_zero(shards);
}

}  // namespace

ShardId ShardOf(std::string_view shard_key, std::uint32_t shards) {
  const int bits = Log2(shards);
  // A shift by all 64 bits is undefined; one shard owns the whole ring.
  if (bits == 0) return ShardId(0);
  return ShardId(static_cast<std::uint32_t>(Hash64(shard_key) >> (kRingBits - bits)));
}

std::uint64_t ArcStart(ShardId shard, std::uint32_t shards) {
  const int bits = Log2(shards);
  RF_CHECK(shard.value() < shards) << "shard " << shard << " of " << shards;
  if (bits == 0) return 0;
  return static_cast<std::uint64_t>(shard.value()) << (kRingBits - bits);
}

std::uint64_t TokenPosition(NodeId node, std::uint32_t token) {
  std::string bytes;
  AppendLittle(&bytes, node.value());
  AppendLittle(&bytes, token);
  return Hash64(bytes);
}

HashRing::HashRing(std::span<const NodeInfo> nodes) {
  std::vector<const NodeInfo*> sorted;
  std::size_t tokens = 0;
  for (const NodeInfo& node : nodes) {
    RF_CHECK(node.weight >= 1) << "weight of node " << node.id;
    sorted.push_back(&node);
    tokens += std::size_t{kTokensPerWeight} * node.weight;
  }
  std::ranges::sort(sorted, {}, &NodeInfo::id);

  tokens_.reserve(tokens);
  for (const NodeInfo* node : sorted) {
    RF_CHECK(nodes_.empty() || nodes_.back() < node->id) << "node " << node->id << " twice";
    const auto index = static_cast<std::uint32_t>(nodes_.size());
    nodes_.push_back(node->id);
    for (std::uint32_t token = 0; token < kTokensPerWeight * node->weight; ++token) {
      tokens_.push_back({TokenPosition(node->id, token), index});
    }
  }
  std::ranges::sort(tokens_, [](const Token& a, const Token& b) {
    return a.position != b.position ? a.position < b.position : a.node < b.node;
  });
}

std::size_t HashRing::FirstAt(std::uint64_t position) const {
  const auto found = std::ranges::lower_bound(tokens_, position, {}, &Token::position);
  return found == tokens_.end() ? 0 : static_cast<std::size_t>(found - tokens_.begin());
}

}  // namespace ringfort::ring

// The consistent-hash ring: which shard a shard key belongs to, and in which order a shard prefers
// the nodes. Part of the disk and wire formats: what this file computes may never change.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "ring/cluster_config.h"

namespace ringfort::ring {

/// Tokens (virtual nodes) of a node per unit of its weight.
inline constexpr std::uint32_t kTokensPerWeight = 64;

/// The shard of a shard key: the top log2(shards) bits of its hash. `shards` is a power of two.
ShardId ShardOf(std::string_view shard_key, std::uint32_t shards);

/// Where the shard's arc starts on the ring; it ends before the next shard's start.
std::uint64_t ArcStart(ShardId shard, std::uint32_t shards);

/// Where a node's token stands: XXH3 of eight bytes, the node id and then the token's number (from
/// 0), each as 32 bits little-endian.
std::uint64_t TokenPosition(NodeId node, std::uint32_t token);

/// All tokens of a set of nodes, in the order of the ring. Immutable; takes 16 bytes a token.
class HashRing {
 public:
  /// Node ids are distinct. The order of `nodes` does not matter to the ring.
  explicit HashRing(std::span<const NodeInfo> nodes);

  /// Goes clockwise from `position` (a token that stands right there is the first) once around the
  /// ring and calls `visit(NodeId)` for each node when its first token comes by, until `visit`
  /// returns false.
  template <typename Visit>
  void Walk(std::uint64_t position, Visit visit) const;

 private:
  struct Token {
    std::uint64_t position;
    std::uint32_t node;  ///< Index into nodes_.
  };

  /// Index of the first token at or after `position`, wrapping around.
  [[nodiscard]] std::size_t FirstAt(std::uint64_t position) const;

  std::vector<NodeId> nodes_;  ///< Ascending.
  std::vector<Token> tokens_;  ///< By position, then by node id.
};

template <typename Visit>
void HashRing::Walk(std::uint64_t position, Visit visit) const {
  std::vector<bool> seen(nodes_.size());
  std::size_t unseen = nodes_.size();
  for (std::size_t i = FirstAt(position); unseen > 0; i = i + 1 == tokens_.size() ? 0 : i + 1) {
    const std::uint32_t node = tokens_[i].node;
    if (seen[node]) continue;
    seen[node] = true;
    --unseen;
    if (!visit(nodes_[node])) return;
  }
}

}  // namespace ringfort::ring

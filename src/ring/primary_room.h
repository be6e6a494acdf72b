// What to change about replicas where they leave no choice of primaries that gives everyone a
// share.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace ringfort::ring {

/// Two nodes of one zone change places, so that each still holds as many replicas and each zone as
/// many of each shard: `given` goes from `giver` to `taker`, `returned` goes the other way.
struct ReplicaExchange {
  std::uint32_t giver = 0;
  std::uint32_t taker = 0;
  std::uint32_t given = 0;
  std::uint32_t returned = 0;
};

/// The first exchange found after which one more primary is within the shares (BoundPrimaries of
/// shares.h); none where all are, or where no exchange helps. `replicas` is by shard, primary
/// first, as KeepPrimaries left it: no other choice of primaries does better. `zone_of` is by node.
///
/// Rarely needed: where zones differ in weight, and nodes lead only a few shards each.
std::optional<ReplicaExchange> MakeRoomForPrimary(
    std::span<const std::uint32_t> weights, std::span<const std::uint32_t> zone_of,
    const std::vector<std::vector<std::uint32_t>>& replicas);

}  // namespace ringfort::ring

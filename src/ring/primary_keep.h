// Spreads primaries over a placement that stands already: as few as can be change.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace ringfort::ring {

/// Chooses a primary for each shard and puts it first; the others keep their order. `replicas`
/// holds, by shard, numbers of nodes; `weights` holds the nodes' weights. `leads` says, by shard,
/// whether its first replica leads it now; where it does not, any replica costs nothing.
///
/// As many nodes as the replicas' places allow get their share (BoundPrimaries of shares.h), and of
/// all choices that do so this is one that takes the least number of shards from who leads them.
/// (SpreadPrimaries chooses for a new cluster. Its choice is part of the format, so it stays.)
void KeepPrimaries(std::span<const std::uint32_t> weights, const std::vector<bool>& leads,
                   std::vector<std::vector<std::uint32_t>>* replicas);

}  // namespace ringfort::ring

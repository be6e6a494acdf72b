// Which replica of each shard is preferred as primary, so that every node leads its weighted share.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace ringfort::ring {

/// Chooses a primary for each shard and puts it first; the others keep their order. Moves no data.
/// `replicas` holds, by shard, numbers of nodes; `weights` holds the nodes' weights.
///
/// A node's share is shards x weight / sum of weights. As many nodes as the replicas' places allow
/// get that, rounded down or up: where a choice exists that gives it to all of them, it is found.
void SpreadPrimaries(std::span<const std::uint32_t> weights,
                     std::vector<std::vector<std::uint32_t>>* replicas);

}  // namespace ringfort::ring

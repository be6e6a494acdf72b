// The later plans of a cluster: what of a placement stays where nodes came, went or changed, and
// where the rest goes. A pure function: the same placement and nodes give the same plan everywhere.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/ids.h"
#include "ring/cluster_config.h"

namespace ringfort::ring {

/// By shard, its nodes, preferred primary first; `replicas` of them, or all nodes where those are
/// fewer. `nodes` are the nodes that may hold replicas: at least one, ids distinct, weights 1 or
/// more, in any order. `current` is by shard, their number a power of two; a shard lists distinct
/// nodes, any number of them.
///
/// What stands stays: a replica moves only if its node is not in `nodes`, its zone holds more of
/// the shard than it must, its node is above its share, or (rarely) to make room for such a one. It
/// goes to the first node of the shard's walk along the ring that is below its share and fits the
/// zones. At the end each node holds exactly its share, as shares.h gives it for what the nodes
/// hold now, and no zone holds more of a shard than it must. A plan of a plan changes nothing.
///
/// A shard's replicas that stay keep their order, new ones stand behind them; then primaries are
/// spread, and the one that leads now is kept where the shares allow (primary_keep.h). Where the
/// replicas leave no choice of primaries within the shares, some are exchanged (primary_room.h).
std::vector<std::vector<NodeId>> Replan(std::span<const NodeInfo> nodes,
                                        const std::vector<std::vector<NodeId>>& current,
                                        std::uint32_t replicas);

}  // namespace ringfort::ring

// Which nodes vote in the meta group.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/ids.h"
#include "ring/cluster_config.h"

namespace ringfort::ring {

/// The voters that the meta group should have, ascending: as many as there are nodes, but at most
/// `most` (1 or more), and one less where that is even, for a fourth voter only makes majorities
/// larger. None where there are no nodes. `nodes` have distinct ids, in any order.
///
/// A zone has a second voter only when every other zone has one or has no node left, and so on. Of
/// all such choices it is one that keeps the most of `current`; new ones are those of the lowest
/// ids. So a choice for what it chose changes nothing.
std::vector<NodeId> ChooseVoters(std::span<const NodeInfo> nodes,
                                 const std::vector<NodeId>& current, std::uint32_t most);

}  // namespace ringfort::ring

// Which primaries change so that what nodes lead costs them alike: spreading by load, within what
// spreading by number (primary_keep.h) allows.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/ids.h"
#include "ring/cluster_config.h"

namespace ringfort::ring {

/// One transfer, or two that belong together: between them the numbers of primaries may be off.
struct PrimaryShift {
  ShardId shard;  ///< Led by `from`, to be led by `to`.
  NodeId from;
  NodeId to;
  std::optional<ShardId> back;  ///< Led by `to`, to be led by `from`.

  bool operator==(const PrimaryShift&) const = default;
};

/// What to change about `placement`'s primaries, at most `most` shifts, to be done in that order;
/// doing only the first of them is good too. `load` is by shard, in any unit (as nanoseconds of
/// work a second), summed below 2^53. `placement` is by shard, preferred primary first, on nodes of
/// `nodes`.
///
/// A node's share of the load is as its weight. Nothing changes while every node is within 10 % of
/// its share. Else, as long as one is more than 5 % off: the node that is farthest off and can be
/// helped gives the one shard that lowers it and the taker most (takes the one that raises it and
/// the giver most, where it is below), perhaps against another shard. A shift counts only if it
/// gains 1 % of a share. None makes the fullest node of the cluster fuller, and none takes a node's
/// number of primaries out of BoundPrimaries (shares.h). Each shift leaves both nodes between what
/// they had, so none can come back: it ends, also without `most`.
std::vector<PrimaryShift> EvenOutLoad(std::span<const NodeInfo> nodes,
                                      const std::vector<std::vector<NodeId>>& placement,
                                      std::span<const std::uint64_t> load, std::size_t most);

}  // namespace ringfort::ring

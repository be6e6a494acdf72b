// How far a shard's move has come: what a new plan, or a cancel, may still take back for nothing.
#pragma once

#include <cstdint>
#include <functional>

#include "meta/reports.h"
#include "ring/cluster_map.h"

namespace ringfort::meta {

enum class Headway : std::uint8_t {
  kNone,     ///< All copies are where the map has the shard, and there are no others.
  kUnknown,  ///< Nobody says that it leads the shard.
  kCopies,   ///< Copies are being made elsewhere; the voters are still those of before.
  kVoters,   ///< The voters are others, or are being changed.
};

/// Of the shards of one map, by one moment's reports.
using Headways = std::function<Headway(ShardId)>;

/// `news` of the shard, null where there is none.
Headway HeadwayOf(const ring::ClusterMap& map, ShardId shard, const ShardNews* news);

/// Whether anything of the shard's move was done already. False without a report.
inline bool HasBegun(const ring::ClusterMap& map, ShardId shard, const ShardNews* news) {
  const Headway headway = HeadwayOf(map, shard, news);
  return headway == Headway::kCopies || headway == Headway::kVoters;
}

}  // namespace ringfort::meta

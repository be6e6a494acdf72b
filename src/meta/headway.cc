#include "meta/headway.h"

#include <algorithm>

#include "meta/node_sets.h"

namespace ringfort::meta {

Headway HeadwayOf(const ring::ClusterMap& map, ShardId shard, const ShardNews* news) {
  if (news == nullptr) return Headway::kUnknown;
  const Nodes& place = map.PlaceOf(shard);
  const raft::Members& members = news->members;
  if (members.joint() || !IsSameSet(NodesOf(members.voters), place)) return Headway::kVoters;
  const bool elsewhere = std::ranges::any_of(members.learners, [&](const raft::Member& learner) {
    return !Contains(place, learner.node);
  });
  return news->changing || elsewhere ? Headway::kCopies : Headway::kNone;
}

}  // namespace ringfort::meta

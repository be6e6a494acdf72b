// What an operator may change, and what is refused because it would take a shard's copies away.
// Pure: the state before and the request give the state after.
#pragma once

#include <set>
#include <string>

#include "meta/headway.h"
#include "meta/state.h"
#include "ringfort/meta.pb.h"
#include "ringfort/status.h"

namespace ringfort::meta {

/// A change that may be made, and what it is called in the list of events; empty: nothing changes.
struct Change {
  State next;
  std::string event;
};

/// Takes a node in, as joining. Again, by the same directory: only the address changes, or nothing.
/// By another directory than the member's: only if that is `dead`; the primaries fill it again.
/// The id of a node that is gone is free, its directory is none's any more. kInvalidArgument for
/// that, for an address, zone or weight that is none, and for an id or address in use.
Result<Change> Join(const State& state, const proto::JoinCluster& request, bool dead);

/// kInvalidArgument for a weight or zone that is none; kConditionFailed for what the cluster is not
/// in a state for: a node that is not there or is gone, a replacement that takes no replicas, the
/// last node, and fewer copies than the cluster wants where that was not accepted. Asked again,
/// also of a node that is gone since, or that was never drained: nothing changes.
/// Who is `silent` takes nothing now: copies that would go there do not count.
Result<Change> ChangeNode(const State& state, const proto::ChangeNode& request,
                          const Headways& headways, const std::set<NodeId>& silent = {});

Result<Change> Rebalance(const State& state, proto::Rebalance::Kind kind, const Headways& headways);

}  // namespace ringfort::meta

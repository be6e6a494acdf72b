// What operators see of the meta group's state, and of what is under way.
#pragma once

#include "meta/reconciler.h"
#include "meta/reports.h"
#include "meta/state.h"
#include "ringfort/meta.pb.h"

namespace ringfort::meta {

/// What leads from one map to the other. Bytes as the shards' primaries report them.
void FillPlan(const State& before, const State& after, const Reports& reports, proto::Plan* plan);

/// `meta_primary` is the node that answers; `since` when it began to lead the meta group.
void FillState(const State& state, const Reports& reports, const Steps& steps, NodeId meta_primary,
               MonotonicTime since, MonotonicTime now, Duration repair_after,
               proto::ClusterState* out);

}  // namespace ringfort::meta

// From one feature level of the cluster to the next (design 9): only once every node has said that
// it knows it, and by an operator's word, since there is no way back. Pure.
#pragma once

#include "meta/changes.h"
#include "meta/reports.h"
#include "meta/state.h"
#include "ringfort/meta.pb.h"
#include "ringfort/status.h"

namespace ringfort::meta {

/// The level of now, the next one, and what that waits for.
void FillFeatures(const State& state, const Reports& reports, proto::FeatureState* out);

/// The state at the next level. kConditionFailed while a node that is a member has not reported, in
/// this term, that it knows it; nothing changes where the level is the newest that `knows`, the
/// primary's own, allows.
Result<Change> RaiseLevel(const State& state, const Reports& reports, FeatureLevel knows);

}  // namespace ringfort::meta

// What becomes of the replicas of a node that is dead, as nodes and doctor say it.
#pragma once

#include <string>

#include "ringfort/admin.h"

namespace ringfort::ctl {

/// "its 5 replicas are rebuilt on others in 4m10s unless it comes back"; empty of a node that shall
/// hold none.
std::string RepairText(const ClusterStateView& state, const NodeSummaryView& node);

}  // namespace ringfort::ctl

// What doctor finds wrong with moves: those that are stuck, and those that may not begin.
#pragma once

#include <vector>

#include "ringfort/admin.h"
#include "tools/ctl/findings.h"

namespace ringfort::ctl {

std::vector<Finding> MoveFindings(const ClusterStateView& state);

}  // namespace ringfort::ctl

// ringfortd --recover_cluster_from_this_copy: the operator's way back when a majority of the meta
// group's nodes is gone for good.
#pragma once

#include <string>

#include "ringfort/status.h"

namespace ringfort::server {

/// Begins the meta group anew from the directory of a node that does not run, or, with
/// `dry_run`, changes nothing of the group (the log is opened as by any start). Returns
/// what it found and did, for the operator. Errors: kConditionFailed where that must not be,
/// kIoError while a process uses the directory, kCorruption where its log or its data are damaged.
Result<std::string> RecoverCluster(const std::string& data_dir, bool dry_run);

}  // namespace ringfort::server

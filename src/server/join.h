// How a node comes into a cluster that is there already: it asks one of the cluster's nodes, before
// it opens anything of its own to them.
#pragma once

#include <string>
#include <vector>

#include "base/ids.h"
#include "base/time.h"
#include "ringfort/meta.pb.h"
#include "ringfort/status.h"

namespace ringfort::server {

/// Asks the seeds (HOST:PORT each), and the meta group's primary that they name, until the cluster
/// has taken the node in. What the cluster refuses is said at once; a cluster that does not answer
/// within `timeout` is kUnavailable, with what each seed said last.
/// `cluster_id`: of the cluster that it belongs to already, empty for any: another is refused.
Result<proto::JoinedCluster> Join(const std::vector<std::string>& seeds, ClusterId cluster_id,
                                  const proto::JoinCluster& request, Duration timeout);

}  // namespace ringfort::server

// Whether a cluster can do without what a node holds: asked before damaged stores are moved.
#pragma once

#include "base/ids.h"
#include "base/time.h"
#include "ringfort/disk.pb.h"
#include "ringfort/status.h"

namespace ringfort::server {

/// Asks the other nodes until every shard that `identity`'s map gives this node is served by one of
/// them: then a majority has, without this node, all that was acknowledged. kUnavailable after
/// `timeout`: which shards nobody serves, and what each silent node said. Blocks.
Status AwaitOthersServe(const proto::Identity& identity, Duration timeout);

}  // namespace ringfort::server

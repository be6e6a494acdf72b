// ringfort-bench probe and failover: for how long writes fail when something happens to the
// cluster.
#pragma once

#include "tools/cli/command_line.h"

namespace ringfort::bench {

/// Writes to every shard for --seconds and tells the longest gap of each.
int RunProbe(const cli::CommandLine& line);

/// Kills the node that is primary for most shards, again and again, and tells how long each time it
/// took until every shard took writes again.
int RunFailover(const cli::CommandLine& line);

}  // namespace ringfort::bench

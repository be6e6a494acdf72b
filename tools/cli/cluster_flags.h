// The flags that every tool takes to find the cluster, and the client they ask for.
#pragma once

#include <vector>

#include "ringfort/client.h"
#include "tools/cli/command_line.h"

namespace ringfort::cli {

/// --seeds (default: the environment's RINGFORT_SEEDS, else the nodes of cluster-configs/local-3),
/// --timeout and --format.
std::vector<Flag> ClusterFlags();

/// Of a command line with those flags, some perhaps replaced: 5 s where it has no --timeout.
ClientOptions OptionsOf(const CommandLine& line);

}  // namespace ringfort::cli

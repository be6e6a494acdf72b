// Reads and checks the cluster config that a node is started with (cluster-configs/*.textproto).
#pragma once

#include <string>

#include "ring/cluster_config.h"
#include "ringfort/status.h"

namespace ringfort::server {

/// The largest config file that is read.
inline constexpr std::size_t kConfigBytesMax = 1 << 20;

/// The config in `path`, checked and with every default filled in. InvalidArgument where it has a
/// mistake: `FILE:LINE: FIELD: what is wrong (what to do)`, the first one of the file. IoError
/// where it cannot be read: `FILE: what is wrong (what to do)`.
Result<ring::ClusterConfig> LoadClusterConfig(const std::string& path);

}  // namespace ringfort::server

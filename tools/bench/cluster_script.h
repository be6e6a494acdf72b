// Runs scripts/cluster, which starts and kills the nodes of a local cluster.
#pragma once

#include <cstdint>
#include <string>

#include "ringfort/status.h"

namespace ringfort::bench {

/// `SCRIPT WORD NODE`, with its output on standard error; returns when it has ended. kIoError when
/// it could not be run, kUnavailable when it ended with another exit code than 0.
Status RunClusterScript(const std::string& script, const std::string& word, std::uint32_t node);

}  // namespace ringfort::bench

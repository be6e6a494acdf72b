// What `ringfortd` does to the directory of a stopped node instead of starting it.
#pragma once

#include <cstdint>
#include <string>

#include "ringfort/status.h"

namespace ringfort::server {

/// Puts the stores that were quarantined under that number back in their places. Refused
/// (kConditionFailed) where that would not help: where they are not there, are damaged, hold no
/// replica, or where the other nodes have filled the node again since. What stands in their places
/// now is moved to log.replaced-N and data.replaced-N. With `dry_run` nothing is changed. Returns
/// what was done, or would be, in lines. After a crash it is called again. Blocks on the disk;
/// kIoError while a process uses the directory.
Result<std::string> BringBack(const std::string& data_dir, std::uint64_t number, bool dry_run);

/// Forgets which starts of other nodes this one has seen, so that it takes nodes whose directories
/// were put back from copies. Otherwise as BringBack.
Result<std::string> AcceptOldCopies(const std::string& data_dir, bool dry_run);

}  // namespace ringfort::server

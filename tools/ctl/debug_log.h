// ringfortctl debug log: the log files of a node that does not run, record by record, and how the
// log ends.
#pragma once

#include "tools/cli/command_line.h"
#include "tools/ctl/terminal.h"

namespace ringfort::ctl {

/// kFailed when the log is damaged or cannot be looked at; a torn end is what a crash leaves, and
/// no failure.
int RunDebugLog(const cli::CommandLine& line, Terminal& terminal);

}  // namespace ringfort::ctl

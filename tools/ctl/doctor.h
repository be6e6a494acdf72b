// ringfortctl doctor: what is wrong, why, and what to do, one finding a line.
#pragma once

#include "ringfort/client.h"
#include "tools/cli/command_line.h"
#include "tools/ctl/terminal.h"

namespace ringfort::ctl {

/// kFailed also when something is wrong.
int RunDoctor(const cli::CommandLine& line, Client& client, Terminal& terminal);

}  // namespace ringfort::ctl

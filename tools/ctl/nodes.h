// ringfortctl nodes: the members, what each holds and shall hold, and how they are.
#pragma once

#include "ringfort/client.h"
#include "tools/cli/command_line.h"
#include "tools/ctl/terminal.h"

namespace ringfort::ctl {

int RunNodes(const cli::CommandLine& line, Client& client, Terminal& terminal);

}  // namespace ringfort::ctl

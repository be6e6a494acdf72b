// ringfortctl plan and rebalance: what would move, starting it, holding it up.
#pragma once

#include "ringfort/client.h"
#include "tools/cli/command_line.h"
#include "tools/ctl/terminal.h"

namespace ringfort::ctl {

int RunPlan(const cli::CommandLine& line, Client& client, Terminal& terminal);
int RunRebalance(const cli::CommandLine& line, Client& client, Terminal& terminal);

}  // namespace ringfort::ctl

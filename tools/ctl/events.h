// ringfortctl events: who changed what in the cluster, and when.
#pragma once

#include "ringfort/client.h"
#include "tools/cli/command_line.h"
#include "tools/ctl/terminal.h"

namespace ringfort::ctl {

int RunEvents(const cli::CommandLine& line, Client& client, Terminal& terminal);

}  // namespace ringfort::ctl

// ringfortctl upgrade finalize
#pragma once

#include "ringfort/client.h"
#include "tools/cli/command_line.h"
#include "tools/ctl/terminal.h"

namespace ringfort::ctl {

int RunUpgradeFinalize(const cli::CommandLine& line, Client& client, Terminal& terminal);

}  // namespace ringfort::ctl

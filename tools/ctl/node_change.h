// ringfortctl node drain, undrain, remove, replace, set-weight and set-zone.
#pragma once

#include "ringfort/client.h"
#include "tools/cli/command_line.h"
#include "tools/ctl/terminal.h"

namespace ringfort::ctl {

int RunNodeChange(const cli::CommandLine& line, Client& client, Terminal& terminal);

}  // namespace ringfort::ctl

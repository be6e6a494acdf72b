// ringfortctl transfer: another of its replicas leads the shard.
#pragma once

#include "ringfort/client.h"
#include "tools/cli/command_line.h"
#include "tools/ctl/terminal.h"

namespace ringfort::ctl {

int RunTransfer(const cli::CommandLine& line, Client& client, Terminal& terminal);

}  // namespace ringfort::ctl

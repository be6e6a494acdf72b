// ringfortctl export: every entry of the cluster as lines, shard by shard, memory bounded.
#pragma once

#include "ringfort/client.h"
#include "tools/cli/command_line.h"
#include "tools/ctl/terminal.h"

namespace ringfort::ctl {

int RunExport(const cli::CommandLine& line, Client& client, Terminal& terminal);

}  // namespace ringfort::ctl

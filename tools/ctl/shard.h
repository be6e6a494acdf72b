// ringfortctl shard: everything about one shard: its members, who leads, who lags, and its move.
#pragma once

#include "ringfort/client.h"
#include "tools/cli/command_line.h"
#include "tools/ctl/terminal.h"

namespace ringfort::ctl {

int RunShard(const cli::CommandLine& line, Client& client, Terminal& terminal);

}  // namespace ringfort::ctl

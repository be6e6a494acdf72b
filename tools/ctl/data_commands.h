// ringfortctl put, get, delete, scan and locate: one key each.
#pragma once

#include "ringfort/client.h"
#include "tools/cli/command_line.h"
#include "tools/ctl/terminal.h"

namespace ringfort::ctl {

int RunPut(const cli::CommandLine& line, Client& client, Terminal& terminal);
int RunGet(const cli::CommandLine& line, Client& client, Terminal& terminal);
int RunDelete(const cli::CommandLine& line, Client& client, Terminal& terminal);
int RunScan(const cli::CommandLine& line, Client& client, Terminal& terminal);
int RunLocate(const cli::CommandLine& line, Client& client, Terminal& terminal);

}  // namespace ringfort::ctl

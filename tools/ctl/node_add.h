// ringfortctl node add: how to start a node that joins, and waiting until it has its share.
#pragma once

#include <string>
#include <vector>

#include "ringfort/client.h"
#include "tools/cli/command_line.h"
#include "tools/ctl/terminal.h"

namespace ringfort::ctl {

/// The words as a shell takes them, quoted where they must be.
std::string ShellLine(const std::vector<std::string>& words);

int RunNodeAdd(const cli::CommandLine& line, Client& client, Terminal& terminal);

}  // namespace ringfort::ctl

// The table of ringfortctl's commands: what they are called, take and do.
#pragma once

#include <vector>

#include "ringfort/client.h"
#include "tools/cli/command_line.h"
#include "tools/ctl/terminal.h"

namespace ringfort::ctl {

struct CtlCommand {
  cli::Command words;
  /// One of the two: with a cluster, or without.
  int (*run)(const cli::CommandLine&, Client&, Terminal&) = nullptr;
  int (*run_alone)(const cli::CommandLine&, Terminal&) = nullptr;
};

/// In the order of help.
std::vector<CtlCommand> Commands();
cli::Program ProgramOf(const std::vector<CtlCommand>& commands);

/// Parses, connects and runs. The exit code.
int Main(const std::vector<std::string>& args, Terminal& terminal);

}  // namespace ringfort::ctl

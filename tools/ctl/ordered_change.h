// How every command that changes the cluster goes on once it has been ordered: says what moves, and
// waits for it where that is asked.
#pragma once

#include <optional>
#include <string>

#include "ringfort/admin.h"
#include "ringfort/client.h"
#include "tools/cli/command_line.h"
#include "tools/ctl/move_wait.h"
#include "tools/ctl/terminal.h"

namespace ringfort::ctl {

/// --wait and the --timeout that bounds it.
std::vector<cli::Flag> WaitFlags();
/// How long a wait may take, of a command line with those flags: none is for ever.
std::optional<std::chrono::milliseconds> WaitLimit(const cli::CommandLine& line);

/// For a command with --format, --dry-run and WaitFlags. `done` is one line for people: "node 3 is
/// being drained". The exit code.
int FinishChange(const cli::CommandLine& line, Client& client, Terminal& terminal,
                 const std::string& what, const std::string& done, const Result<PlanView>& plan,
                 const WaitGoal& goal);

}  // namespace ringfort::ctl

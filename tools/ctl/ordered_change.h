// How every command that changes the cluster goes on once it has been ordered: says what moves, and
// waits for it where that is asked.
#pragma once

#include <optional>
#include <string>
#include <vector>

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

struct OrderedChange {
  /// As errors call it: "node drain 3".
  std::string what;
  /// One line for people: "node 3 is being drained".
  std::string done;
  WaitGoal goal;
  /// The nodes that it empties, beyond those that are being emptied already.
  std::vector<std::uint32_t> emptied = {};
};

/// For a command with --format, --dry-run and WaitFlags. `plan`: how the cluster has answered. The
/// exit code.
int FinishChange(const cli::CommandLine& line, Client& client, Terminal& terminal,
                 const OrderedChange& change, const Result<PlanView>& plan);

}  // namespace ringfort::ctl

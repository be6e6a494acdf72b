// The operator's way back when a majority of a shard's voters is gone for good: begins it anew from
// one copy, and deletes what that made void.
#pragma once

#include <vector>

#include "ringfort/client.h"
#include "tools/cli/command_line.h"
#include "tools/ctl/terminal.h"

namespace ringfort::ctl {

/// Of `shard SHARD recover` and `shard SHARD discard-void`.
std::vector<cli::Flag> RecoverFlags();

/// `shard SHARD recover [--node=N] [--accept-loss] [--dry-run] --yes`
int RunRecoverShard(const cli::CommandLine& line, Client& client, Terminal& terminal);
/// `shard SHARD discard-void --node=N [--accept-loss] --yes`
int RunDiscardVoid(const cli::CommandLine& line, Client& client, Terminal& terminal);
/// `recover --all-lost [--dry-run] --yes`: every shard that cannot have a primary any more.
int RunRecoverLost(const cli::CommandLine& line, Client& client, Terminal& terminal);

}  // namespace ringfort::ctl

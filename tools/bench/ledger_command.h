// ringfort-bench ledger and ledger-check: write while things happen to the cluster, then account
// for every acknowledged write.
#pragma once

#include "tools/cli/command_line.h"

namespace ringfort::bench {

int RunLedger(const cli::CommandLine& line);
int RunLedgerCheck(const cli::CommandLine& line);

}  // namespace ringfort::bench

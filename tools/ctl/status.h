// ringfortctl status: nodes, shards, who leads, who lags; and waiting until all is well.
#pragma once

#include <ostream>

#include "ringfort/client.h"
#include "tools/cli/command_line.h"
#include "tools/ctl/json_bytes.h"
#include "tools/ctl/terminal.h"
#include "tools/survey/survey.h"

namespace ringfort::ctl {

int RunStatus(const cli::CommandLine& line, Client& client, Terminal& terminal);

Json StatusJson(const survey::Survey& survey);
/// `shards`: with a row for each shard.
void PrintStatus(const survey::Survey& survey, bool shards, std::ostream& out);

}  // namespace ringfort::ctl

// The table's part for operators: nodes, moves, what is wrong.
#pragma once

#include <vector>

#include "tools/ctl/program.h"

namespace ringfort::ctl {

std::vector<CtlCommand> OperatorCommands();

}  // namespace ringfort::ctl

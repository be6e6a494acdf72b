// What --help prints, made from the table of commands and flags.
#pragma once

#include <string>

#include "tools/cli/command_line.h"

namespace ringfort::cli {

/// How the flag's value is written: "N", "a|b", "DURATION".
std::string Placeholder(const Flag& flag);

/// The commands and the flags that all of them take.
std::string ProgramHelp(const Program& program);
/// One command with all its flags.
std::string CommandHelp(const Program& program, const Command& command);

}  // namespace ringfort::cli

// Keys and values as they stand on a command line.
#pragma once

#include <string>

#include "ringfort/client.h"
#include "tools/cli/command_line.h"

namespace ringfort::ctl {

/// `text` itself, or with --hex the bytes that its digits stand for. kInvalidArgument names `what`.
Result<std::string> BytesOf(const cli::CommandLine& line, const std::string& what,
                            const std::string& text);

/// The first word, and --sort-key where the command has it.
Result<Key> KeyOf(const cli::CommandLine& line);

/// "get KEY": what an error is about.
std::string WhatOf(const cli::CommandLine& line);

}  // namespace ringfort::ctl

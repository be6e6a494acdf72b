// ringfortctl: see program.cc for its commands.
#include <unistd.h>

#include <iostream>
#include <string>
#include <vector>

#include "tools/cli/errors.h"
#include "tools/ctl/program.h"

int main(int argc, char** argv) {
  std::ios::sync_with_stdio(false);
  ringfort::ctl::Terminal terminal{.out = std::cout,
                                   .err = std::cerr,
                                   .out_is_terminal = ::isatty(STDOUT_FILENO) == 1,
                                   .err_is_terminal = ::isatty(STDERR_FILENO) == 1};
  const int code = ringfort::ctl::Main(std::vector<std::string>(argv + 1, argv + argc), terminal);
  std::cout.flush();
  if (std::cout) return code;
  std::cerr
      << "error: ringfortctl: standard output took not all of the answer (is the disk full?)\n";
  return code == ringfort::cli::kDone ? ringfort::cli::kFailed : code;
}

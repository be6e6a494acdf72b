// ringfortctl: see program.cc for its commands.
#include <unistd.h>

#include <ostream>
#include <string>
#include <vector>

#include "base/descriptors.h"
#include "tools/cli/errors.h"
#include "tools/cli/fd_output.h"
#include "tools/ctl/program.h"

int main(int argc, char** argv) {
  ringfort::OpenStandardDescriptors();
  ringfort::cli::FdOutput to_out(STDOUT_FILENO);
  ringfort::cli::FdOutput to_err(STDERR_FILENO);
  std::ostream out(&to_out);
  std::ostream err(&to_err);
  err << std::unitbuf;
  ringfort::ctl::Terminal terminal{.out = out,
                                   .err = err,
                                   .out_is_terminal = ::isatty(STDOUT_FILENO) == 1,
                                   .err_is_terminal = ::isatty(STDERR_FILENO) == 1};
  const int code = ringfort::ctl::Main(std::vector<std::string>(argv + 1, argv + argc), terminal);
  out.flush();
  if (out) return code;
  err << "error: ringfortctl: standard output took not all of the answer (is the disk full?)\n";
  return code == ringfort::cli::kDone ? ringfort::cli::kFailed : code;
}

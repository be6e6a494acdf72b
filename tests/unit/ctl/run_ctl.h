// ringfortctl as a user types it, with what it prints and how it exits.
#pragma once

#include <sstream>
#include <string>
#include <vector>

#include "tools/ctl/program.h"

namespace ringfort::ctl {

struct Outcome {
  int code;
  std::string out;
  std::string err;
};

/// Neither stream is a terminal.
inline Outcome Ctl(const std::vector<std::string>& args) {
  std::ostringstream out;
  std::ostringstream err;
  Terminal terminal{.out = out, .err = err};
  const int code = Main(args, terminal);
  return {code, out.str(), err.str()};
}

}  // namespace ringfort::ctl

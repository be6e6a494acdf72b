// Where a command prints, and whether a person is looking.
#pragma once

#include <ostream>

namespace ringfort::ctl {

struct Terminal {
  std::ostream& out;
  std::ostream& err;
  bool out_is_terminal = false;
  bool err_is_terminal = false;
};

}  // namespace ringfort::ctl

// A terminal's screen that is drawn again and again, and given back as it was.
#pragma once

#include <chrono>
#include <cstddef>
#include <ostream>
#include <string>

#include "tools/cli/interrupt.h"

namespace ringfort::ctl {

struct TerminalSize {
  std::size_t rows;
  std::size_t columns;
};
/// Of the terminal that `fd` is; what terminals had of old, where it does not tell.
TerminalSize SizeOfTerminal(int fd);

/// One at a time in a process. An interrupt ends Wait, as Interrupt says.
class Screen {
 public:
  /// `out` is a terminal, and standard output.
  explicit Screen(std::ostream& out);
  ~Screen();
  Screen(const Screen&) = delete;
  Screen& operator=(const Screen&) = delete;

  /// In the place of what was drawn before; what does not fit the terminal is cut.
  void Draw(const std::string& text);
  /// False once an interrupt has come.
  bool Wait(std::chrono::milliseconds interval) { return interrupt_.Wait(interval); }

 private:
  std::ostream& out_;
  const cli::Interrupt interrupt_;
};

/// The text's first `rows` lines, each cut to `columns` and written over the one that stands there,
/// in ANSI escapes.
std::string FrameOf(const std::string& text, std::size_t rows, std::size_t columns);

}  // namespace ringfort::ctl

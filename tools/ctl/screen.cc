#include "tools/ctl/screen.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <sstream>

#include "tools/ctl/text_table.h"

namespace ringfort::ctl {
namespace {

// The other screen and no cursor; and back.
constexpr const char* kEnter = "\x1b[?1049h\x1b[?25l";
constexpr const char* kLeave = "\x1b[?25h\x1b[?1049l";

}  // namespace

TerminalSize SizeOfTerminal(int fd) {
  ::winsize size{};
  const bool known = ::ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_row > 0 && size.ws_col > 0;
  return known ? TerminalSize{size.ws_row, size.ws_col} : TerminalSize{24, 80};
}

Screen::Screen(std::ostream& out) : out_(out) {
  out_ << kEnter << std::flush;
}

Screen::~Screen() {
  out_ << kLeave << std::flush;
}

void Screen::Draw(const std::string& text) {
  const TerminalSize size = SizeOfTerminal(STDOUT_FILENO);
  out_ << FrameOf(text, size.rows, size.columns) << std::flush;
}

std::string FrameOf(const std::string& text, std::size_t rows, std::size_t columns) {
  std::string frame = "\x1b[H";
  std::istringstream lines(text);
  std::size_t row = 0;
  for (std::string line; row < rows && std::getline(lines, line); ++row) {
    frame += (row == 0 ? "" : "\r\n") + CutTo(line, columns) + "\x1b[K";
  }
  return frame + "\x1b[J";
}

}  // namespace ringfort::ctl

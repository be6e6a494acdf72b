#include "tools/ctl/screen.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <sstream>
#include <thread>

#include "tools/ctl/text_table.h"

namespace ringfort::ctl {
namespace {

// The other screen and no cursor; and back.
constexpr const char* kEnter = "\x1b[?1049h\x1b[?25l";
constexpr const char* kLeave = "\x1b[?25h\x1b[?1049l";
constexpr std::chrono::milliseconds kLookForInterrupt{50};

volatile std::sig_atomic_t interrupted = 0;

void OnInterrupt(int /*signal*/) {
  interrupted = 1;
}

}  // namespace

Screen::Screen(std::ostream& out) : out_(out) {
  interrupted = 0;
  struct sigaction action {};
  action.sa_handler = OnInterrupt;
  ::sigaction(SIGINT, &action, &before_interrupt_);
  ::sigaction(SIGTERM, &action, &before_terminate_);
  out_ << kEnter << std::flush;
}

Screen::~Screen() {
  out_ << kLeave << std::flush;
  ::sigaction(SIGINT, &before_interrupt_, nullptr);
  ::sigaction(SIGTERM, &before_terminate_, nullptr);
}

void Screen::Draw(const std::string& text) {
  ::winsize size{};
  const bool known = ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 0;
  out_ << FrameOf(text, known ? size.ws_row : 24, known ? size.ws_col : 80) << std::flush;
}

bool Screen::Wait(std::chrono::milliseconds interval) {
  const auto end = std::chrono::steady_clock::now() + interval;
  while (interrupted == 0) {
    const auto left = end - std::chrono::steady_clock::now();
    if (left <= left.zero()) return true;
    std::this_thread::sleep_for(std::min<std::chrono::nanoseconds>(left, kLookForInterrupt));
  }
  return false;
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

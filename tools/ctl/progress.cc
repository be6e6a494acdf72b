#include "tools/ctl/progress.h"

#include <unistd.h>

#include <algorithm>

#include "tools/cli/numbers.h"
#include "tools/ctl/screen.h"
#include "tools/ctl/text_table.h"

namespace ringfort::ctl {
namespace {

constexpr std::chrono::milliseconds kBarInterval{100};
constexpr std::chrono::milliseconds kLineInterval{3000};
// What stands beside it has room on a terminal of 80 columns.
constexpr std::size_t kBarWidth = 12;
constexpr std::string_view kClearLine = "\r\x1b[K";

double RateOf(const ProgressState& state) {
  const double seconds =
      static_cast<double>(std::max<std::int64_t>(state.elapsed.count(), 1)) / 1000;
  return static_cast<double>(state.entries) / seconds;
}

std::string RateText(const ProgressState& state) {
  return cli::CountText(static_cast<std::uint64_t>(RateOf(state))) + "/s";
}

}  // namespace

std::string BarText(double part) {
  const auto full = static_cast<std::size_t>(part * kBarWidth);
  return "[" + std::string(full, '#') + std::string(kBarWidth - full, '-') + "] " +
         std::to_string(static_cast<int>(part * 100)) + " %";
}

std::string ProgressLine(const ProgressState& state) {
  std::string line;
  std::optional<double> part;
  if (state.total_bytes && *state.total_bytes > 0) {
    // A file may grow while it is read.
    part =
        std::min(1.0, static_cast<double>(state.bytes) / static_cast<double>(*state.total_bytes));
    line = BarText(*part) + "  ";
  }
  line += cli::CountText(state.entries) + " entries  " + cli::BytesText(state.bytes) + "  " +
          RateText(state);
  if (part && *part > 0) {
    const double left_ms = static_cast<double>(state.elapsed.count()) * (1 - *part) / *part;
    line += "  " +
            cli::DurationText(std::chrono::milliseconds(static_cast<std::int64_t>(left_ms))) +
            " left";
  }
  return line;
}

std::string SummaryLine(const ProgressState& state) {
  return cli::CountText(state.entries) + " entries, " + cli::BytesText(state.bytes) + " in " +
         cli::DurationText(state.elapsed) + " (" + RateText(state) + ")";
}

Progress::Progress(Terminal& terminal)
    : terminal_(terminal), start_(Clock::now()), shown_at_(start_) {}

std::chrono::milliseconds Progress::elapsed() const {
  return std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - start_);
}

void Progress::Show(ProgressState state) {
  if (!IsTime()) return;
  state.elapsed = elapsed();
  Print(ProgressLine(state));
}

void Progress::Show(const std::string& line) {
  if (IsTime()) Print(line);
}

bool Progress::IsTime() const {
  return Clock::now() - shown_at_ >= (terminal_.err_is_terminal ? kBarInterval : kLineInterval);
}

void Progress::Print(const std::string& line) {
  shown_at_ = Clock::now();
  if (terminal_.err_is_terminal) {
    // A line that goes on in the next row would not be taken away by the next one.
    const std::size_t columns = SizeOfTerminal(STDERR_FILENO).columns;
    terminal_.err << kClearLine << CutTo(line, columns - 1) << std::flush;
    bar_is_shown_ = true;
  } else {
    terminal_.err << line << std::endl;
  }
}

void Progress::Clear() {
  if (!bar_is_shown_) return;
  terminal_.err << kClearLine << std::flush;
  bar_is_shown_ = false;
}

}  // namespace ringfort::ctl

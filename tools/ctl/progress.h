// Tells on standard error how far a long command is: a bar that moves on a terminal, a line every
// few seconds elsewhere.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "tools/ctl/terminal.h"

namespace ringfort::ctl {

struct ProgressState {
  std::uint64_t entries = 0;
  /// Of the input or output.
  std::uint64_t bytes = 0;
  /// How many bytes there will be, where that is known.
  std::optional<std::uint64_t> total_bytes = std::nullopt;
  std::chrono::milliseconds elapsed{0};
};

/// "[#######-------] 48 %"; `part` is from 0 to 1.
std::string BarText(double part);
/// "[#######-------] 48 %  1,234 entries  56.7 MB  12,345/s  3.2 s left"; without a total, no bar
/// and no rest.
std::string ProgressLine(const ProgressState& state);
/// "1,234 entries, 56.7 MB in 1.2 s (1,028/s)"
std::string SummaryLine(const ProgressState& state);

class Progress {
 public:
  explicit Progress(Terminal& terminal);

  /// Shows the state when it is time to; cheap when it is not.
  void Show(ProgressState state);
  void Show(const std::string& line);
  /// Takes the bar away, so that a line can be printed in its place.
  void Clear();
  [[nodiscard]] std::chrono::milliseconds elapsed() const;

 private:
  using Clock = std::chrono::steady_clock;

  [[nodiscard]] bool IsTime() const;
  void Print(const std::string& line);

  Terminal& terminal_;
  Clock::time_point start_;
  Clock::time_point shown_at_;
  bool bar_is_shown_ = false;
};

}  // namespace ringfort::ctl

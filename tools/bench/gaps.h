// For how long writes to a shard failed or hung: the times between the end of one successful write
// and the end of the next. A gap is counted whole, with the pause between two writes and the write
// itself.
#pragma once

#include <chrono>

namespace ringfort::bench {

struct Gap {
  std::chrono::steady_clock::duration length{0};
  std::chrono::steady_clock::time_point begin;
};

/// Of one shard. Pure: it is told the time.
class GapTracker {
 public:
  using Time = std::chrono::steady_clock::time_point;

  /// The first gap begins here.
  explicit GapTracker(Time start) : last_(start) { longest_.begin = window_.begin = start; }

  void OnSuccess(Time end) {
    Extend(&longest_, end);
    Extend(&window_, end);
    last_ = end;
  }

  /// From here on longest_in_window looks only at gaps that end later; the one under way counts
  /// whole.
  void BeginWindow() { window_ = {{}, last_}; }

  /// With the gap under way at `now`.
  [[nodiscard]] Gap longest(Time now) const {
    Gap gap = longest_;
    Extend(&gap, now);
    return gap;
  }
  [[nodiscard]] Gap longest_in_window(Time now) const {
    Gap gap = window_;
    Extend(&gap, now);
    return gap;
  }

 private:
  void Extend(Gap* gap, Time end) const {
    if (end - last_ > gap->length) *gap = {end - last_, last_};
  }

  Time last_;
  Gap longest_;
  Gap window_;
};

}  // namespace ringfort::bench

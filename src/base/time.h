// The two kinds of time. Nothing here reads a clock: see env/clock.h for the door.
#pragma once

#include <chrono>
#include <cstdint>
#include <ostream>

namespace ringfort {

using Duration = std::chrono::nanoseconds;

/// Time that never jumps and counts suspend (CLOCK_BOOTTIME). Its zero means nothing: only
/// differences on one machine do.
struct MonotonicTimeline {
  using rep = std::int64_t;
  using period = std::nano;
  using duration = Duration;
  using time_point = std::chrono::time_point<MonotonicTimeline, Duration>;
};
using MonotonicTime = MonotonicTimeline::time_point;

/// Before every time that a clock shows: "never so far".
inline constexpr MonotonicTime kNever{Duration::min()};
/// After every time that a clock shows: "no deadline".
inline constexpr MonotonicTime kForever{Duration::max()};

}  // namespace ringfort

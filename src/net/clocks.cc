// The only place that reads a clock of the machine.
#include "net/clocks.h"

#include <time.h>

#include "base/check.h"

namespace ringfort::net {

MonotonicTime MonotonicNow() {
  timespec now{};
  RF_CHECK(clock_gettime(CLOCK_BOOTTIME, &now) == 0);
  return MonotonicTime(std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec));
}

std::chrono::system_clock::time_point SystemWallClock::Now() const {
  return std::chrono::system_clock::now();
}

}  // namespace ringfort::net

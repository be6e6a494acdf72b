// The machine's clocks.
#pragma once

#include "base/time.h"
#include "env/loop.h"

namespace ringfort::net {

/// CLOCK_BOOTTIME, read now: it never jumps and counts suspend, as leases need. About 30 ns a call
/// through the vDSO. Thread-safe.
MonotonicTime MonotonicNow();

/// CLOCK_REALTIME. Thread-safe.
class SystemWallClock final : public env::WallClock {
 public:
  [[nodiscard]] std::chrono::system_clock::time_point Now() const override;
};

}  // namespace ringfort::net

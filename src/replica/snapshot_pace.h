// How fast a node sends snapshots: one budget for all its transfers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>

#include "base/time.h"

namespace ringfort::replica {

/// The generic cell rate algorithm (ITU-T I.371, annex A): who takes bytes is told when they have
/// their turn behind all that was taken before, so no queue of waiting transfers is needed.
/// Thread-safe.
class SnapshotPace {
 public:
  /// 0 is no limit.
  explicit SnapshotPace(std::uint64_t bytes_per_second) : bytes_per_second_(bytes_per_second) {}

  /// Takes `bytes`: how long to wait before they are sent.
  Duration Take(std::size_t bytes, MonotonicTime now);

 private:
  const std::uint64_t bytes_per_second_;
  std::mutex mutex_;
  /// When all that was taken is paid for. Guarded by mutex_.
  MonotonicTime paid_at_ = kNever;
};

}  // namespace ringfort::replica

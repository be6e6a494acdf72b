// How fast a node sends snapshots.
#include "replica/snapshot_pace.h"

#include <algorithm>
#include <chrono>

namespace ringfort::replica {
namespace {

/// What was not used for at most so long may be caught up on: timers are late by some milliseconds.
constexpr Duration kBurst = std::chrono::milliseconds(50);

}  // namespace

Duration SnapshotPace::Take(std::size_t bytes, MonotonicTime now) {
  if (bytes_per_second_ == 0) return Duration(0);
  const double seconds = static_cast<double>(bytes) / static_cast<double>(bytes_per_second_);
  const auto cost = std::chrono::duration_cast<Duration>(std::chrono::duration<double>(seconds));
  const std::lock_guard lock(mutex_);
  const MonotonicTime turn = std::max(paid_at_, now - kBurst);
  paid_at_ = turn + cost;
  return std::max(turn - now, Duration(0));
}

}  // namespace ringfort::replica

// How patient the client is: the waits of its retry policy, and how they grow.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

#include "base/random.h"
#include "base/time.h"

namespace ringfort::client {

/// A wait that doubles from `first` to `most`, with jitter, so that clients that failed together do
/// not come back together.
struct Backoff {
  Duration first;
  Duration most;

  /// The wait before jitter, for the `n`th time in a row (from 0).
  [[nodiscard]] Duration Whole(std::uint32_t n) const {
    return std::min(most, first * (std::int64_t{1} << std::min<std::uint32_t>(n, 20)));
  }
  /// Uniform in the upper half of it.
  [[nodiscard]] Duration Next(std::uint32_t n, Random& random) const {
    const Duration whole = Whole(n);
    return whole / 2 + Duration(static_cast<std::int64_t>(
                           random.Below(static_cast<std::uint64_t>(whole.count() / 2) + 1)));
  }
};

struct Tuning {
  /// How long one try may stay without an answer before another replica is asked; grows with each
  /// try of a call that got none, so that a slow primary is not flooded with copies.
  Backoff try_timeout{std::chrono::milliseconds(300), std::chrono::milliseconds(2400)};
  /// The same for the meta group's primary, which may have a plan to compute first.
  Backoff meta_try_timeout{std::chrono::milliseconds(1200), std::chrono::milliseconds(4800)};
  /// After all replicas of a shard were asked in vain.
  Backoff no_primary{std::chrono::milliseconds(5), std::chrono::milliseconds(80)};
  /// After kOverloaded without a wait hint.
  Backoff overloaded{std::chrono::milliseconds(10), std::chrono::milliseconds(500)};
  /// Between questions to a node that does not answer, whether it answers again.
  Backoff probe{std::chrono::milliseconds(200), std::chrono::milliseconds(2000)};
  /// Between two fetches of the map that calls asked for.
  Duration refresh_pause = std::chrono::milliseconds(250);
  /// A session without a write for so long is kept alive by a message.
  Duration keep_session_after = std::chrono::minutes(10);
  /// How long one attempt to open a session, or to keep one, goes on.
  Duration housekeeping_timeout = std::chrono::seconds(5);
  /// How often a call opens another session before it reports kSessionExpired.
  std::uint32_t sessions_per_call_max = 3;
};

}  // namespace ringfort::client

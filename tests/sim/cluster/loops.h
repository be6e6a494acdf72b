// The simulated twins of a process's clock, event loops and blocking pool.
#pragma once

#include <cstdint>
#include <set>

#include "base/random.h"
#include "env/loop.h"
#include "tests/sim/cluster/events.h"

namespace ringfort::sim {

/// A machine's monotonic clock: it starts anywhere and runs a little fast or slow. It jumps only
/// over what nobody lived through: a process that is frozen.
class DriftingClock {
 public:
  /// `drift_ppm`: by so many millionths it is fast.
  DriftingClock(const Events* events, Duration offset, std::int64_t drift_ppm)
      : events_(events), offset_(offset), drift_ppm_(drift_ppm) {}
  [[nodiscard]] MonotonicTime Now() const;
  /// The true time at which this clock shows `local`, or a moment later.
  [[nodiscard]] MonotonicTime TrueTime(MonotonicTime local) const;

 private:
  const Events* events_;
  Duration offset_;
  std::int64_t drift_ppm_;
};

/// What the wall of a machine shows: the true time, until somebody sets it.
class SimWallClock final : public env::WallClock {
 public:
  explicit SimWallClock(const Events* events) : events_(events) {}
  [[nodiscard]] std::chrono::system_clock::time_point Now() const override;
  void Jump(Duration by) { ahead_ += by; }

 private:
  const Events* const events_;
  Duration ahead_{0};
};

class SimLoop final : public env::Loop {
 public:
  SimLoop(Events* events, const Process* process, const DriftingClock* clock, Random random)
      : events_(events), process_(process), clock_(clock), random_(random) {}

  void Post(env::Task task) override;
  [[nodiscard]] MonotonicTime Now() const override { return clock_->Now(); }
  env::TimerId RunAt(MonotonicTime when, env::Task task) override;
  void Cancel(env::TimerId timer) override { pending_.erase(timer); }
  /// Until then the loop does not turn, though the process runs. Not while it hangs already, or
  /// works off what was put off: that keeps its order.
  void Hang(MonotonicTime until) {
    if (busy_until_ < events_->now()) busy_until_ = until;
  }

 private:
  /// Now, or in its order once the loop turns again: one task after the other, each a moment later
  /// than the one before. Time that stands still would make one arrival of many (what a primary
  /// was promised while its loop hung would not count).
  void Run(env::Task task);

  Events* const events_;
  const Process* const process_;
  const DriftingClock* const clock_;
  Random random_;
  /// Tasks run in the order in which they were posted.
  MonotonicTime last_post_ = kNever;
  std::set<env::TimerId> pending_;
  env::TimerId last_timer_ = 0;
  /// By then the loop has done what was put off.
  MonotonicTime busy_until_ = kNever;
};

/// Several threads: tasks end in any order, and some take long.
class SimPool final : public env::Executor {
 public:
  SimPool(Events* events, const Process* process, Random random)
      : events_(events), process_(process), random_(random) {}
  void Post(env::Task task) override;

 private:
  Events* const events_;
  const Process* const process_;
  Random random_;
};

/// Uniform in [least, most].
Duration Between(Random& random, Duration least, Duration most);

}  // namespace ringfort::sim

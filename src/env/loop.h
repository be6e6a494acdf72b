// The door to threads, timers and clocks. Nothing below layer 7 reads a clock or starts a thread by
// itself: it is handed these, by the real world (src/net) or by the simulator.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>

#include "base/time.h"

namespace ringfort::env {

using Task = std::function<void()>;

/// Names one pending timer of one loop; 0 names none.
using TimerId = std::uint64_t;

/// A queue of tasks that some thread runs.
class Executor {
 public:
  virtual ~Executor() = default;
  /// Queues the task. Thread-safe. Tasks of a Loop run in order, one at a time.
  virtual void Post(Task task) = 0;
};

/// An event loop: one thread for life, which must never block.
class Loop : public Executor {
 public:
  /// The clock, read now. Thread-safe.
  [[nodiscard]] virtual MonotonicTime Now() const = 0;
  /// Runs the task on this loop at `when` or soon after. Call on this loop's thread.
  virtual TimerId RunAt(MonotonicTime when, Task task) = 0;
  /// Forgets the timer if it has not fired; its task is never run after this. On this loop's
  /// thread.
  virtual void Cancel(TimerId timer) = 0;
};

/// What a wall shows. Jumps, and is never trusted for safety.
class WallClock {
 public:
  virtual ~WallClock() = default;
  [[nodiscard]] virtual std::chrono::system_clock::time_point Now() const = 0;
};

}  // namespace ringfort::env

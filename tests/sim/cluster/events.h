// Everything that will happen in the simulated world, ordered by its true time. One thread; equal
// seeds give equal runs.
#pragma once

#include <cstdint>
#include <cstdio>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "base/time.h"
#include "env/loop.h"

namespace ringfort::sim {

/// What has happened, as one number; two runs are the same if their numbers are.
class Trace {
 public:
  explicit Trace(bool prints) : prints_(prints) {}
  /// `who` is a node, 0 the world. `text` is made only for a run that prints; `bytes` always
  /// counts.
  void Note(MonotonicTime at, std::uint32_t who, std::string_view what,
            std::string_view bytes = {});
  /// One line of a run that is looked at.
  void Say(MonotonicTime at, std::uint32_t who, const std::function<std::string()>& line) const;
  [[nodiscard]] std::uint64_t hash() const { return hash_; }

 private:
  const bool prints_;
  std::uint64_t hash_ = 0;
};

/// A process that the world may stop or freeze.
struct Process {
  std::uint32_t who = 0;
  /// False: nothing of it runs any more.
  bool alive = true;
  /// Until then nothing of it runs; its clocks go on.
  MonotonicTime frozen_until = kNever;
};

class Events {
 public:
  explicit Events(bool prints) : trace(prints) {}

  [[nodiscard]] MonotonicTime now() const { return now_; }
  /// `owner` is null for what the world itself does. `what` is a literal.
  void At(MonotonicTime when, const Process* owner, const char* what, env::Task task);
  void After(Duration wait, const Process* owner, const char* what, env::Task task) {
    At(now_ + wait, owner, what, std::move(task));
  }
  void RunUntil(MonotonicTime end);
  /// Runs until the condition holds; false when it does not by `end`.
  bool RunUntil(MonotonicTime end, const std::function<bool()>& condition);
  /// Nothing runs any more, and both RunUntil return.
  void Stop() { stopped_ = true; }
  [[nodiscard]] bool stopped() const { return stopped_; }
  /// Forgets all that this process had before it, and what its tasks held.
  void Forget(const Process* owner);
  /// Forgets everything.
  void Clear();
  /// Counts what has run: the order of moments, also of those at the same time.
  [[nodiscard]] std::uint64_t step() const { return steps_; }

  Trace trace;

 private:
  struct Event {
    const Process* owner;
    const char* what;
    env::Task task;
  };
  void RunNext();

  MonotonicTime now_{std::chrono::hours(1)};
  std::map<std::pair<MonotonicTime, std::uint64_t>, Event> queue_;
  std::uint64_t last_ = 0;
  std::uint64_t steps_ = 0;
  bool stopped_ = false;
};

}  // namespace ringfort::sim

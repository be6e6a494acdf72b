// Ctrl-C and a polite kill, as the end of a wait instead of the end of the process.
#pragma once

#include <signal.h>

#include <chrono>

namespace ringfort::cli {

/// While it lives, SIGINT and SIGTERM only end Wait; after it they do what they did before. One at
/// a time in a process; for one thread.
class Interrupt {
 public:
  Interrupt();
  ~Interrupt();
  Interrupt(const Interrupt&) = delete;
  Interrupt& operator=(const Interrupt&) = delete;

  /// True when `duration` has passed (at once if it is not above zero); false, within 50 ms, once a
  /// signal has come, and from then on always.
  bool Wait(std::chrono::nanoseconds duration) const;

 private:
  struct sigaction before_interrupt_ {};
  struct sigaction before_terminate_ {};
};

}  // namespace ringfort::cli

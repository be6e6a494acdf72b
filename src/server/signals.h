// What signals mean to a node, from its first instruction on.
#pragma once

#include <csignal>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

namespace ringfort::server {

/// Takes SIGTERM, SIGINT, SIGHUP and SIGUSR1 of the process on a thread of its own. Before the node
/// runs, SIGTERM and SIGINT end the process; while it runs, they ask it to stop; while it stops, a
/// second one ends it at once. SIGHUP and SIGUSR1 leave one line. One in a process; Block comes
/// before any thread is made.
class Signals {
 public:
  /// Both are called on that thread.
  struct Doors {
    /// A line for the log.
    std::function<void(const std::string& line)> say;
    /// The process ends now, without waiting for anybody.
    std::function<void(int exit_code)> end;
  };
  explicit Signals(Doors doors);
  /// No thread that is made from now on is interrupted by them. Before the first is made.
  static void Block();
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;

  /// How the process ends on a signal as long as the node does not run; 0 unless it is set.
  void SetExitCodeBeforeRunning(int exit_code);
  /// The node runs: from now on it is asked to stop. Returns what asked it, "SIGTERM", or what
  /// AskToStop was told.
  std::string WaitUntilAsked();
  /// The node itself has a reason. Again: nothing. Thread-safe.
  void AskToStop(const std::string& why);

 private:
  struct State;
  /// Shared with the thread, which never ends.
  const std::shared_ptr<State> state_;
};

}  // namespace ringfort::server

// A child process of a test.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <optional>
#include <string>
#include <vector>

namespace ringfort::integration {

/// Started by the constructor; killed and reaped by the destructor if it still runs. What it prints
/// goes to a file. One thread.
class Process {
 public:
  /// `words[0]` is the program's path. Appends both outputs to `output_file`.
  Process(const std::vector<std::string>& words, std::string output_file);
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  void Signal(int signal) const;
  /// Waits for its end: the exit code, 128 + the signal that ended it, or none when the time is
  /// over.
  std::optional<int> Wait(std::chrono::milliseconds limit);
  /// kill -9, and reaps.
  void Kill();
  [[nodiscard]] std::string Output() const;
  [[nodiscard]] pid_t pid() const { return pid_; }

 private:
  std::optional<int> Reap(bool block);

  const std::string output_file_;
  pid_t pid_ = -1;
  std::optional<int> exit_code_;
};

}  // namespace ringfort::integration

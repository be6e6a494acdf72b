// The node's log, on standard error: whoever does not read it holds nobody up.
#pragma once

#include <glog/logging.h>

#include <cstddef>
#include <cstdint>
#include <memory>

namespace ringfort::server {

/// Takes glog's lines from any thread, without waiting, and writes them on a thread of its own.
/// What does not fit into its bound is dropped and counted, and the count is written once there is
/// room. One in a process; while it lives, glog itself writes nothing.
class LogLines final : public google::LogSink {
 public:
  /// So much waits for a reader.
  static constexpr std::size_t kWaitingBytesMax = std::size_t{1} << 20;

  /// Writes to `descriptor`, which is not owned.
  explicit LogLines(int descriptor);
  /// Waits a moment for what is still to be written.
  ~LogLines() override;
  LogLines(const LogLines&) = delete;
  LogLines& operator=(const LogLines&) = delete;

  /// Lines that nobody will read. Thread-safe.
  [[nodiscard]] std::uint64_t dropped() const;
  /// Returns once all is written, or after a moment: before the process ends by itself. Of the one
  /// that there is or was, if there is one. Thread-safe.
  static void Flush();

  void send(google::LogSeverity severity, const char* full_filename, const char* base_filename,
            int line, const google::LogMessageTime& time, const char* message,
            std::size_t message_bytes) override;

 private:
  struct Queue;
  static std::shared_ptr<Queue>& Current();
  /// Shared with the thread, which may hang in a write for as long as the process lives.
  const std::shared_ptr<Queue> queue_;
};

}  // namespace ringfort::server

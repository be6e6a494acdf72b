#include "server/log_lines.h"

#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

namespace ringfort::server {
namespace {

constexpr std::chrono::milliseconds kFlushMax{500};

void WriteAll(int descriptor, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(descriptor, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0 && errno == EAGAIN) {
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
      continue;
    }
    if (written < 0) return;  // Whoever read it is gone.
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
}

std::atomic<LogLines*> current{nullptr};

/// glog writes to nothing but its sinks.
void SilenceGlog() {
  constexpr int kNone = google::NUM_SEVERITIES;
  FLAGS_logtostderr = false;
  FLAGS_stderrthreshold = kNone;
  for (int severity = 0; severity < kNone; ++severity) google::SetLogDestination(severity, "");
}

}  // namespace

struct LogLines::Queue {
  explicit Queue(int to) : descriptor(to) {}

  void Run() {
    std::unique_lock lock(mutex);
    while (true) {
      changed.wait(lock, [this] { return stopping || !waiting.empty(); });
      if (waiting.empty()) return;
      std::string lines = std::exchange(waiting, {});
      if (dropped_unsaid > 0) {
        lines += std::to_string(dropped_unsaid) + " log lines were dropped: nobody read the log\n";
        dropped_unsaid = 0;
      }
      writing = true;
      lock.unlock();
      WriteAll(descriptor, lines);
      lock.lock();
      writing = false;
      changed.notify_all();
    }
  }

  const int descriptor;
  std::mutex mutex;
  std::condition_variable changed;
  std::string waiting;
  std::uint64_t dropped = 0;
  std::uint64_t dropped_unsaid = 0;
  bool writing = false;
  bool stopping = false;
};

LogLines::LogLines(int descriptor) : queue_(std::make_shared<Queue>(descriptor)) {
  SilenceGlog();
  current = this;
  google::AddLogSink(this);
  std::thread([queue = queue_] { queue->Run(); }).detach();
}

LogLines::~LogLines() {
  current = nullptr;
  google::RemoveLogSink(this);
  Flush();
  const std::lock_guard lock(queue_->mutex);
  queue_->stopping = true;
  queue_->changed.notify_all();
}

void LogLines::FlushNow() {
  if (LogLines* log = current.load()) log->Flush();
}

std::uint64_t LogLines::dropped() const {
  const std::lock_guard lock(queue_->mutex);
  return queue_->dropped;
}

void LogLines::Flush() {
  std::unique_lock lock(queue_->mutex);
  queue_->changed.wait_for(lock, kFlushMax,
                           [this] { return queue_->waiting.empty() && !queue_->writing; });
}

void LogLines::send(google::LogSeverity severity, const char* /*full_filename*/,
                    const char* base_filename, int line, const google::LogMessageTime& time,
                    const char* message, std::size_t message_bytes) {
  std::string text = ToString(severity, base_filename, line, time, message, message_bytes) + "\n";
  const std::lock_guard lock(queue_->mutex);
  if (queue_->waiting.size() + text.size() > kWaitingBytesMax) {
    ++queue_->dropped;
    ++queue_->dropped_unsaid;
    return;
  }
  queue_->waiting += text;
  queue_->changed.notify_all();
}

}  // namespace ringfort::server

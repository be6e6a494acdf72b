#include "server/log_lines.h"

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>
#include <utility>

#include "base/descriptors.h"

namespace ringfort::server {
namespace {

constexpr std::chrono::milliseconds kFlushMax{500};

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
      WriteAll(descriptor, lines);  // Where it fails, whoever read it is gone.
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

std::shared_ptr<LogLines::Queue>& LogLines::Current() {
  // Never destroyed: a thread may flush while the process ends.
  static auto& current = *new std::shared_ptr<Queue>();
  return current;
}

LogLines::LogLines(int descriptor) : queue_(std::make_shared<Queue>(descriptor)) {
  SilenceGlog();
  Current() = queue_;
  google::AddLogSink(this);
  std::thread([queue = queue_] { queue->Run(); }).detach();
}

LogLines::~LogLines() {
  google::RemoveLogSink(this);
  Flush();
  const std::lock_guard lock(queue_->mutex);
  queue_->stopping = true;
  queue_->changed.notify_all();
}

void LogLines::Flush() {
  Queue* const queue = Current().get();
  if (queue == nullptr) return;
  std::unique_lock lock(queue->mutex);
  queue->changed.wait_for(lock, kFlushMax,
                          [queue] { return queue->waiting.empty() && !queue->writing; });
}

std::uint64_t LogLines::dropped() const {
  const std::lock_guard lock(queue_->mutex);
  return queue_->dropped;
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

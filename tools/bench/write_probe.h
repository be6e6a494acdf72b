// Writes to every shard all the time, one write a shard outstanding, and watches for how long each
// shard takes none.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <queue>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "ringfort/client.h"
#include "tools/bench/error_counts.h"
#include "tools/bench/gaps.h"

namespace ringfort::bench {

struct ShardProbe {
  std::uint64_t writes = 0;
  std::uint64_t failed = 0;
  Gap longest;
};

/// A key of each shard, found by hashing.
std::vector<std::string> KeyOfEachShard(const Client& client, std::size_t shards);

class WriteProbe {
 public:
  using Clock = std::chrono::steady_clock;

  /// Starts to write. A shard's next write begins `interval` after the one before began, or when
  /// that one has ended, whichever is later. `client` outlives this.
  WriteProbe(Client& client, std::vector<std::string> keys, std::chrono::milliseconds interval);
  /// Ends it, if Stop did not.
  ~WriteProbe();
  WriteProbe(const WriteProbe&) = delete;
  WriteProbe& operator=(const WriteProbe&) = delete;

  /// From here on Recovered counts.
  void BeginWindow();
  /// Returns once every shard has taken a write that began after `since`, with the longest gap of
  /// any shard that had not ended when the window began. kDeadlineExceeded names a shard that takes
  /// none.
  Result<Clock::duration> Recovered(Clock::time_point since, std::chrono::milliseconds limit);

  /// Begins no more writes, waits for the last answers, and returns what each shard saw.
  std::vector<ShardProbe> Stop();

  /// Of failed writes. After Stop.
  [[nodiscard]] const ErrorCounts& errors() const { return errors_; }
  [[nodiscard]] Clock::time_point start() const { return start_; }

 private:
  struct Shard {
    GapTracker gaps;
    std::uint64_t writes = 0;
    std::uint64_t failed = 0;
    /// When the newest successful write began.
    Clock::time_point newest_begin;
  };
  using Due = std::pair<Clock::time_point, std::size_t>;

  void Drive();
  void OnAnswer(std::size_t shard, Clock::time_point begin, const Status& status);

  Client& client_;
  const std::vector<std::string> keys_;
  const std::chrono::milliseconds interval_;
  const Clock::time_point start_;

  std::mutex mutex_;
  std::condition_variable changed_;
  // Guarded by mutex_.
  std::vector<Shard> shards_;
  std::priority_queue<Due, std::vector<Due>, std::greater<>> due_;
  std::size_t in_flight_ = 0;
  bool stopping_ = false;
  ErrorCounts errors_;

  std::thread driver_;
};

}  // namespace ringfort::bench

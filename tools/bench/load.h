// ringfort-bench put, get and mixed: a closed loop of so many requests outstanding, and what it
// measures.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>

#include "ringfort/client.h"
#include "tools/bench/error_counts.h"
#include "tools/bench/histogram.h"
#include "tools/cli/command_line.h"

namespace ringfort::bench {

struct LoadOptions {
  /// Of 100 requests, so many are gets; the rest are puts.
  std::uint32_t get_percent = 0;
  std::size_t outstanding = 64;
  /// Connections; the outstanding requests are spread over them.
  std::size_t clients = 1;
  std::uint64_t keys = 0;
  std::size_t value_bytes = 0;
  std::chrono::milliseconds warmup{0};
  std::chrono::milliseconds duration{0};
  /// The figures are also taken for each interval by itself; zero: only for all together.
  std::chrono::milliseconds interval{0};
  std::uint64_t seed = 1;
};

struct LoadResult {
  /// Of the requests that succeeded.
  Histogram latencies;
  /// Gets of keys that were not there: the key space was not loaded, or lost.
  ErrorCounts errors;
  double seconds = 0;

  void Add(const LoadResult& other);
};

/// How many values of that size LoadKeys has on their way. What a cluster takes at once is bounded
/// by bytes too.
constexpr std::uint64_t LoadOutstanding(std::size_t value_bytes) {
  constexpr std::uint64_t kMost = 512;
  constexpr std::uint64_t kMostBytes = std::uint64_t{4} << 20;
  return std::clamp<std::uint64_t>(kMostBytes / std::max<std::uint64_t>(value_bytes, 1), 1, kMost);
}

/// Writes every key once, many at a time. The first error ends it.
Status LoadKeys(Client& client, const LoadOptions& options);

/// Requests that begin before the warm-up is over are not counted. The outstanding requests
/// together stay far below ClientOptions::pending_bytes_max: a request that the client refuses at
/// once would be sent again at once, for ever deeper. SIGINT or SIGTERM ends it early, with the
/// figures so far. `on_interval` is called by the caller's thread at the end of each interval, with
/// what was answered in it; what is outstanding at the end counts to the last.
Result<LoadResult> RunLoad(const ClientOptions& client_options, const LoadOptions& options,
                           const std::function<void(const LoadResult&)>& on_interval);

/// The command: `put`, `get` or `mixed`.
int RunLoadCommand(const cli::CommandLine& line);

}  // namespace ringfort::bench

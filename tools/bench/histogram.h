// Latencies as counts in buckets that grow with the value: any percentile within 1 %, in a few KiB,
// whatever the number of samples (the log-linear buckets of G. Tene's HdrHistogram).
#pragma once

#include <chrono>
#include <cstdint>
#include <vector>

namespace ringfort::bench {

/// Not thread-safe: one for each thread, then Add.
class Histogram {
 public:
  Histogram();

  void Record(std::chrono::nanoseconds latency);
  void Add(const Histogram& other);

  [[nodiscard]] std::uint64_t count() const { return count_; }
  [[nodiscard]] std::chrono::nanoseconds max() const { return std::chrono::nanoseconds(max_); }
  /// The smallest latency that at least `part` (0 to 1) of the samples do not exceed, up to a
  /// bucket's width above it; zero without samples.
  [[nodiscard]] std::chrono::nanoseconds Percentile(double part) const;

 private:
  /// Values below 2^kSubBits have buckets of their own; above, each power of two has 2^(kSubBits -
  /// 1).
  static constexpr int kSubBits = 8;
  static std::size_t BucketOf(std::uint64_t value);
  /// The largest value that falls into the bucket.
  static std::uint64_t TopOf(std::size_t bucket);

  std::vector<std::uint64_t> buckets_;
  std::uint64_t count_ = 0;
  std::uint64_t max_ = 0;
};

}  // namespace ringfort::bench

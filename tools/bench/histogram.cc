#include "tools/bench/histogram.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace ringfort::bench {

Histogram::Histogram() : buckets_(BucketOf(UINT64_MAX) + 1, 0) {}

std::size_t Histogram::BucketOf(std::uint64_t value) {
  constexpr std::uint64_t kHalf = std::uint64_t{1} << (kSubBits - 1);
  const int bits = static_cast<int>(std::bit_width(value));
  if (bits <= kSubBits) return value;
  const int shift = bits - kSubBits;
  return static_cast<std::size_t>(shift) * kHalf + (value >> shift);
}

std::uint64_t Histogram::TopOf(std::size_t bucket) {
  constexpr std::uint64_t kHalf = std::uint64_t{1} << (kSubBits - 1);
  if (bucket < 2 * kHalf) return bucket;
  const std::uint64_t shift = bucket / kHalf - 1;
  const std::uint64_t within = bucket - shift * kHalf;
  return (within << shift) + ((std::uint64_t{1} << shift) - 1);
}

void Histogram::Record(std::chrono::nanoseconds latency) {
  const auto value = static_cast<std::uint64_t>(std::max<std::int64_t>(latency.count(), 0));
  ++buckets_[BucketOf(value)];
  ++count_;
  max_ = std::max(max_, value);
}

void Histogram::Add(const Histogram& other) {
  for (std::size_t i = 0; i < buckets_.size(); ++i) buckets_[i] += other.buckets_[i];
  count_ += other.count_;
  max_ = std::max(max_, other.max_);
}

std::chrono::nanoseconds Histogram::Percentile(double part) const {
  if (count_ == 0) return std::chrono::nanoseconds(0);
  const auto wanted = std::max<std::uint64_t>(
      1, static_cast<std::uint64_t>(std::ceil(part * static_cast<double>(count_))));
  std::uint64_t seen = 0;
  for (std::size_t i = 0; i < buckets_.size(); ++i) {
    seen += buckets_[i];
    if (seen >= wanted) return std::chrono::nanoseconds(std::min(TopOf(i), max_));
  }
  return max();
}

}  // namespace ringfort::bench

// Which shard keys are asked for most, by sampling: the space-saving sketch of Metwally, Agrawal
// and El Abbadi ("Efficient computation of frequent and top-k elements in data streams", ICDT 2005,
// section 3), fed with one key in 32.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/random.h"

namespace ringfort::replica {

/// Holds at most kKeysMax keys, whole. One thread.
class HotKeys {
 public:
  static constexpr std::size_t kKeysMax = 64;
  static constexpr std::uint64_t kSampleOneIn = 32;

  /// The gaps between samples are drawn, so that keys asked for in a fixed round are not seen or
  /// missed for ever. Equal seeds and calls give equal sketches.
  explicit HotKeys(std::uint64_t seed, std::uint64_t sample_one_in = kSampleOneIn);

  void Count(std::string_view shard_key) {
    if (--until_sample_ == 0) Sample(shard_key);
  }
  /// What was counted so far weighs `factor` times what it did; from 0 to 1.
  void Decay(double factor);

  struct Share {
    /// Good until the next Count.
    std::string_view key;
    /// Of what was sampled, decayed. Never more than the key's true share of that, and less by at
    /// most 1 / kKeysMax.
    double share = 0;
  };
  /// The `count` keys of the largest shares at most, the largest first. A key that is not among
  /// all kKeysMax has a true share of at most 1 / kKeysMax.
  [[nodiscard]] std::vector<Share> Hottest(std::size_t count) const;
  /// How many samples weigh in the shares, decayed.
  [[nodiscard]] double weight() const { return weight_; }

 private:
  struct Counter {
    std::string key;
    double count = 0;
    /// So much of `count` may be of keys that had the counter before.
    double error = 0;
  };

  void Sample(std::string_view shard_key);
  void DrawGap();

  const std::uint64_t sample_one_in_;
  Random random_;
  std::uint64_t until_sample_ = 0;
  std::vector<Counter> counters_;
  /// The sum of all counts.
  double weight_ = 0;
};

}  // namespace ringfort::replica

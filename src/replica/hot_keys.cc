#include "replica/hot_keys.h"

#include <algorithm>
#include <tuple>

namespace ringfort::replica {
namespace {

/// Less than this of a sample is nothing; further decay would end in 0 / 0.
constexpr double kForgottenWeight = 1e-6;

}  // namespace

HotKeys::HotKeys(std::uint64_t seed, std::uint64_t sample_one_in)
    : sample_one_in_(sample_one_in), random_(seed) {
  DrawGap();
}

void HotKeys::DrawGap() {
  until_sample_ = 1 + random_.Below(2 * sample_one_in_ - 1);
}

void HotKeys::Sample(std::string_view shard_key) {
  DrawGap();
  weight_ += 1;
  const auto known =
      std::find_if(counters_.begin(), counters_.end(),
                   [shard_key](const Counter& counter) { return counter.key == shard_key; });
  if (known != counters_.end()) {
    known->count += 1;
    return;
  }
  if (counters_.size() < kKeysMax) {
    counters_.push_back({std::string(shard_key), 1, 0});
    return;
  }
  // Nothing is known of what the newcomer had before, but that it was no more than the least.
  Counter& least =
      *std::min_element(counters_.begin(), counters_.end(),
                        [](const Counter& a, const Counter& b) { return a.count < b.count; });
  least.key = shard_key;
  least.error = least.count;
  least.count += 1;
}

void HotKeys::Decay(double factor) {
  for (Counter& counter : counters_) {
    counter.count *= factor;
    counter.error *= factor;
  }
  weight_ *= factor;
  if (weight_ > kForgottenWeight) return;
  counters_.clear();
  weight_ = 0;
}

std::vector<HotKeys::Share> HotKeys::Hottest(std::size_t count) const {
  std::vector<Share> shares;
  for (const Counter& counter : counters_) {
    shares.push_back({counter.key, (counter.count - counter.error) / weight_});
  }
  std::sort(shares.begin(), shares.end(), [](const Share& a, const Share& b) {
    return std::tie(b.share, a.key) < std::tie(a.share, b.key);
  });
  if (shares.size() > count) shares.resize(count);
  return shares;
}

}  // namespace ringfort::replica

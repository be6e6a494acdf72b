// The sketch of hot keys, against exact counts (Metwally, Agrawal, El Abbadi, ICDT 2005: theorem 2
// and lemma 4 are the bounds that are checked).
#include "replica/hot_keys.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <string>
#include <vector>

namespace ringfort::replica {
namespace {

/// Draws 0, 1, 2... with a probability that falls as 1 / (n + 1)^skew.
class Zipf {
 public:
  Zipf(std::size_t keys, double skew) {
    double sum = 0;
    for (std::size_t n = 0; n < keys; ++n) {
      sum += std::pow(static_cast<double>(n + 1), -skew);
      cumulative_.push_back(sum);
    }
  }
  std::size_t Draw(Random* random) const {
    const double at = random->Fraction() * cumulative_.back();
    return static_cast<std::size_t>(std::upper_bound(cumulative_.begin(), cumulative_.end(), at) -
                                    cumulative_.begin());
  }

 private:
  std::vector<double> cumulative_;
};

/// The dumb twin: every key has its counter.
class ExactShares {
 public:
  void Count(const std::string& key) {
    counts_[key] += 1;
    weight_ += 1;
  }
  void Decay(double factor) {
    for (auto& [key, count] : counts_) count *= factor;
    weight_ *= factor;
  }
  /// No key is estimated above its share, nor more than 1/64 below it.
  void ExpectNear(const HotKeys& sketch) const {
    std::map<std::string, double> estimates;
    for (const HotKeys::Share& share : sketch.Hottest(HotKeys::kKeysMax)) {
      estimates.emplace(share.key, share.share);
    }
    EXPECT_LE(estimates.size(), HotKeys::kKeysMax);
    EXPECT_NEAR(sketch.weight(), weight_, 1e-6 * weight_);
    for (const auto& [key, count] : counts_) {
      const double share = count / weight_;
      ASSERT_LE(estimates[key], share + 1e-9) << key;
      ASSERT_GE(estimates[key], share - 1.0 / HotKeys::kKeysMax - 1e-9) << key;
    }
  }

 private:
  std::map<std::string, double> counts_;
  double weight_ = 0;
};

TEST(HotKeys, AreWithinTheSketchsBoundsOnZipfianRequests) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    const Zipf zipf(1 + random.Below(3000), 2 * random.Fraction());
    HotKeys sketch(seed, /*sample_one_in=*/1);
    ExactShares exact;
    for (int i = 0; i < 5000; ++i) {
      const std::string key = "key-" + std::to_string(zipf.Draw(&random));
      sketch.Count(key);
      exact.Count(key);
      if (random.OneIn(200)) {
        const double factor = random.Fraction();
        sketch.Decay(factor);
        exact.Decay(factor);
      }
      if (random.OneIn(500)) exact.ExpectNear(sketch);
    }
    if (testing::Test::HasFatalFailure()) return;
  }
}

TEST(HotKeys, ComeHottestFirstAndAsManyAsWanted) {
  HotKeys sketch(1, 1);
  for (const char* key : {"b", "a", "c", "a", "b", "a"}) sketch.Count(key);
  const auto hottest = sketch.Hottest(2);
  ASSERT_EQ(hottest.size(), 2U);
  EXPECT_EQ(hottest[0].key, "a");
  EXPECT_DOUBLE_EQ(hottest[0].share, 0.5);
  EXPECT_EQ(hottest[1].key, "b");
}

// With a sample at every 32nd request exactly, one of these keys would have all the samples.
TEST(HotKeys, AreSampledFairlyFromKeysInAFixedRound) {
  HotKeys sketch(3);
  for (int i = 0; i < 320'000; ++i) sketch.Count("key-" + std::to_string(i % 32));
  EXPECT_NEAR(sketch.weight(), 10'000, 500);
  const auto shares = sketch.Hottest(HotKeys::kKeysMax);
  ASSERT_EQ(shares.size(), 32U);
  for (const HotKeys::Share& share : shares) EXPECT_NEAR(share.share, 1.0 / 32, 0.01) << share.key;
}

TEST(HotKeys, ThatDecayedToNothingAreForgotten) {
  HotKeys sketch(1, 1);
  sketch.Count("a");
  sketch.Decay(0);
  EXPECT_TRUE(sketch.Hottest(1).empty());
  sketch.Count("b");
  ASSERT_EQ(sketch.Hottest(9).size(), 1U);
  EXPECT_DOUBLE_EQ(sketch.Hottest(9)[0].share, 1);
}

}  // namespace
}  // namespace ringfort::replica

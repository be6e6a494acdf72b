#include "tools/bench/histogram.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

namespace ringfort::bench {
namespace {

using std::chrono::nanoseconds;

TEST(Histogram, IsExactWhereValuesAreSmall) {
  Histogram histogram;
  for (int i = 1; i <= 100; ++i) histogram.Record(nanoseconds(i));
  EXPECT_EQ(histogram.Percentile(0.5), nanoseconds(50));
  EXPECT_EQ(histogram.Percentile(0.99), nanoseconds(99));
  EXPECT_EQ(histogram.Percentile(1), nanoseconds(100));
  EXPECT_EQ(histogram.Percentile(0), nanoseconds(1));
  EXPECT_EQ(histogram.count(), 100U);
}

TEST(Histogram, OfNothingIsZero) {
  EXPECT_EQ(Histogram().Percentile(0.99), nanoseconds(0));
  EXPECT_EQ(Histogram().max(), nanoseconds(0));
}

TEST(Histogram, TakesTheSmallestAndTheLargest) {
  Histogram histogram;
  histogram.Record(nanoseconds(-5));
  histogram.Record(nanoseconds::max());
  EXPECT_EQ(histogram.Percentile(0.5), nanoseconds(0));
  EXPECT_EQ(histogram.Percentile(1), nanoseconds::max());
}

// The dumb twin: all samples, sorted.
TEST(Histogram, IsWithinOnePercentOfSortedSamples) {
  for (const std::uint64_t seed : {1, 2, 3}) {
    std::mt19937_64 random(seed);
    std::vector<std::int64_t> samples;
    Histogram histogram;
    Histogram half;
    for (int i = 0; i < 20'000; ++i) {
      // Over many powers of two.
      const auto sample = static_cast<std::int64_t>(random() >> (1 + random() % 60));
      samples.push_back(sample);
      (i % 2 == 0 ? histogram : half).Record(nanoseconds(sample));
    }
    histogram.Add(half);
    std::sort(samples.begin(), samples.end());
    for (const double part : {0.001, 0.1, 0.5, 0.9, 0.99, 0.999, 1.0}) {
      const auto rank = static_cast<std::size_t>(std::ceil(part * 20'000)) - 1;
      const auto exact = static_cast<double>(samples[rank]);
      const auto found = static_cast<double>(histogram.Percentile(part).count());
      EXPECT_GE(found, exact) << "seed " << seed << " part " << part;
      EXPECT_LE(found, exact * 1.01) << "seed " << seed << " part " << part;
    }
    EXPECT_EQ(histogram.max().count(), samples.back());
  }
}

}  // namespace
}  // namespace ringfort::bench

// How much is asked of one replica and how much time it takes: since it was made, and per second by
// an exponentially weighted mean.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>

#include "base/time.h"
#include "replica/hot_keys.h"
#include "ringfort/client.pb.h"

namespace ringfort::replica {

/// What happened so long ago weighs 1/e of what happens now: a rate shows 63 % of a steady load
/// after 10 s of it, 95 % after 30 s, and forgets it as fast.
inline constexpr Duration kLoadTimeConstant = std::chrono::seconds(10);
/// As kLoadTimeConstant, of the samples of shard keys: those are fewer.
inline constexpr Duration kHotKeysTimeConstant = std::chrono::seconds(30);

/// Counting is an addition; the means are brought up to date every 100 ms of activity at most, and
/// when they are asked for, so that a silent replica needs no tick for its rates to fall. Lives on
/// the replica's loop.
class LoadMeter {
 public:
  explicit LoadMeter(std::uint64_t seed) : hot_keys_(seed) {}

  // Each is followed by SpentOnLoop or SpentInPool, which say when that was.

  /// A Get or Scan that is answered from the data here.
  void CountRead(const proto::Request& read);
  /// A write that goes into the log here.
  void CountWrite(const proto::Write& write);
  /// The answer to a read.
  void CountAnswer(const proto::Response& answer);

  /// The replica had the loop, or a thread of the pool, for so long, until `now`. Elapsed time, not
  /// time of a processor.
  void SpentOnLoop(Duration time, MonotonicTime now) { Spend(kLoopNs, time, now); }
  void SpentInPool(Duration time, MonotonicTime now) { Spend(kPoolNs, time, now); }

  /// `hot_key_bytes`: so many bytes of keys may be added; what is taken is subtracted.
  void Fill(proto::ReplicaLoad* load, MonotonicTime now, std::size_t* hot_key_bytes);

 private:
  enum Figure : std::uint8_t { kReads, kWrites, kBytesIn, kBytesOut, kLoopNs, kPoolNs, kFigures };

  void Spend(Figure figure, Duration time, MonotonicTime now);
  void Fold();

  std::array<std::uint64_t, kFigures> totals_{};
  /// When something was last counted: what was counted since the last fold weighs from then on.
  MonotonicTime seen_at_ = kNever;
  // As of the last fold: the totals, and what they weigh, older parts less.
  MonotonicTime folded_at_ = kNever;
  std::array<std::uint64_t, kFigures> folded_totals_{};
  std::array<double, kFigures> weights_{};
  HotKeys hot_keys_;
};

}  // namespace ringfort::replica

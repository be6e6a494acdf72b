// The sequence numbers of one session: which are out, and below which the client has every answer.
#pragma once

#include <bitset>
#include <cstddef>

#include "base/ids.h"
#include "ringfort/limits.h"

namespace ringfort::client {

/// Numbers are taken from 1 upwards and finished in any order. Replicas keep the outcome of every
/// number from first_unanswered() on, so at most kUnfinishedWritesMax numbers span from there.
class SequenceWindow {
 public:
  static constexpr std::size_t kSpan = limits::kUnfinishedWritesMax;

  /// No number can be taken before the lowest unfinished one is finished.
  [[nodiscard]] bool full() const { return next_ - first_ >= kSpan; }
  /// Below it every number is finished. Never decreases. Travels with each write.
  [[nodiscard]] Sequence first_unanswered() const { return first_; }

  /// The next number. The window is not full.
  Sequence Take();
  /// The number was taken and not finished yet. A write that the client gave up on counts as
  /// finished: it will never be retried, and once a later write has brought a higher
  /// first_unanswered to the shard, a copy that is still on its way is refused (protocols 7).
  void Finish(Sequence sequence);

 private:
  Sequence first_{1};
  Sequence next_{1};
  /// Of the numbers in [first_, next_), at their value modulo kSpan: finished out of order.
  std::bitset<kSpan> finished_;
};

}  // namespace ringfort::client

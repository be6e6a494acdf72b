// What a peer says is compared with what this node knows, before it is obeyed or stored: one number
// near the end of its range, from a faulty or a stolen node, would shut everybody out for ever.
// What is not credible is a message that was lost; Node counts it with the rest that makes no
// sense.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

#include "base/time.h"
#include "raft/recovery.h"

namespace ringfort::node {

/// A term or a map version may lie so far above the one known here: an honest node that was away
/// for years is not locked out, and to the end of the range it takes four thousand million lies.
inline constexpr std::uint64_t kClaimStepMax = std::uint64_t{1} << 32;

template <typename Number>
bool IsCredible(Number known, Number claimed) {
  return claimed <= known || claimed.value() - known.value() <= kClaimStepMax;
}

/// A shard was begun anew so many times more often than this node knows, at most: each time is an
/// operator's work, and its term leaps.
inline constexpr std::uint64_t kEpochStepMax = 256;
static_assert(kEpochStepMax * raft::kTermLeap < kClaimStepMax);

inline bool IsCredibleEpoch(std::uint64_t known, std::uint64_t claimed) {
  return claimed <= known || raft::EpochCount(claimed) - raft::EpochCount(known) <= kEpochStepMax;
}

/// The longest promise that a node can be configured to ask for (ringfortd --lease_ms).
inline constexpr Duration kPromiseMax = std::chrono::seconds(10);

/// What a peer asks to be promised, as far as it can be meant.
inline Duration CrediblePromise(std::uint32_t milliseconds) {
  return std::min<Duration>(std::chrono::milliseconds(milliseconds), kPromiseMax);
}

}  // namespace ringfort::node

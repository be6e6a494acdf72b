// A shard that is begun anew from one copy, on an operator's word, when a majority of its voters is
// gone for good (protocols 6): which copy may be taken, and what the new beginning is.
//
// Raft alone cannot tell who is gone from who is late, so this gives up what it promises: what only
// the others acknowledged is lost. What stays true:
//   - No version is used twice, no replica id, no term: all three leap over whatever the others may
//     have given out meanwhile.
//   - The epoch in the members grows: replicas of a lower one are void. They neither hear those of
//     the new one nor are heard by them, however many of them come back.
#pragma once

#include <cstdint>
#include <vector>

#include "base/ids.h"
#include "raft/types.h"
#include "ringfort/status.h"

namespace ringfort::raft {

/// How far a new beginning lies above everything that was seen. Who is gone may have gone on since,
/// but not as far as this.
inline constexpr std::uint64_t kIndexLeap = std::uint64_t{1} << 32;
inline constexpr std::uint64_t kTermLeap = std::uint64_t{1} << 20;
inline constexpr std::uint32_t kReplicaIdLeap = std::uint32_t{1} << 16;

/// An epoch counts the beginnings in its upper half; the lower half is the node that made it. So
/// two operators who begin a shard anew on two nodes at the same time never make one epoch of two:
/// the higher one counts, the other is void. 0 is the first.
constexpr std::uint64_t MakeEpoch(std::uint64_t count, NodeId node) {
  return count << 32 | node.value();
}
/// How often the shard was begun anew: what people read.
constexpr std::uint64_t EpochCount(std::uint64_t epoch) {
  return epoch >> 32;
}

/// A copy that can be reached, as its node describes it.
struct Copy {
  /// The replica and where it is.
  Member member;
  Term term;
  LogIndex last;
  Term last_term;
  /// In force by its log.
  Members members;
  /// It may have forgotten what it acknowledged (HardState::unsure).
  bool unsure = false;
  /// Its data cannot be read; its log and its vote are whole.
  bool damaged = false;
  /// It leads, or follows a primary that it hears.
  bool has_primary = false;
  /// The highest epoch of the shard that its node knows of.
  std::uint64_t known_epoch = 0;

  /// The shard was begun anew without it.
  [[nodiscard]] bool is_void() const { return known_epoch > members.epoch; }
  /// It was being filled by its primary, which did not come to an end.
  [[nodiscard]] bool empty() const { return members.voters.empty(); }
};

/// Whether `a` has what `b` lacks: by epoch, and then as voters compare logs (Raft paper, section
/// 5.4.1). Empty copies have nothing.
bool IsNewer(const Copy& a, const Copy& b);

/// The newest copy that can be read; null when there is none. One of the equal ones.
const Copy* NewestCopy(const std::vector<Copy>& copies);

/// Whether the shard has a primary, or these copies could still elect one: then it must not be
/// begun anew.
bool CanHavePrimary(const std::vector<Copy>& copies);

/// What the log of the copy holds from now on, instead of all that it held.
struct NewBeginning {
  HardState hard_state;
  /// One voter: the copy, under a new id.
  LogBase base;

  bool operator==(const NewBeginning&) const = default;
};

/// The new beginning from the copy on `chosen`. kConditionFailed, with the reason: there is no
/// copy, or only one that is empty or damaged; CanHavePrimary; without `accept_loss`, another is
/// newer, or it is void. Pure.
Result<NewBeginning> PlanRecovery(const std::vector<Copy>& copies, NodeId chosen, bool accept_loss);

}  // namespace ringfort::raft

// Members as bytes, in log entries and on disk, and what a change of them must be to be sound.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "raft/types.h"
#include "ringfort/status.h"

namespace ringfort::raft {

/// A list in bytes, little-endian. A disk and wire format.
///
///   format 0:  voters, outgoing, learners: each a u32 count and its members
///              newest id u32 | index u64
///              a member: id u32 | node u32 | incarnation high u64, low u64 | promote u32
///   format 1:  0xffffff01 u32 | as format 0 | epoch u64
///
/// A list of format 0 never begins with 0xffffff..: it would be a count of its voters.
void AppendMembers(const Members& members, std::string* out);
/// kCorruption unless exactly all of `bytes` is a list of members; kUnsupported for a format that
/// this program does not know.
Result<Members> DecodeMembers(std::string_view bytes);

/// The members that an operator, or a move, wants: all voters and all learners. Who is new has the
/// id 0 and gets one.
struct MembersChange {
  /// Members::index of the members that the caller has seen; others are in force by now: refused.
  LogIndex expected;
  std::vector<Member> voters;
  std::vector<Member> learners;
};

/// What comes into force with `change`: joint where the voters change (Raft thesis, section 4.3).
/// kConditionFailed when `expected` does not fit, kUnavailable while a joint configuration is being
/// left, kInvalidArgument for no voter, a node twice, an unknown id, or a new voter that is no
/// learner now. Pure.
Result<Members> PlanChange(const Members& current, const MembersChange& change);

/// The change that puts a learner, with a new id, in the place of a member whose replica is lost:
/// under the same node, as `incarnation`.
MembersChange Replace(const Members& current, ReplicaId lost, Incarnation incarnation);

/// The change that makes a learner a voter.
MembersChange Promote(const Members& current, ReplicaId learner);

/// What follows on a joint configuration.
Members Leave(const Members& joint);

}  // namespace ringfort::raft

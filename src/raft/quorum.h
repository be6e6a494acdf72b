// Quorum arithmetic, also for joint configurations: whatever must hold for a majority must hold for
// one of each voter set (Raft thesis, section 4.3).
#pragma once

#include <algorithm>
#include <cstddef>
#include <functional>
#include <vector>

#include "base/check.h"
#include "raft/types.h"

namespace ringfort::raft {

/// How many of `n` voters make a majority.
constexpr std::size_t MajorityOf(std::size_t n) {
  return n / 2 + 1;
}

/// Whether `holds(ReplicaId)` for a majority of every voter set.
template <typename Predicate>
bool QuorumHolds(const Members& members, Predicate holds) {
  auto majority = [&](const std::vector<Member>& voters) {
    const auto yes = std::count_if(voters.begin(), voters.end(),
                                   [&](const Member& member) { return holds(member.id); });
    return static_cast<std::size_t>(yes) >= MajorityOf(voters.size());
  };
  return majority(members.voters) && (!members.joint() || majority(members.outgoing));
}

/// Whether `holds(ReplicaId)` for every voter of every set.
template <typename Predicate>
bool AllVotersHold(const Members& members, Predicate holds) {
  auto all = [&](const std::vector<Member>& voters) {
    return std::all_of(voters.begin(), voters.end(),
                       [&](const Member& member) { return holds(member.id); });
  };
  return all(members.voters) && all(members.outgoing);
}

/// The largest value that a majority of every voter set has reached, where each voter's own is
/// `value_of(ReplicaId)`: the commit index from match indices, the start of a lease from send
/// times.
template <typename ValueOf>
auto QuorumValue(const Members& members, ValueOf value_of) -> decltype(value_of(ReplicaId())) {
  using Value = decltype(value_of(ReplicaId()));
  auto reached = [&](const std::vector<Member>& voters) {
    RF_CHECK(!voters.empty());
    std::vector<Value> values;
    values.reserve(voters.size());
    for (const Member& member : voters) values.push_back(value_of(member.id));
    const auto nth = values.begin() + static_cast<std::ptrdiff_t>(MajorityOf(values.size()) - 1);
    std::nth_element(values.begin(), nth, values.end(), std::greater<>());
    return *nth;
  };
  const Value incoming = reached(members.voters);
  return members.joint() ? std::min(incoming, reached(members.outgoing)) : incoming;
}

/// Whether the replica votes in any set.
inline bool IsVoter(const Members& members, ReplicaId id) {
  auto has = [id](const std::vector<Member>& voters) {
    return std::any_of(voters.begin(), voters.end(),
                       [id](const Member& member) { return member.id == id; });
  };
  return has(members.voters) || has(members.outgoing);
}

/// Calls `visit(const Member&)` once for every member that takes part: voters of both sets, and
/// learners but those whose node still has an outgoing replica.
template <typename Visit>
void ForEachMember(const Members& members, Visit visit) {
  for (const Member& member : members.voters) visit(member);
  for (const Member& member : members.outgoing) {
    const bool seen = std::any_of(members.voters.begin(), members.voters.end(),
                                  [&](const Member& voter) { return voter.id == member.id; });
    if (!seen) visit(member);
  }
  for (const Member& member : members.learners) {
    const bool waits = std::any_of(members.outgoing.begin(), members.outgoing.end(),
                                   [&](const Member& out) { return out.node == member.node; });
    if (!waits) visit(member);
  }
}

}  // namespace ringfort::raft

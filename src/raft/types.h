// The vocabulary of consensus: members, entries and what must be remembered.
#pragma once

#include <cstdint>
#include <vector>

#include "base/bytes.h"
#include "base/ids.h"

namespace ringfort::raft {

/// One copy of the shard: a process's data directory (node, incarnation) and the id of its replica
/// (protocols 1). A replica id is never used twice in a shard, so it alone names the member.
struct Member {
  ReplicaId id;
  NodeId node;
  Incarnation incarnation;
  /// A learner that the primary makes a voter, by itself, once it has caught up.
  bool promote = false;

  bool operator==(const Member&) const = default;
};

/// How a list of members lies in bytes (raft/members.h).
enum class MembersFormat : std::uint8_t {
  kPlain = 0,     ///< Of release 0.1.0: no number, no epoch.
  kNumbered = 1,  ///< Begins with its number; has an epoch.
};

/// Who takes part. `outgoing` is non-empty only while joint (Raft thesis, section 4.3): then every
/// decision needs a majority of `voters` and one of `outgoing`. Learners count for nothing; one
/// whose node still has an outgoing replica takes part only once the joint configuration is left.
struct Members {
  std::vector<Member> voters;
  std::vector<Member> outgoing;
  std::vector<Member> learners;
  /// The highest id that a member of this shard ever had. Never decreases.
  ReplicaId newest_id;
  /// The log entry that brought these members: what a change of them is fenced by (protocols 6). 0
  /// for the first ones.
  LogIndex index;
  /// In which format the list is stored and sent. Never decreases.
  MembersFormat format = MembersFormat::kPlain;
  /// Grows when an operator begins the shard anew from one copy; members of different epochs have
  /// nothing to do with each other. Above 0 only in format kNumbered.
  std::uint64_t epoch = 0;

  [[nodiscard]] bool joint() const { return !outgoing.empty(); }
  bool operator==(const Members&) const = default;
};

enum class EntryKind : std::uint8_t {
  kNoop = 0,     ///< A new primary's first entry.
  kCommand = 1,  ///< For the state machine.
  /// A change of members (raft/members.h), in force as soon as it is in the log.
  kMembers = 2,
};

struct Entry {
  Term term;
  LogIndex index;
  EntryKind kind = EntryKind::kNoop;
  SharedBytes data;

  bool operator==(const Entry&) const = default;
  /// What the entry counts for in windows, batches and caches, in bytes.
  [[nodiscard]] std::size_t size_bytes() const { return data.size() + 32; }
};

/// Raft's persistent state besides the log; synced before any message that depends on it.
struct HardState {
  Term term;
  /// Whom this replica voted for in `term`; 0 is nobody.
  ReplicaId vote;
  /// The end of the log was torn: what this replica acknowledged or voted last may be forgotten. It
  /// stays so, over restarts, until it has caught up from a primary elected without it (protocols
  /// 4).
  bool unsure = false;
  /// Which member this replica is. Does not change.
  ReplicaId self = {};

  bool operator==(const HardState&) const = default;
};

/// What the log stands on: everything up to `index` is in the state machine and not in the log.
struct LogBase {
  LogIndex index;
  Term term;
  /// The members in force at `index`.
  Members members;

  bool operator==(const LogBase&) const = default;
};

/// A run of entries of one term, from `first` to the next run's first.
struct TermRun {
  LogIndex first;
  Term term;

  bool operator==(const TermRun&) const = default;
};

}  // namespace ringfort::raft

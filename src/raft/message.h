// What the members of a shard say to each other.
#pragma once

#include <cstdint>
#include <variant>
#include <vector>

#include "base/ids.h"
#include "base/time.h"
#include "raft/types.h"

namespace ringfort::raft {

/// Asks for a vote in the message's term, or, as a pre-vote (Raft thesis, section 9.6), whether one
/// would be given; then the message's term is the one that the sender would campaign in.
struct VoteRequest {
  bool pre_vote = false;
  LogIndex last_index;
  Term last_term;
  /// The primary of the term before handed its role over to the sender, and gave up its lease:
  /// voters do not wait for it, and leave out their promises to it in that term (protocols 3). 0:
  /// no such thing.
  ReplicaId transfer_from = {};

  bool operator==(const VoteRequest&) const = default;
};

/// Answers a VoteRequest in the same term when granted, in the voter's own when refused.
struct VoteReply {
  bool pre_vote = false;
  bool granted = false;
  /// The voter may have forgotten what it acknowledged: counts only where all voters grant.
  bool unsure = false;
  /// For how long from sending the voter is still bound by promises not to elect another.
  Duration bound_left{0};

  bool operator==(const VoteReply&) const = default;
};

/// Entries after `previous`, possibly none: then it only carries the commit index, or probes.
struct AppendRequest {
  LogIndex previous_index;
  Term previous_term;
  LogIndex commit;
  std::vector<Entry> entries;
  /// Where an unsure follower has caught up: the primary's last index at sending. 0: not said, for
  /// nothing shows yet that this primary was not replaced before the follower started.
  LogIndex primary_last;
  /// Every member has the log up to here, synced and committed: nobody will ask for it any more.
  LogIndex everywhere;

  bool operator==(const AppendRequest&) const = default;
};

struct AppendReply {
  bool accepted = false;
  /// Accepted: the log equals the primary's up to here, synced. Refused: an index from which on it
  /// is worth trying, and the term that the follower has there.
  LogIndex match;
  Term hint_term;
  /// Refused: the request's previous_index, so that an answer to an old probe is recognised.
  LogIndex refused_index;
  /// The follower's last index.
  LogIndex last_index;
  /// The follower's commit index after this request.
  LogIndex commit;
  /// Not to be counted yet (HardState::unsure).
  bool unsure = false;
  /// Refused: it has committed an entry that the primary has another one for, and cannot go back
  /// (relaxed durability may forget what a majority had written; protocols 4).
  bool diverged = false;
  /// Its log is whole, its data are not: it votes and acknowledges, and does not lead for long
  /// (protocols 6).
  bool damaged = false;
  /// Damaged, and ready to take a snapshot in place of its data.
  bool wants_snapshot = false;

  bool operator==(const AppendReply&) const = default;
};

/// Asks whether the sender still leads, for reads without a lease. Each round has an id of its own.
struct ReadProbe {
  std::uint64_t round = 0;

  bool operator==(const ReadProbe&) const = default;
};

struct ReadProbeReply {
  std::uint64_t round = 0;

  bool operator==(const ReadProbeReply&) const = default;
};

/// The primary hands its role over: campaign at once. Valid in the message's term only.
struct TimeoutNow {
  bool operator==(const TimeoutNow&) const = default;
};

using Body = std::variant<VoteRequest, VoteReply, AppendRequest, AppendReply, ReadProbe,
                          ReadProbeReply, TimeoutNow>;

struct Message {
  ReplicaId from;
  ReplicaId to;
  Term term;
  Body body;
  /// Of the sender's members. Replicas of different epochs do not hear each other.
  std::uint64_t epoch = 0;

  bool operator==(const Message&) const = default;
};

}  // namespace ringfort::raft

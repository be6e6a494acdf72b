// What a primary knows of one follower.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>

#include "base/ids.h"
#include "base/time.h"

namespace ringfort::raft {

struct Progress {
  enum class State {
    /// Where the logs agree is not known: one request at a time.
    kProbe,
    /// The logs agree up to `match`: requests are sent ahead, as far as the window allows.
    kReplicate,
    /// What it lacks was cut away, or it has nothing yet: it gets a snapshot first.
    kSnapshot,
    /// The follower lost what it had acknowledged in this term: nothing it says counts (protocols
    /// 4).
    kSetAside,
  };

  State state = State::kProbe;
  /// The follower's log is known to equal ours up to here, synced. Never decreases in a term.
  LogIndex match;
  /// The next entry to send. > match.
  LogIndex next;
  /// Whether match counts for commits: not while the follower is unsure.
  bool counted = false;

  /// False: its process is gone, and nothing is sent until there is a new connection.
  bool connected = true;

  /// Whether this primary is known not to have been replaced before the follower, which says that
  /// it is unsure, was started: only then may the follower become sure by it (protocols 4).
  bool confirmed = false;
  /// The round of probes that will show it; 0: none is wanted.
  std::uint64_t confirm_round = 0;

  /// kProbe: a request is on its way.
  bool probing = false;
  /// Nothing came in answer to what was sent last: what is sent again carries no entries, lest a
  /// follower that is frozen or cut off gets them over and over.
  bool unanswered = false;
  /// Older entries are being read from disk for it.
  bool fetching = false;
  /// kReplicate: what is on its way, by last index of each request.
  struct Flight {
    LogIndex last;
    std::size_t bytes;
  };
  std::deque<Flight> flights;
  std::size_t flight_bytes = 0;

  /// As it said last: its data cannot be read, its log is whole; and it is ready to take a snapshot
  /// in place of them, in any state.
  bool damaged = false;
  bool wants_snapshot = false;

  /// The driver was asked for a snapshot. kSnapshot: the log after `snapshot_index`, once one is
  /// being taken, is kept for it. (Who wants one in place of its data has the log itself.)
  bool snapshot_asked = false;
  std::optional<LogIndex> snapshot_index;
  /// Once it has the snapshot: what was written meanwhile is kept for it too, up to here and not
  /// longer than until then, or it would need another snapshot at once.
  LogIndex catch_up_to;
  MonotonicTime catch_up_until = kNever;
  /// When the last one failed, and how long after that the next may be ordered: each order costs an
  /// export. Grows with every failure until the follower replicates again.
  MonotonicTime snapshot_failed_at = kNever;
  Duration snapshot_pause{0};
  /// kSnapshot: its node has no replica with this id yet, and is to make it.
  bool creates = false;
  /// Its node says that it has no such replica, under this incarnation.
  std::optional<Incarnation> absent_as;

  /// Rounds that show whether it keeps up (Raft thesis, section 4.2.1): the end of the log when the
  /// round began.
  LogIndex round_target;
  MonotonicTime round_started_at = kNever;
  bool caught_up = false;

  /// When something was last sent that wants an answer; to try again when none comes.
  MonotonicTime asked_at = kNever;
  /// When it was last heard of in this term, by message or promise. For CheckQuorum.
  MonotonicTime heard_at = kNever;
  /// The sending time of the newest heartbeat that it acknowledged without naming this shard.
  MonotonicTime promised_from = kNever;
  /// The commit index last sent, and the one it last said it has.
  LogIndex commit_sent;
  LogIndex commit_known;
  /// The newest ReadIndex round that it confirmed.
  std::uint64_t read_round = 0;

  /// A snapshot is of use to it.
  [[nodiscard]] bool TakesSnapshot() const {
    return state == State::kSnapshot || (state != State::kSetAside && wants_snapshot);
  }
  [[nodiscard]] bool MayOrderSnapshot(MonotonicTime now) const {
    if (snapshot_asked) return false;
    return snapshot_failed_at == kNever || now - snapshot_failed_at >= snapshot_pause;
  }
  /// Whether the log is kept for it after its snapshot.
  [[nodiscard]] bool CatchesUp(MonotonicTime now) const {
    constexpr Duration kSilenceMax = std::chrono::seconds(10);
    return match < catch_up_to && now < catch_up_until && now - heard_at < kSilenceMax;
  }
  void Land(LogIndex through) {
    while (!flights.empty() && flights.front().last <= through) {
      flight_bytes -= flights.front().bytes;
      flights.pop_front();
    }
  }
  void ForgetFlights() {
    flights.clear();
    flight_bytes = 0;
  }
  /// Another process may run there now.
  void ForgetConfirmation() {
    confirmed = false;
    confirm_round = 0;
  }
  void SetAside() {
    state = State::kSetAside;
    counted = false;
  }
  /// What it says of its data.
  void NoteData(bool is_damaged, bool wants) {
    damaged = is_damaged;
    if (wants_snapshot && !wants && state != State::kSnapshot) snapshot_asked = false;
    wants_snapshot = wants;
  }
  void BecomeSnapshot(bool makes_it) {
    state = State::kSnapshot;
    creates = makes_it;
    snapshot_asked = false;
    snapshot_index.reset();
    catch_up_to = LogIndex();
    probing = false;
    caught_up = false;
    ForgetFlights();
  }
  void BecomeProbe() {
    state = State::kProbe;
    next = match + 1;
    probing = false;
    ForgetFlights();
  }
};

}  // namespace ringfort::raft

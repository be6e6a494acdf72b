// Consensus for one shard: a deterministic state machine that reads no clock, starts no thread and
// touches no socket or disk. It is told what happened, and says in a Ready what is to be done.
//
// After Ongaro and Ousterhout, "In Search of an Understandable Consensus Algorithm" (the Raft
// paper), and Ongaro's thesis: election (paper 5.2, 5.4.1), pre-vote and CheckQuorum
// (thesis 9.6, 6.2), log replication (paper 5.3), read index and leases (thesis 6.4). Liveness and
// leases rest on heartbeats per pair of nodes, which are not this class's business: the driver
// reports what they tell. Members change by joint consensus (thesis 4), the role is handed over by
// TimeoutNow (thesis 3.10).
//
// The driver, on the one thread that owns the replica, does this after every event:
//
//     raft.Step(now, message)            // or Tick, Propose, OnPersisted, OnPromise, ...
//     if it has become primary: raft.OnGone(member) for every member known to be gone
//     publish raft.follows()            // so that heartbeat acknowledgements name the shard
//     raft.ExtendBound(promised until)  // and only then read what was promised (protocols 2)
//     while (raft.HasReady()) {
//       Ready ready = raft.TakeReady(now);
//       send ready.messages
//       store ready.base, ready.hard_state, ready.entries;  when synced:
//           send ready.messages_after_sync;  raft.OnPersisted(now, ready.persist_id)
//       read ready.fetches in the background;  then: raft.OnFetched(...)
//       send ready.snapshots in the background;  then: raft.OnSnapshotSent(...)
//     }
//     apply entries up to raft.applicable(), then raft.OnApplied(index)
//     answer ready.reads once their index is applied
//     wake up again at raft.next_wakeup(), and at every tick of the node
//
// What it relies on: a connection delivers in order, once, a prefix of what was sent, and only to
// the process that it was made to; what an earlier process of the sender, or an earlier connection,
// sent is dropped once a newer one is known. Without the order, a late refusal looks like a disk
// that forgot, and a healthy follower is set aside for the term (OnAppendReply). Without the rest,
// a process that forgot its vote can be taken for the one that gave it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <vector>

#include "base/ids.h"
#include "base/random.h"
#include "base/time.h"
#include "raft/log.h"
#include "raft/members.h"
#include "raft/message.h"
#include "raft/progress.h"
#include "raft/ready.h"
#include "raft/types.h"

namespace ringfort::raft {

struct Options {
  /// A follower that hears nothing of its primary for this long, and up to half as much again,
  /// campaigns; a primary that hears nothing of a majority for this long steps down.
  Duration election_timeout = std::chrono::milliseconds(600);
  /// The promise that each heartbeat's acknowledgement makes (protocols 3).
  Duration lease = std::chrono::milliseconds(200);
  /// The longest promise that any member may have made before this replica object was made.
  Duration longest_promise = std::chrono::milliseconds(200);
  /// How far two clocks may drift apart, as a fraction.
  double clock_drift = 0.01;
  /// False: every read takes a ReadIndex round.
  bool lease_reads = true;
  /// How long to wait for an answer before a probe is sent again.
  Duration retry_after = std::chrono::milliseconds(150);
  /// Entries on their way to one follower, and in one request.
  std::size_t window_bytes_max = 4U << 20;
  std::size_t append_bytes_max = 256U << 10;
  /// Entries kept in memory for followers that lag; what everybody has is not kept at all.
  std::size_t cache_bytes_max = 2U << 20;
};

/// What a replica remembers from before.
struct Restored {
  HardState hard_state;
  LogBase base;
  LogIndex last;
  std::vector<TermRun> terms;
  std::vector<Entry> members_entries;
  /// The applied mark of the state machine: everything up to it is committed. Within base..last.
  LogIndex applied;
};

enum class Role { kFollower, kPreCandidate, kCandidate, kPrimary };

class Raft {
 public:
  /// A replica object just made counts as bound for the longest promise (protocols 3).
  Raft(Options options, ReplicaId self, Restored restored, Random random, MonotonicTime now);

  // What happened.

  /// A message arrived. Answers count from members only. What a primary or a candidate asks is
  /// heard from anybody: who was away for long does not know the members of now (thesis 4.1).
  void Step(MonotonicTime now, const Message& message);
  /// Time passed. Called every few tens of milliseconds, and at next_wakeup().
  void Tick(MonotonicTime now);
  /// Adds commands to the log; returns the first one's index, or none when this is not the primary.
  /// Or while it hands its role over.
  std::optional<LogIndex> Propose(MonotonicTime now, std::vector<SharedBytes> commands);
  /// Brings a change of members into the log; returns its index. Besides the errors of PlanChange:
  /// kNotPrimary, and kUnavailable while an earlier change is not committed, a new voter has not
  /// caught up, or those who keep up could not end the change.
  Result<LogIndex> ChangeMembers(MonotonicTime now, const MembersChange& change);
  /// Hands the role over to a voter that keeps up. It gives up its lease for the rest of the term,
  /// and takes no commands until the other leads, or an election timeout has passed. kNotPrimary,
  /// kUnavailable (not now), kInvalidArgument (no such voter).
  Status TransferTo(MonotonicTime now, ReplicaId target);
  /// What the Ready with this id stored is synced. Ids come back in order; skipping one reports it
  /// too.
  void OnPersisted(MonotonicTime now, std::uint64_t persist_id);
  /// The state machine has applied everything up to `index`.
  void OnApplied(LogIndex index);
  /// Entries that a Fetch asked for; empty when they could not be read (it is tried again later).
  void OnFetched(MonotonicTime now, ReplicaId follower, std::vector<Entry> entries);
  /// Instead: what the follower lacks cannot be read here any more.
  void OnUnreadable(ReplicaId follower);
  /// A snapshot for the follower is being taken, and will hold everything up to `index` at least
  /// (told again, with what it holds, once it is made); the follower has installed it; it did not
  /// come to that (it is tried again later, after pauses that grow).
  void OnSnapshotStarted(ReplicaId follower, LogIndex index);
  void OnSnapshotSent(MonotonicTime now, ReplicaId follower, LogIndex index);
  void OnSnapshotFailed(MonotonicTime now, ReplicaId follower);
  /// A part of a snapshot arrived from the primary of `term`: whether it is to be heeded.
  bool OnSnapshotOffered(MonotonicTime now, ReplicaId from, Term term);
  /// Whether a snapshot that ends so holds anything that is not here. Not on a primary. Damaged:
  /// also one that ends inside the log, for its data.
  [[nodiscard]] bool WantsSnapshot(LogIndex index, Term term) const;
  /// The state machine is now that of a snapshot, which WantsSnapshot. Where the log has no such
  /// entry, it begins anew at `base`. Where it has (`base` then says of it what the log does),
  /// entries and commit stay, and those above are applied again: `kept` is all of them, to be
  /// stored with the base.
  void OnSnapshotInstalled(const LogBase& base, std::vector<Entry> kept = {});
  /// Whether the state machine's data are damaged, and a snapshot would be taken in place of them
  /// now. Told again, it is said to the primary again, should that have missed it. Damaged ends by
  /// OnSnapshotInstalled.
  void OnDamaged(bool wants_snapshot);
  /// The member's node, being `incarnation`, says that it has no such replica: none, or one with a
  /// lower id, which the member is to replace. It gets another, as a learner.
  void OnAbsent(ReplicaId member, Incarnation incarnation);
  /// A node heartbeat of the primary's node listed this shard in `term`.
  void OnHeartbeat(MonotonicTime now, ReplicaId primary, Term term);
  /// The primary's process is gone, or its node no longer lists this shard: elect another soon.
  void OnPrimaryGone(MonotonicTime now);
  /// A member acknowledged, without naming this shard, the heartbeat sent at `sent_at` that listed
  /// it in `term`.
  void OnPromise(MonotonicTime now, ReplicaId from, Term term, MonotonicTime sent_at);
  /// A member named this shard as not followed; `term` is its own.
  void OnNamed(MonotonicTime now, ReplicaId from, Term term);
  /// The connection to the member was made anew: what was on its way may be lost, and the process
  /// may be another one.
  void OnConnected(MonotonicTime now, ReplicaId member);
  /// The member's process is gone (refused on reconnecting, or another boot number; then
  /// OnConnected follows): nothing is sent to it as a follower until OnConnected. A new primary
  /// takes all members for connected: call OnGone for every member known to be gone when the
  /// replica becomes primary.
  void OnGone(ReplicaId member);
  /// This node may not lead (its disk is stalled): steps down if primary.
  void StepDown(MonotonicTime now);
  /// The replica, or its node, promised not to elect another before `until`: to that primary in
  /// that term, where it is said; then a transfer from it in that term sets the promise aside.
  void ExtendBound(MonotonicTime until, ReplicaId to = ReplicaId(), Term term = Term());
  /// In which format this primary writes lists of members from now on, where they are not of a
  /// newer one already. Every member must understand it.
  void SetMembersFormat(MembersFormat format) { members_format_ = format; }
  /// Allows the log to begin after `index`, which is applied and flushed.
  void Cut(LogIndex index) { log_.Cut(index); }

  // Reads (thesis 6.4).

  /// The index that a linearizable read arriving now must see applied, where a lease proves it at
  /// once. `now` was read after the read arrived.
  [[nodiscard]] std::optional<LogIndex> ReadByLease(MonotonicTime now) const;
  /// Asks for a ReadIndex round; the id comes back in Ready::reads. Only on a primary. All queued
  /// reads are forgotten when it stops being one: the driver sees that by role() and term().
  std::uint64_t QueueRead(MonotonicTime now);

  // What is to be done.

  [[nodiscard]] bool HasReady() const;
  Ready TakeReady(MonotonicTime now);
  /// When Tick wants to be called at the latest.
  [[nodiscard]] MonotonicTime next_wakeup() const;

  // How things stand.

  [[nodiscard]] Role role() const { return role_; }
  [[nodiscard]] Term term() const { return hard_state_.term; }
  /// The primary of the current term, as far as known; 0 unknown.
  [[nodiscard]] ReplicaId primary() const { return primary_; }
  [[nodiscard]] LogIndex commit() const { return commit_; }
  [[nodiscard]] LogIndex applied() const { return applied_; }
  [[nodiscard]] LogIndex durable() const { return durable_; }
  /// Entries up to here are committed and synced here: the state machine may have them.
  [[nodiscard]] LogIndex applicable() const { return commit_ < durable_ ? commit_ : durable_; }
  [[nodiscard]] bool unsure() const { return hard_state_.unsure; }
  [[nodiscard]] bool damaged() const { return damaged_; }
  /// A primary that has committed in its term: it can answer.
  [[nodiscard]] bool serving() const { return role_ == Role::kPrimary && commit_ >= term_start_; }
  /// The term in which this follower follows a primary (protocols 2): term synced, and the primary
  /// told.
  [[nodiscard]] std::optional<Term> follows() const;
  /// What was committed here is not what its primary has: its data are to be made anew.
  [[nodiscard]] bool diverged() const { return term() > Term() && diverged_in_ == term(); }
  [[nodiscard]] const Members& members() const { return log_.members(); }
  /// How often an operator has begun the shard anew (raft/recovery.h). Does not change.
  [[nodiscard]] std::uint64_t epoch() const { return members().epoch; }
  [[nodiscard]] const Log& log() const { return log_; }
  /// Whether the replica votes.
  [[nodiscard]] bool MayVote() const;
  /// The log after this is needed by a follower that is getting a snapshot, or got one and catches
  /// up; none: by nobody.
  [[nodiscard]] std::optional<LogIndex> kept_for_snapshots(MonotonicTime now) const;
  [[nodiscard]] const std::map<ReplicaId, Progress>& progress() const { return progress_; }
  [[nodiscard]] ReplicaId self() const { return self_; }
  [[nodiscard]] MonotonicTime bound() const { return std::max(bound_, last_promise_.until); }
  /// To whom the role is being handed over.
  [[nodiscard]] std::optional<ReplicaId> transferring_to() const {
    return transfer_ ? std::optional(transfer_->target) : std::nullopt;
  }
  /// The voter to hand the role over to: connected, whole, and with the longest log; none when
  /// nobody keeps up.
  [[nodiscard]] ReplicaId BestSuccessor(
      const std::function<bool(const Member&)>& may_lead = nullptr) const;
  /// Nothing is under way and everybody who can be reached knows so: until something happens, no
  /// message of this shard and no tick is needed (protocols 2).
  [[nodiscard]] bool IsSilent() const;
  /// Every member has the log up to here, synced and committed, so that it may be cut there. Never
  /// decreases.
  [[nodiscard]] LogIndex everywhere() const { return everywhere_; }
  /// Whether a heartbeat or message of the primary was heard within the election timeout.
  [[nodiscard]] bool HasLivePrimary(MonotonicTime now) const;
  [[nodiscard]] bool HasLease(MonotonicTime now) const;

 private:
  // election.cc
  void BecomeFollower(MonotonicTime now, Term term, ReplicaId primary);
  void StartPreVote(MonotonicTime now);
  void StartElection(MonotonicTime now, ReplicaId transfer_from);
  void BecomePrimary(MonotonicTime now);
  void AskForVotes(MonotonicTime now, bool pre_vote);
  void OnVoteRequest(MonotonicTime now, const Message& message, const VoteRequest& request);
  void OnVoteReply(MonotonicTime now, const Message& message, const VoteReply& reply);
  [[nodiscard]] bool ElectionWon() const;
  [[nodiscard]] Duration ElectionPause();
  [[nodiscard]] Duration RankPause(Duration step);
  [[nodiscard]] Duration RoundPause(Duration first);
  void HeardOfPrimary(MonotonicTime now, ReplicaId primary);
  void CheckQuorum(MonotonicTime now);
  [[nodiscard]] MonotonicTime BoundWithout(ReplicaId primary, Term term) const;
  [[nodiscard]] Progress FirstProgress(MonotonicTime now) const;

  // membership.cc
  void AppendMembersEntry(MonotonicTime now, Members next);
  void UpdateProgress(MonotonicTime now);
  void MaintainMembers(MonotonicTime now);
  void StartChange(MonotonicTime now, const MembersChange& change);
  [[nodiscard]] std::optional<MembersChange> NextRepair() const;
  [[nodiscard]] Incarnation IncarnationOf(ReplicaId id) const;
  [[nodiscard]] bool HoldsWithout(const Members& next, ReplicaId lost) const;
  void CountRounds(MonotonicTime now);

  // transfer.cc
  void ContinueTransfer(MonotonicTime now);
  void StepAside(MonotonicTime now);
  void OnTimeoutNow(MonotonicTime now, const Message& message);

  // replication.cc and snapshots.cc
  void OnAppendRequest(MonotonicTime now, const Message& message, const AppendRequest& request);
  void OnAppendReply(MonotonicTime now, const Message& message, const AppendReply& reply);
  [[nodiscard]] bool Contradicts(const AppendRequest& request) const;
  void Refuse(const AppendRequest& request, bool diverged);
  void AppendOwn(std::vector<Entry> entries);
  void Replicate(MonotonicTime now);
  void ForgetUnstored(LogIndex from);
  void ReplicateTo(MonotonicTime now, ReplicaId follower, Progress& progress);
  void SendAppend(MonotonicTime now, ReplicaId follower, Progress& progress,
                  std::vector<Entry> entries);
  void AppendAnew(MonotonicTime now, ReplicaId follower, Progress& progress);
  void AdvanceCommit(MonotonicTime now);
  void CommitTo(LogIndex index);
  void RetryReplication(MonotonicTime now);
  void OrderSnapshot(MonotonicTime now, ReplicaId follower, Progress& progress);
  void BecomeSureIfCaughtUp(MonotonicTime now);
  void AcceptUpTo(LogIndex match);
  void TellAgain();
  [[nodiscard]] LogIndex HeldByAll() const;
  void EvictCache();

  // reads.cc
  void OnReadProbe(MonotonicTime now, const Message& message, const ReadProbe& probe);
  void OnReadProbeReply(MonotonicTime now, const Message& message, const ReadProbeReply& reply);
  void StartRound(MonotonicTime now);
  [[nodiscard]] bool RoundConfirmed(std::uint64_t round) const;
  void ConfirmToUnsure(MonotonicTime now);
  void StartReadRound(MonotonicTime now);
  void FinishReads(MonotonicTime now);
  [[nodiscard]] MonotonicTime LeaseUntil(MonotonicTime now) const;

  // raft.cc
  void SetHardState(Term term, ReplicaId vote);
  void Send(ReplicaId to, Body body) { SendIn(hard_state_.term, to, std::move(body)); }
  void SendIn(Term term, ReplicaId to, Body body);
  void SendAfterSync(ReplicaId to, Body body);
  [[nodiscard]] bool IsMember(ReplicaId id) const;
  [[nodiscard]] bool MayCampaign() const;
  Progress* FindProgress(ReplicaId id);

  Options options_;
  ReplicaId self_;
  MembersFormat members_format_ = MembersFormat::kPlain;
  Random random_;

  /// Synced before any message that depends on it: those are in after_sync_.
  HardState hard_state_;
  bool hard_state_changed_ = false;
  Log log_;

  Role role_ = Role::kFollower;
  ReplicaId primary_;
  /// Never decreases.
  LogIndex commit_;
  /// Decreases only when a snapshot takes the place of damaged data. <= commit_ and <= durable_.
  LogIndex applied_;
  /// The log is synced here up to this index. Decreases only when a suffix is replaced.
  LogIndex durable_;
  LogIndex everywhere_;
  /// The state machine's data are damaged; and a snapshot would be taken in place of them.
  bool damaged_ = false;
  bool wants_snapshot_ = false;

  // Following.
  /// The replica said so to the primary of this term, in a message that was handed out to be sent.
  std::optional<Term> follows_;
  /// The same, but the message still waits for the sync with this id.
  std::uint64_t follow_persist_id_ = 0;
  Term follow_term_;
  bool follow_wanted_ = false;
  /// Its primary in this term has other entries than those committed here.
  Term diverged_in_;
  /// The log equals the current primary's up to here. Reset when the term changes.
  LogIndex matched_;
  MonotonicTime primary_heard_at_ = kNever;
  bool primary_gone_ = false;
  /// Unsure: the end of the primary's log when it first said so in this term, which it does only
  /// once it is confirmed (AppendRequest::primary_last). Reached: sure again.
  std::optional<LogIndex> sure_at_;
  /// Unsure: nor before this, by which every vote that was given before the restart, and may be
  /// forgotten, is out of use.
  MonotonicTime sure_from_ = kNever;

  // Electing.
  MonotonicTime election_at_;
  /// Rounds of (pre-)votes since a primary was last heard of; each waits longer than the one
  /// before.
  std::uint32_t attempts_ = 0;
  /// Never decreases. Before it, nobody whom this replica elects may commit.
  MonotonicTime bound_;
  /// The same, for the newest primary that was promised something.
  struct Promise {
    ReplicaId to;
    Term term;
    MonotonicTime until = kNever;
  };
  Promise last_promise_;
  /// Of the vote given in this term, and of the own candidacy: the primary of the term before that
  /// handed over.
  ReplicaId vote_transfer_from_;
  struct Grant {
    bool granted = false;
    bool unsure = false;
  };
  std::map<ReplicaId, Grant> votes_;
  /// While candidate: the latest time at which a voter that granted is still bound.
  MonotonicTime voters_bound_ = kNever;
  /// The own vote counts once this is synced; 0: not handed out yet.
  std::uint64_t own_vote_persist_id_ = 0;

  // Leading.
  std::map<ReplicaId, Progress> progress_;
  /// The first index of the own term. Before it is committed nothing is served.
  LogIndex term_start_;
  /// Nothing is committed before this: promises to the primary before are still in force until
  /// then. What this node promises later is to other primaries, or names this shard: it does not
  /// count.
  MonotonicTime commit_from_ = kNever;
  struct Transfer {
    ReplicaId target;
    MonotonicTime until;
    MonotonicTime sent_at = kNever;
  };
  std::optional<Transfer> transfer_;
  /// For the rest of the term: a TimeoutNow may still be on its way.
  bool lease_given_up_ = false;
  /// A Tick has seen commit_from_ pass: no wakeup is needed for it.
  bool waited_ = false;
  /// Followers are to be looked at in the next Ready.
  bool replicate_wanted_ = false;

  // Reads that wait: for the own term's first commit, or for a round.
  struct PendingRead {
    std::uint64_t id;
    LogIndex index;
    /// The round that confirms it; 0: none started yet.
    std::uint64_t round;
  };
  std::deque<PendingRead> reads_;
  std::uint64_t next_read_id_ = 1;
  /// Each round has a new id. 0: none yet.
  std::uint64_t read_round_ = 0;
  MonotonicTime read_round_at_ = kNever;

  // Effects gathered for the next Ready.
  std::vector<Message> messages_;
  std::vector<Message> after_sync_;
  std::vector<Entry> unstored_;
  std::optional<LogBase> new_base_;
  std::vector<Fetch> fetches_;
  std::vector<SnapshotOrder> snapshots_;
  std::vector<ReadyRead> ready_reads_;
  std::uint64_t next_persist_id_ = 1;
  /// Entries handed out to be stored, until they are synced; clamped when a suffix is replaced.
  struct Storing {
    std::uint64_t persist_id;
    LogIndex last;
  };
  std::deque<Storing> storing_;
};

}  // namespace ringfort::raft

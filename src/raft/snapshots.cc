// Snapshots: whom a primary sends one, and what a follower makes of one (protocols 5 and 6).
#include <algorithm>
#include <utility>

#include "base/check.h"
#include "raft/raft.h"

namespace ringfort::raft {
namespace {

/// A snapshot that fails again and again is ordered no more rarely than this.
constexpr Duration kSnapshotPauseMax = std::chrono::seconds(30);
// So long, after its snapshot, a follower may take for what was written during it: another takes
// longer, unless the follower is slower than those who write.
constexpr Duration kCatchUpMax = std::chrono::minutes(5);

}  // namespace

void Raft::OrderSnapshot(MonotonicTime now, ReplicaId follower, Progress& progress) {
  if (!progress.MayOrderSnapshot(now)) return;
  // A replica is made only for a member that will stay one (protocols 6).
  if (progress.creates && (members().joint() || commit_ < members().index)) return;
  progress.snapshot_asked = true;
  snapshots_.push_back({follower, progress.creates});
}

void Raft::OnSnapshotStarted(ReplicaId follower, LogIndex index) {
  Progress* progress = FindProgress(follower);
  if (progress != nullptr && progress->snapshot_asked) progress->snapshot_index = index;
}

void Raft::OnSnapshotSent(MonotonicTime now, ReplicaId follower, LogIndex index) {
  Progress* progress = FindProgress(follower);
  if (progress == nullptr || !progress->TakesSnapshot()) return;
  if (progress->state != Progress::State::kSnapshot) {
    progress->NoteData(/*is_damaged=*/false, /*wants=*/false);
    progress->snapshot_index.reset();
    progress->snapshot_pause = Duration(0);
    return;
  }
  progress->creates = false;
  progress->heard_at = now;
  progress->BecomeProbe();
  progress->next = std::max(progress->next, index + 1);
  progress->snapshot_index = index;
  progress->catch_up_to = log_.last_index();
  progress->catch_up_until = now + kCatchUpMax;
  progress->unanswered = false;
  replicate_wanted_ = true;
}

void Raft::OnSnapshotFailed(MonotonicTime now, ReplicaId follower) {
  Progress* progress = FindProgress(follower);
  if (progress == nullptr || !progress->TakesSnapshot()) return;
  if (progress->state == Progress::State::kSnapshot) progress->BecomeSnapshot(progress->creates);
  progress->snapshot_asked = false;
  progress->snapshot_failed_at = now;
  progress->snapshot_pause =
      std::clamp(2 * progress->snapshot_pause, options_.retry_after, kSnapshotPauseMax);
  progress->asked_at = now;
}

std::optional<LogIndex> Raft::kept_for_snapshots(MonotonicTime now) const {
  std::optional<LogIndex> kept;
  for (const auto& [id, progress] : progress_) {
    if (!progress.snapshot_index) continue;
    if (progress.state != Progress::State::kSnapshot && !progress.CatchesUp(now)) continue;
    const LogIndex has = std::max(*progress.snapshot_index, progress.match);
    kept = std::min(kept.value_or(has), has);
  }
  return kept;
}

void Raft::OnAbsent(ReplicaId member, Incarnation incarnation) {
  Progress* progress = FindProgress(member);
  if (progress == nullptr) return;
  // Absent is also what is still to be made: but a directory that came in place of the member's
  // will never have that replica.
  const bool is_being_made = progress->state == Progress::State::kSnapshot && progress->creates;
  if (is_being_made && incarnation == IncarnationOf(member)) return;
  progress->absent_as = incarnation;
}

bool Raft::OnSnapshotOffered(MonotonicTime now, ReplicaId from, Term term) {
  if (term > this->term()) BecomeFollower(now, term, from);
  if (term < this->term() || role_ == Role::kPrimary) return false;
  HeardOfPrimary(now, from);
  return true;
}

bool Raft::WantsSnapshot(LogIndex index, Term term) const {
  if (log_.TermAt(index) == std::optional<Term>(term)) return damaged_;
  return index > commit_;
}

void Raft::OnDamaged(bool wants_snapshot) {
  damaged_ = true;
  wants_snapshot_ = wants_snapshot;
  TellAgain();
}

// An answer that nobody has asked for, where one was given in this term.
void Raft::TellAgain() {
  if (role_ == Role::kFollower && follows() && matched_ > LogIndex()) AcceptUpTo(matched_);
}

void Raft::OnSnapshotInstalled(const LogBase& base, std::vector<Entry> kept) {
  RF_CHECK(role_ != Role::kPrimary && WantsSnapshot(base.index, base.term))
      << "snapshot at " << base.index << ", committed " << commit_;
  const bool keeps = log_.TermAt(base.index) == std::optional<Term>(base.term);
  damaged_ = wants_snapshot_ = false;
  if (keeps) {
    RF_CHECK(kept.size() == log_.last_index() - base.index)
        << "snapshot at " << base.index << " of a log to " << log_.last_index() << " with "
        << kept.size() << " entries";
    log_.Cut(base.index);
    commit_ = std::max(commit_, base.index);
    durable_ = std::max(durable_, base.index);
    new_base_ = log_.base();
    // What was stored goes with the old base, and is stored again with the new one.
    unstored_ = std::move(kept);
    applied_ = base.index;
    TellAgain();
    return;
  }
  log_ = Log(base, base.index, {}, {});
  diverged_in_ = Term();
  new_base_ = base;
  unstored_.clear();
  for (Storing& storing : storing_) storing.last = std::min(storing.last, base.index);
  commit_ = base.index;
  applied_ = base.index;
  durable_ = base.index;  // What says so to others waits for the sync of the base.
  if (primary_ != ReplicaId()) AcceptUpTo(base.index);
}

}  // namespace ringfort::raft

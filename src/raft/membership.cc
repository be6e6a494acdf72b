// Changes of members (Raft thesis, chapter 4; protocols 6): who asks for one, and what the primary
// does by itself: it leaves joint configurations, makes learners voters, and gives a member whose
// replica is lost a new one.
#include <algorithm>
#include <string>
#include <utility>

#include "base/check.h"
#include "raft/quorum.h"
#include "raft/raft.h"

namespace ringfort::raft {
namespace {

Status NotNow(const std::string& why) {
  return Status(Code::kUnavailable, "the members do not change: " + why, Effect::kNotApplied);
}

}  // namespace

Result<LogIndex> Raft::ChangeMembers(MonotonicTime now, const MembersChange& change) {
  if (role_ != Role::kPrimary) {
    return Status(Code::kNotPrimary, "this replica does not lead the shard (ask its primary)",
                  Effect::kNotApplied);
  }
  if (!serving() || transfer_) return NotNow("the primary is changing (try again soon)");
  if (commit_ < members().index) return NotNow("an earlier change is under way (try again soon)");
  Result<Members> next = PlanChange(members(), change);
  if (!next.ok()) return next.status();
  for (const Member& voter : next->voters) {
    if (IsVoter(members(), voter.id)) continue;
    const Progress* progress = FindProgress(voter.id);
    if (progress == nullptr || !progress->caught_up) {
      return NotNow("a new voter has not caught up yet (try again later)");
    }
  }
  if (!HoldsWithout(*next, ReplicaId())) return NotNow("too few of the voters keep up (try later)");
  AppendMembersEntry(now, *std::move(next));
  return log_.last_index();
}

void Raft::AppendMembersEntry(MonotonicTime now, Members next) {
  next.index = log_.last_index() + 1;
  next.format = std::max(next.format, members_format_);
  std::string data;
  AppendMembers(next, &data);
  AppendOwn({Entry{term(), next.index, EntryKind::kMembers, SharedBytes(std::move(data))}});
  UpdateProgress(now);
}

void Raft::UpdateProgress(MonotonicTime now) {
  std::erase_if(progress_, [this](const auto& one) { return !IsMember(one.first); });
  ForEachMember(members(), [&](const Member& member) {
    if (member.id == self_ || progress_.contains(member.id)) return;
    Progress progress = FirstProgress(now);
    progress.BecomeSnapshot(/*makes_it=*/true);
    progress_.emplace(member.id, progress);
  });
}

void Raft::MaintainMembers(MonotonicTime now) {
  if (!serving() || commit_ < members().index || transfer_) return;
  if (members().joint()) {
    AppendMembersEntry(now, Leave(members()));
    return;
  }
  if (!MayVote()) {
    StepAside(now);
    return;
  }
  if (const std::optional<MembersChange> repair = NextRepair()) StartChange(now, *repair);
}

void Raft::StartChange(MonotonicTime now, const MembersChange& change) {
  Result<Members> next = PlanChange(members(), change);
  RF_CHECK(next.ok()) << next.status().message();
  AppendMembersEntry(now, *std::move(next));
}

// One voter at a time: the next is replaced only when the successor of the last is a voter, and so
// has caught up.
std::optional<MembersChange> Raft::NextRepair() const {
  const bool successor_learns = std::ranges::any_of(
      members().learners, [](const Member& learner) { return learner.promote; });
  for (const auto& [id, progress] : progress_) {
    const bool set_aside = progress.state == Progress::State::kSetAside;
    if (!progress.absent_as && !set_aside) continue;
    if (successor_learns && IsVoter(members(), id)) continue;
    MembersChange change = Replace(members(), id, progress.absent_as.value_or(IncarnationOf(id)));
    if (change.voters.empty()) continue;
    const Result<Members> next = PlanChange(members(), change);
    if (next.ok() && HoldsWithout(*next, id)) return change;
  }
  for (const Member& learner : members().learners) {
    const auto found = progress_.find(learner.id);
    if (!learner.promote || found == progress_.end() || !found->second.caught_up) continue;
    MembersChange change = Promote(members(), learner.id);
    const Result<Members> next = PlanChange(members(), change);
    if (next.ok() && HoldsWithout(*next, ReplicaId())) return change;
  }
  return std::nullopt;
}

Incarnation Raft::IncarnationOf(ReplicaId id) const {
  Incarnation incarnation;
  ForEachMember(members(), [&](const Member& member) {
    if (member.id == id) incarnation = member.incarnation;
  });
  return incarnation;
}

// A change is begun only when those who are there can also end it: a joint configuration that
// nobody can leave would be worse than what it was to repair.
bool Raft::HoldsWithout(const Members& next, ReplicaId lost) const {
  return QuorumHolds(next, [&](ReplicaId id) {
    if (id == self_) return true;
    if (id == lost) return false;
    const auto found = progress_.find(id);
    return found != progress_.end() && found->second.connected && found->second.counted &&
           found->second.state == Progress::State::kReplicate && !found->second.absent_as;
  });
}

// Thesis 4.2.1: a learner has caught up when a round, which is the time it takes to get what was in
// the log when the round began, is shorter than an election timeout.
void Raft::CountRounds(MonotonicTime now) {
  for (const Member& learner : members().learners) {
    Progress* progress = FindProgress(learner.id);
    if (progress == nullptr) continue;
    if (progress->state != Progress::State::kReplicate || !progress->counted) {
      progress->caught_up = false;
      progress->round_started_at = kNever;
      continue;
    }
    const bool ended =
        progress->round_started_at != kNever && progress->match >= progress->round_target;
    if (ended) {
      progress->caught_up = now - progress->round_started_at < options_.election_timeout;
    }
    if (ended || progress->round_started_at == kNever) {
      progress->round_target = log_.last_index();
      progress->round_started_at = now;
    }
  }
}

bool Raft::IsSilent() const {
  const LogIndex last = log_.last_index();
  if (commit_ != last || applied_ != last || durable_ != last || HasReady()) return false;
  if (role_ == Role::kFollower) {
    return !unsure() && !primary_gone_ && follows_ == std::optional<Term>(term());
  }
  if (role_ != Role::kPrimary || !serving() || transfer_ || !reads_.empty()) return false;
  if (members().joint() || !members().learners.empty()) return false;
  return std::all_of(progress_.begin(), progress_.end(), [&](const auto& one) {
    const Progress& progress = one.second;
    return !progress.connected ||
           (progress.state == Progress::State::kReplicate && progress.counted &&
            progress.match == last && progress.commit_known == commit_ && !progress.absent_as &&
            !progress.wants_snapshot && progress.confirm_round == 0);
  });
}

}  // namespace ringfort::raft

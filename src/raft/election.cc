// Elections: who may campaign, who is voted for, and what a new primary inherits.
#include <algorithm>

#include "base/check.h"
#include "raft/quorum.h"
#include "raft/raft.h"

namespace ringfort::raft {
namespace {

// Candidates that learn of a primary's end at the same moment are kept apart by their rank.
constexpr Duration kGoneRankStep = std::chrono::milliseconds(12);
// A pre-vote costs nothing lasting, so it is tried again soon: a voter may have refused only
// because it had not yet heard that the primary is gone. A vote waits for the voters' disks.
constexpr Duration kPreVoteRound = std::chrono::milliseconds(25);
constexpr Duration kVoteRound = std::chrono::milliseconds(100);

}  // namespace

Duration Raft::ElectionPause() {
  const auto half = static_cast<std::uint64_t>(options_.election_timeout.count() / 2);
  const Duration pause = options_.election_timeout + Duration(random_.Below(half));
  // Whoever is whole goes first; where only this log is long enough, it leads until another is.
  return damaged_ ? pause + options_.election_timeout / 2 : pause;
}

Duration Raft::RankPause(Duration step) {
  std::int64_t rank = 0;
  for (const Member& voter : members().voters) {
    if (voter.id == self_) break;
    if (voter.id != primary_) ++rank;
  }
  if (damaged_) rank += static_cast<std::int64_t>(members().voters.size());
  return step * rank + Duration(random_.Below(static_cast<std::uint64_t>(step.count() / 4)));
}

Duration Raft::RoundPause(Duration first) {
  const Duration pause =
      std::min(options_.election_timeout, first * (1 << std::min(attempts_, 8U)));
  ++attempts_;
  return pause + Duration(random_.Below(static_cast<std::uint64_t>(pause.count() / 2)));
}

void Raft::HeardOfPrimary(MonotonicTime now, ReplicaId primary) {
  role_ = Role::kFollower;
  primary_ = primary;
  primary_heard_at_ = now;
  primary_gone_ = false;
  own_vote_persist_id_ = 0;
  attempts_ = 0;
  election_at_ = now + ElectionPause();
}

bool Raft::HasLivePrimary(MonotonicTime now) const {
  if (role_ == Role::kPrimary) return true;  // CheckQuorum ends the role when that is no longer so.
  return primary_ != ReplicaId() && !primary_gone_ && primary_heard_at_ != kNever &&
         now - primary_heard_at_ < options_.election_timeout;
}

void Raft::BecomeFollower(MonotonicTime now, Term term, ReplicaId primary) {
  if (term > hard_state_.term) {
    SetHardState(term, ReplicaId());
    follows_.reset();
    follow_wanted_ = false;
    follow_persist_id_ = 0;
    matched_ = LogIndex();
    sure_at_.reset();
    primary_ = ReplicaId();
    primary_heard_at_ = kNever;
    primary_gone_ = false;
    vote_transfer_from_ = ReplicaId();
  }
  role_ = Role::kFollower;
  own_vote_persist_id_ = 0;
  votes_.clear();
  progress_.clear();
  snapshots_.clear();
  transfer_.reset();
  lease_given_up_ = false;
  reads_.clear();
  ready_reads_.clear();
  replicate_wanted_ = false;
  primary_ = primary;
  if (primary != ReplicaId()) primary_heard_at_ = now;
  election_at_ = now + ElectionPause();
}

void Raft::StepDown(MonotonicTime now) {
  if (role_ == Role::kPrimary) BecomeFollower(now, term(), ReplicaId());
}

void Raft::ExtendBound(MonotonicTime until, ReplicaId to, Term term) {
  if (to != last_promise_.to || term != last_promise_.term) {
    bound_ = std::max(bound_, last_promise_.until);
    last_promise_ = Promise{to, term, kNever};
  }
  last_promise_.until = std::max(last_promise_.until, until);
}

MonotonicTime Raft::BoundWithout(ReplicaId primary, Term term) const {
  const bool left_out =
      primary != ReplicaId() && last_promise_.to == primary && last_promise_.term == term;
  return left_out ? bound_ : bound();
}

void Raft::OnHeartbeat(MonotonicTime now, ReplicaId primary, Term term) {
  if (term != this->term() || primary != primary_ || role_ == Role::kPrimary) return;
  HeardOfPrimary(now, primary);
}

void Raft::OnPrimaryGone(MonotonicTime now) {
  if (role_ == Role::kPrimary || primary_ == ReplicaId() || primary_gone_) return;
  primary_gone_ = true;
  attempts_ = 0;
  election_at_ = now + RankPause(kGoneRankStep);
}

void Raft::AskForVotes(MonotonicTime now, bool pre_vote) {
  votes_.clear();
  voters_bound_ = kNever;
  const Term asked = pre_vote ? term() + 1 : term();
  ForEachMember(members(), [&](const Member& member) {
    if (member.id == self_ || !IsVoter(members(), member.id)) return;
    SendIn(asked, member.id,
           VoteRequest{pre_vote, log_.last_index(), log_.last_term(), vote_transfer_from_});
  });
  election_at_ = now + RoundPause(pre_vote ? kPreVoteRound : kVoteRound);
}

void Raft::StartPreVote(MonotonicTime now) {
  role_ = Role::kPreCandidate;
  own_vote_persist_id_ = 0;
  vote_transfer_from_ = ReplicaId();
  AskForVotes(now, /*pre_vote=*/true);
  votes_[self_] = Grant{true, unsure()};
  if (ElectionWon()) StartElection(now, ReplicaId());
}

void Raft::StartElection(MonotonicTime now, ReplicaId transfer_from) {
  attempts_ = attempts_ > 0 ? attempts_ - 1 : 0;  // The pre-vote succeeded: it was no vain attempt.
  BecomeFollower(now, term() + 1, ReplicaId());
  SetHardState(term(), self_);
  role_ = Role::kCandidate;
  vote_transfer_from_ = transfer_from;
  AskForVotes(now, /*pre_vote=*/false);
  // The own vote is counted when it is synced: OnPersisted.
}

bool Raft::ElectionWon() const {
  auto grant = [this](ReplicaId id) {
    const auto vote = votes_.find(id);
    return vote == votes_.end() ? Grant{} : vote->second;
  };
  // Protocols 4: a voter that may have forgotten something counts only where all voters are heard.
  return QuorumHolds(members(),
                     [&](ReplicaId id) { return grant(id).granted && !grant(id).unsure; }) ||
         AllVotersHold(members(), [&](ReplicaId id) { return grant(id).granted; });
}

// Who is no voter by its own log votes all the same: it may be one by a later change, which it
// lacks and which nobody can commit without it (thesis 4.1). What the vote counts for, the
// candidate's log says.
void Raft::OnVoteRequest(MonotonicTime now, const Message& message, const VoteRequest& request) {
  const bool up_to_date = log_.IsUpToDate(request.last_index, request.last_term);
  if (request.pre_vote) {
    const bool granted = message.term > term() && up_to_date && !HasLivePrimary(now);
    SendIn(granted ? message.term : term(), message.from,
           VoteReply{true, granted, unsure(), Duration(0)});
    return;
  }
  const bool released = request.transfer_from != ReplicaId() && request.transfer_from == primary_ &&
                        message.term == term() + 1;
  if (message.term > term() && HasLivePrimary(now) && !released) {
    SendAfterSync(message.from, VoteReply{});  // Bound to the primary: the term is not taken over.
    return;
  }
  if (message.term > term()) BecomeFollower(now, message.term, ReplicaId());
  const bool free = hard_state_.vote == ReplicaId() || hard_state_.vote == message.from;
  if (message.term < term() || !free || !up_to_date || primary_ != ReplicaId()) {
    SendAfterSync(message.from, VoteReply{});
    return;
  }
  SetHardState(term(), message.from);
  vote_transfer_from_ = request.transfer_from;
  election_at_ = now + ElectionPause();
  SendAfterSync(message.from, VoteReply{false, true, unsure(), Duration(0)});
}

void Raft::OnVoteReply(MonotonicTime now, const Message& message, const VoteReply& reply) {
  const Role asked_as = reply.pre_vote ? Role::kPreCandidate : Role::kCandidate;
  const Term asked_in = reply.pre_vote ? term() + 1 : term();
  if (!reply.granted || role_ != asked_as || message.term != asked_in) return;
  // A round has an end: an unsure voter relies on it that a vote it may have forgotten is out of
  // use.
  if (now >= election_at_) return;
  votes_[message.from] = Grant{true, reply.unsure};
  if (reply.pre_vote) {
    if (ElectionWon()) StartElection(now, ReplicaId());
    return;
  }
  voters_bound_ = std::max(voters_bound_, now + reply.bound_left);
  // Not before the own vote is on disk, even if others suffice: a crash would forget the term, and
  // be elected in it again.
  if (votes_.contains(self_) && ElectionWon()) BecomePrimary(now);
}

void Raft::BecomePrimary(MonotonicTime now) {
  const MonotonicTime inherited = voters_bound_;
  role_ = Role::kPrimary;
  primary_ = self_;
  own_vote_persist_id_ = 0;
  attempts_ = 0;
  commit_from_ = std::max(inherited, BoundWithout(vote_transfer_from_, term() - 1));
  waited_ = false;
  if (unsure()) {
    // Elected by sure voters, or by all: this log now is the one that counts.
    hard_state_.unsure = false;
    hard_state_changed_ = true;
  }
  progress_.clear();
  term_start_ = log_.last_index() + 1;
  ForEachMember(members(), [&](const Member& member) {
    if (member.id == self_) return;
    Progress progress = FirstProgress(now);
    // It voted unsure, so after its start, in this very election: nobody else can have been elected
    // between.
    const auto vote = votes_.find(member.id);
    progress.confirmed = vote != votes_.end() && vote->second.unsure;
    progress_.emplace(member.id, progress);
  });
  votes_.clear();
  AppendOwn({Entry{term(), term_start_, EntryKind::kNoop, SharedBytes()}});
}

Progress Raft::FirstProgress(MonotonicTime now) const {
  Progress progress;
  progress.next = log_.last_index() + 1;
  progress.heard_at = now;
  return progress;
}

void Raft::CheckQuorum(MonotonicTime now) {
  const MonotonicTime heard = QuorumValue(members(), [&](ReplicaId id) {
    const auto progress = progress_.find(id);
    return id == self_ ? now : progress == progress_.end() ? kNever : progress->second.heard_at;
  });
  if (heard == kNever || now - heard >= options_.election_timeout) StepDown(now);
}

}  // namespace ringfort::raft

// Handing the role over (Raft thesis, section 3.10; protocols 3 and 10): the successor campaigns at
// once, and nobody waits for the lease that this primary gave up.
#include "raft/quorum.h"
#include "raft/raft.h"

namespace ringfort::raft {

Status Raft::TransferTo(MonotonicTime now, ReplicaId target) {
  if (role_ != Role::kPrimary) {
    return Status(Code::kNotPrimary, "this replica does not lead the shard (ask its primary)",
                  Effect::kNotApplied);
  }
  if (!IsVoter(members(), target) || target == self_) {
    return Status(Code::kInvalidArgument, "the successor must be another voter of the shard",
                  Effect::kNotApplied);
  }
  const Progress* progress = FindProgress(target);
  const bool follows = progress != nullptr && progress->connected && progress->counted &&
                       progress->state == Progress::State::kReplicate;
  // Not before the promises to the primary before are over: the next one would not know of them.
  if (!serving() || now < commit_from_ || transfer_ || !follows) {
    return Status(Code::kUnavailable, "the role cannot be handed over now (try again soon)",
                  Effect::kNotApplied);
  }
  transfer_ = Transfer{target, now + options_.election_timeout};
  lease_given_up_ = true;
  ContinueTransfer(now);
  return Status::Ok();
}

void Raft::ContinueTransfer(MonotonicTime now) {
  if (!transfer_) return;
  const Progress* progress = FindProgress(transfer_->target);
  if (now >= transfer_->until || progress == nullptr || !progress->connected) {
    transfer_.reset();  // Goes on leading, without the lease.
    return;
  }
  if (progress->match < log_.last_index()) return;
  if (transfer_->sent_at != kNever && now - transfer_->sent_at < options_.retry_after) return;
  transfer_->sent_at = now;
  Send(transfer_->target, TimeoutNow{});
}

ReplicaId Raft::BestSuccessor(const std::function<bool(const Member&)>& may_lead) const {
  ReplicaId best;
  LogIndex match;
  for (const Member& voter : members().voters) {
    const auto found = progress_.find(voter.id);
    if (found == progress_.end() || (may_lead && !may_lead(voter))) continue;
    const Progress& progress = found->second;
    if (!progress.connected || !progress.counted || progress.absent_as) continue;
    if (progress.damaged) continue;
    if (progress.state != Progress::State::kReplicate || progress.match <= match) continue;
    best = voter.id;
    match = progress.match;
  }
  return best;
}

// The primary is no longer a voter (thesis 4.2.2).
void Raft::StepAside(MonotonicTime now) {
  if (const ReplicaId successor = BestSuccessor(); successor != ReplicaId()) {
    Send(successor, TimeoutNow{});
  }
  StepDown(now);
}

void Raft::OnTimeoutNow(MonotonicTime now, const Message& message) {
  if (role_ != Role::kFollower || message.from != primary_ || unsure() || !MayVote()) return;
  const ReplicaId from = primary_;
  StartElection(now, from);
}

}  // namespace ringfort::raft

// A replica's members as its node and operators see them: handing the role over, changes, and
// replicas that are members no more (protocols 6 and 10).
#include <algorithm>

#include "raft/quorum.h"
#include "replica/replica.h"

namespace ringfort::replica {
namespace {

// How long no primary is heard of before a replica doubts that it is still a member; and how long
// it waits before it asks again.
constexpr Duration kAloneMax = std::chrono::seconds(3);

}  // namespace

Status Replica::TransferTo(NodeId node, MonotonicTime now) {
  const ReplicaId target = ReplicaOn(node);
  const Status status = raft_.TransferTo(now, target);
  if (status.ok()) handed_to_ = target;
  host_->Wake(this);
  return status;
}

bool Replica::HandOver(const std::function<bool(NodeId)>& may_lead, MonotonicTime now) {
  if (raft_.role() != raft::Role::kPrimary || raft_.transferring_to()) return true;
  const ReplicaId successor = raft_.BestSuccessor(
      [&](const raft::Member& voter) { return may_lead == nullptr || may_lead(voter.node); });
  return successor != ReplicaId() && TransferTo(NodeOf(successor), now).ok();
}

Result<LogIndex> Replica::ChangeMembers(const raft::MembersChange& change, MonotonicTime now) {
  Result<LogIndex> index = raft_.ChangeMembers(now, change);
  host_->Wake(this);
  return index;
}

bool Replica::Needs(NodeId node) const {
  if (raft_.role() != raft::Role::kPrimary) return false;
  const ReplicaId leaver = ReplicaOn(node);
  if (!raft::IsVoter(raft_.members(), leaver)) return false;
  // Caught up: what it lacks is on its way.
  return !raft::QuorumHolds(raft_.members(), [&](ReplicaId id) {
    if (id == raft_.self()) return true;
    if (id == leaver) return false;
    const raft::Progress* progress = ProgressOf(id);
    return progress != nullptr && progress->connected && progress->counted &&
           progress->state == raft::Progress::State::kReplicate;
  });
}

void Replica::AskWhetherMember(MonotonicTime now) {
  if (raft_.HasLivePrimary(now)) {
    alone_since_ = kNever;
    return;
  }
  if (alone_since_ == kNever) alone_since_ = now;
  if (now - alone_since_ < kAloneMax) return;
  if (asked_membership_at_ != kNever && now - asked_membership_at_ < kAloneMax) return;
  asked_membership_at_ = now;
  proto::PeerMessage message;
  proto::OrphanQuestion* question = message.mutable_orphan_question();
  question->set_shard(shard_.value());
  question->set_replica(raft_.self().value());
  host_->SendToAll(message);
}

// Only a primary confirmed by ReadIndex, and by the members that are committed, may say so. While a
// change of them is under way nothing is said: it is asked again.
void Replica::OnOrphanQuestion(NodeId from, ReplicaId orphan, MonotonicTime now) {
  if (!raft_.serving() || raft_.members().joint()) return;
  if (raft_.commit() < raft_.members().index) return;
  bool member = false;
  raft::ForEachMember(raft_.members(),
                      [&](const raft::Member& one) { member = member || one.id == orphan; });
  if (member) return;
  orphans_.emplace(raft_.QueueRead(now), std::pair(from, orphan));
  host_->Wake(this);
}

void Replica::AnswerOrphan(NodeId node, ReplicaId orphan) {
  proto::PeerMessage message;
  proto::OrphanAnswer* answer = message.mutable_orphan_answer();
  answer->set_shard(shard_.value());
  answer->set_replica(orphan.value());
  host_->Send(node, message);
}

void Replica::OnOrphanAnswer(ReplicaId orphan) {
  if (orphan == raft_.self()) host_->OnRemoved(this, "it is no member any more");
}

bool Replica::IsSilent() const {
  return raft_.IsSilent() && write_mail_.empty() && read_mail_.empty() && writes_.empty() &&
         unconfirmed_reads_.empty() && waiting_reads_.empty() && after_sync_.empty() &&
         outbox_.empty() && orphans_.empty() && !applying_in_pool_ && senders_.empty() &&
         receiver_->idle();
}

}  // namespace ringfort::replica

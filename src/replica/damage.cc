// Data of its own that a replica cannot read (design 4): it gives way to the others' copies, but
// not before they can do without it.
#include "replica/replica.h"

namespace ringfort::replica {
namespace {

constexpr Duration kAskPause = std::chrono::seconds(1);

}  // namespace

void Replica::NoteDamage(const Status& status) {
  damage_ = status.message();
  sum_ = ShardSum();
  sum_->index = raft_.applied();
  sum_->error = damage_;
}

void Replica::OnDamaged(const Status& status) {
  if (stopped_ || !damage_.empty()) return;
  NoteDamage(status);
  host_->Say(*this, "damaged, gives way to its other copies: " + damage_);
  host_->Wake(this);
}

// Its log and its vote are whole, and the shard may need them. So it leads no more where another
// can, and its primary judges when it may go.
void Replica::GiveWay(MonotonicTime now) {
  if (damage_.empty()) return;
  if (raft_.role() == raft::Role::kPrimary) {
    HandOver(nullptr, now);
    return;
  }
  if (raft_.primary() == ReplicaId()) return;
  if (asked_to_go_at_ != kNever && now - asked_to_go_at_ < kAskPause) return;
  asked_to_go_at_ = now;
  proto::PeerMessage message;
  proto::OrphanQuestion* question = message.mutable_orphan_question();
  question->set_shard(shard_.value());
  question->set_replica(raft_.self().value());
  question->set_damaged(true);
  host_->Send(NodeOf(raft_.primary()), message);
}

// Another answers it, or does once it leads.
bool Replica::IsReadElsewhere(const Status& status) {
  if (status.code() != Code::kCorruption) return false;
  OnDamaged(status);
  return raft_.role() != raft::Role::kPrimary || HandOver(nullptr, host_->Now());
}

}  // namespace ringfort::replica

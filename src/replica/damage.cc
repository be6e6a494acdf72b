// Data of its own that a replica cannot read, while its log is whole (protocols 6): it stays the
// member that it is, votes and acknowledges, and takes a snapshot in place of the data.
#include <algorithm>
#include <utility>

#include "replica/replica.h"

namespace ringfort::replica {
namespace {

constexpr Duration kTellPause = std::chrono::seconds(1);
// So long a turn to be repaired is held without a transfer that gets on; then others have theirs.
constexpr Duration kPatience = std::chrono::seconds(10);

}  // namespace

void Replica::NoteDamage(const Status& status) {
  damage_ = status.message();
  sum_ = ShardSum();
  sum_->index = raft_.applied();
  sum_->error = damage_;
  raft_.OnDamaged(/*wants_snapshot=*/false);
}

void Replica::OnDamaged(const Status& status) {
  if (stopped_ || !damage_.empty()) return;
  NoteDamage(status);
  SayDamage();
  host_->Wake(this);
}

void Replica::SayDamage() {
  damage_said_ = true;
  host_->Say(
      *this,
      "damaged, it votes but serves no reads until it is repaired from its primary: " + damage_);
  host_->OnDamaged(*this);
  // As they are, they are kept until then, also over a restart. (Lost ones cannot be marked, and
  // where no mark can be made the damage is found again.)
  InPool(
      [store = store_, name = storage::ShardStore::Name{shard_, generation_},
       why = Status(Code::kCorruption, damage_)] { store->MarkDamaged(name, why).IgnoreError(); },
      [] {});
}

// Its log and its vote are whole, and the shard may need them. So it leads no longer than until
// another has both data and log, and then takes its turn to be repaired.
void Replica::ContinueRepair(MonotonicTime now) {
  if (damage_.empty()) return;
  if (!damage_said_) SayDamage();
  if (raft_.role() == raft::Role::kPrimary) {
    repair_turn_.reset();
    HandOver(nullptr, now);
    return;
  }
  // Without its turn nothing is asked for: what was begun before, nobody goes on with.
  const bool gets_on = repair_turn_ != nullptr && (import_ != nullptr || !receiver_->idle());
  if (gets_on) repair_turn_at_ = now;
  if (repair_turn_ == nullptr && now >= repair_turn_at_ + kPatience) {
    repair_turn_ = host_->TakeRepairTurn();
    repair_turn_at_ = repair_turn_ == nullptr ? repair_turn_at_ : now;
    told_damage_at_ = repair_turn_ == nullptr ? told_damage_at_ : kNever;
  } else if (repair_turn_ != nullptr && now - repair_turn_at_ >= kPatience) {
    repair_turn_.reset();
    repair_turn_at_ = now;
    told_damage_at_ = kNever;
  }
  if (told_damage_at_ != kNever && now - told_damage_at_ < kTellPause) return;
  told_damage_at_ = now;
  raft_.OnDamaged(repair_turn_ != nullptr);
  host_->Wake(this);
}

// Another answers it, or does once it leads.
bool Replica::IsReadElsewhere(const Status& status) {
  if (status.code() != Code::kCorruption) return false;
  OnDamaged(status);
  return raft_.role() != raft::Role::kPrimary || HandOver(nullptr, host_->Now());
}

std::string Replica::RepairWaitsFor() const {
  if (import_ != nullptr || !receiver_->idle()) return "";
  if (raft_.role() == raft::Role::kPrimary) return "a whole copy that has caught up, to lead";
  if (no_room_for_repair_) return "room on its disk";
  if (repair_turn_ == nullptr) return "its turn: a node repairs one copy at a time";
  return "a snapshot of a whole primary";
}

}  // namespace ringfort::replica

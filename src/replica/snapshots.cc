// A replica's snapshots: those it sends as a primary, and the one that it receives (protocols 5).
#include <utility>

#include "replica/replica.h"

namespace ringfort::replica {

RunInPool Replica::PoolDoor(Pool pool) {
  return [this, pool](env::Task work, env::Task then) {
    InPool(std::move(work), std::move(then), pool);
  };
}

bool Replica::SendSnapshot(NodeId to, proto::SnapshotMessage message) {
  proto::PeerMessage wrapped;
  *wrapped.mutable_snapshot() = std::move(message);
  return host_->Send(to, wrapped);
}

void Replica::OnSnapshot(const env::PeerIdentity& from, proto::SnapshotMessage message) {
  if (stopped_ || ReplicaId(message.to()) != raft_.self()) return;
  if (!IsGenuine(ReplicaId(message.from()), from)) return;
  if (!message.has_ack()) {
    receiver_->Receive(from.node, std::move(message));
  } else if (const auto sender = senders_.find(ReplicaId(message.from()));
             sender != senders_.end() && ReplicaOf(from) == sender->first) {
    sender->second->OnAck(message);
  }
  host_->Wake(this);
}

// Sending.

void Replica::SendSnapshot(const raft::SnapshotOrder& order) {
  const ReplicaId to = order.follower;
  SnapshotSender::Doors doors;
  doors.now = [this] { return host_->Now(); };
  doors.run_in_pool = PoolDoor(Pool::kChunks);
  doors.run_long = PoolDoor(Pool::kWholeShards);
  doors.take_turn = [this, to]() -> Result<std::shared_ptr<const void>> {
    if (host_->RoomOf(NodeOf(to)) == storage::DiskRoom::kExhausted) {
      return Status(Code::kUnavailable, "the follower's disk is exhausted (it is tried again)");
    }
    std::shared_ptr<const void> turn = host_->TakeSnapshotTurn(NodeOf(to));
    // From now on, not from when all files were read: else the log may be cut beyond them.
    if (turn != nullptr) raft_.OnSnapshotStarted(to, raft_.applied());
    return turn;
  };
  doors.wake_at = [this](MonotonicTime when) { host_->WakeAt(this, when); };
  doors.send = [this, to](proto::SnapshotMessage message) {
    return SendSnapshot(NodeOf(to), std::move(message));
  };
  doors.take = [this](std::size_t bytes) { return host_->TakeSnapshotBytes(bytes); };
  doors.base_at = [this, to](storage::Applied applied) -> Result<raft::LogBase> {
    if (raft_.log().TermAt(applied.index) != std::optional<Term>(applied.term)) {
      return Status(Code::kUnavailable, "the log was cut beyond the snapshot (another is made)");
    }
    raft_.OnSnapshotStarted(to, applied.index);
    return raft::LogBase{applied.index, applied.term, raft_.log().MembersAt(applied.index)};
  };
  doors.done = [this, to](const Status& status, const raft::LogBase& base) {
    OnSnapshotDone(to, status, base);
  };
  const SnapshotSender::Route route{{shard_, generation_}, raft_.self(),  to,
                                    raft_.term(),          order.creates, random_.Next()};
  senders_[to] =
      std::make_unique<SnapshotSender>(options_.snapshot, route, store_, std::move(doors));
  senders_.at(to)->Turn();
}

void Replica::OnSnapshotDone(ReplicaId follower, const Status& status, const raft::LogBase& base) {
  senders_.erase(follower);
  if (status.ok()) {
    made_follower_at_ = host_->Now();
    raft_.OnSnapshotSent(made_follower_at_, follower, base.index);
  } else {
    raft_.OnSnapshotFailed(host_->Now(), follower);
  }
  host_->Wake(this);
  if (status.code() == Code::kCorruption) OnDamaged(status);
}

void Replica::TurnSenders() {
  if (raft_.role() != raft::Role::kPrimary) senders_.clear();
  std::vector<ReplicaId> followers;
  for (const auto& [follower, sender] : senders_) followers.push_back(follower);
  for (const ReplicaId follower : followers) {
    const raft::Progress* progress = ProgressOf(follower);
    if (progress == nullptr || !progress->TakesSnapshot()) {
      senders_.erase(follower);  // It is no member any more, or does without it.
    } else if (const auto sender = senders_.find(follower); sender != senders_.end()) {
      sender->second->Turn();
    }
  }
}

// Receiving.

std::unique_ptr<SnapshotReceiver> Replica::MakeReceiver() {
  SnapshotReceiver::Doors doors;
  doors.now = [this] { return host_->Now(); };
  doors.run_in_pool = PoolDoor(Pool::kChunks);
  doors.run_long = PoolDoor(Pool::kWholeShards);
  doors.send = [this](NodeId to, proto::SnapshotMessage message) {
    SendSnapshot(to, std::move(message));
  };
  doors.lacks = [this](const SnapshotReceiver::Offer& offer) -> Result<bool> {
    if (!raft_.OnSnapshotOffered(host_->Now(), offer.from, offer.term)) {
      return Status(Code::kConditionFailed, "the offer is of a primary that was replaced");
    }
    NoteStranger(offer.from, offer.node);
    repair_bytes_ = offer.bytes;
    if (!damage_.empty() && offer.base.index < raft_.log().base().index) {
      return Status(Code::kConditionFailed, "the snapshot ends before the log of who takes it");
    }
    return raft_.WantsSnapshot(offer.base.index, offer.base.term);
  };
  doors.room = [this] { return host_->OwnRoom(); };
  doors.ended = [this](const Status& status) {
    no_room_for_repair_ = status.code() == Code::kDiskFull;
  };
  doors.new_generation = [this] { return ++last_generation_; };
  doors.install = [this](const SnapshotReceiver::Offer& offer, storage::Generation generation) {
    OpenImported(offer.base, generation);
  };
  return std::make_unique<SnapshotReceiver>(options_.snapshot, shard_, store_, std::move(doors));
}

void Replica::OpenImported(const raft::LogBase& base, storage::Generation generation) {
  struct Opened {
    std::shared_ptr<storage::ShardData> data;
    std::unique_ptr<StateMachine> machine;
    Status status;
  };
  auto opened = std::make_shared<Opened>();
  PoolDoor(Pool::kChunks)(
      [store = store_, name = storage::ShardStore::Name{shard_, generation}, opened] {
        auto data = store->Open(name);
        if (!data.ok()) {
          opened->status = data.status();
          return;
        }
        auto machine = StateMachine::Load(*data);
        if (!machine.ok()) {
          opened->status = machine.status();
          return;
        }
        opened->data = *std::move(data);
        opened->machine = *std::move(machine);
      },
      [this, base, generation, opened] {
        if (stopped_) return;
        if (opened->status.ok()) {
          import_ = std::make_shared<Import>(
              Import{base, generation, std::move(opened->data), std::move(opened->machine)});
          InstallImport();
        } else {
          host_->DropData({shard_, generation}, {});
          receiver_->OnInstalled(opened->status);
        }
      });
}

bool Replica::CanInstall(const Import& import) const {
  return raft_.role() != raft::Role::kPrimary &&
         raft_.WantsSnapshot(import.base.index, import.base.term);
}

void Replica::InstallImport() {
  if (import_ == nullptr || applying_in_pool_ || repairs_in_pool_ || stopped_) return;
  if (!CanInstall(*import_)) return DropImport(Status::Ok());
  if (KeepsLog(*import_)) return StartRepair();
  const std::shared_ptr<Import> import = std::exchange(import_, nullptr);
  Install(*import, {});
}

void Replica::DropImport(const Status& status) {
  const std::shared_ptr<Import> import = std::exchange(import_, nullptr);
  host_->DropData({shard_, import->generation}, import->data);
  receiver_->OnInstalled(status);
}

// The log decides (protocols 5): the data change here, and last once the new base is synced.
void Replica::Install(const Import& import, std::vector<raft::Entry> kept) {
  replaced_ = Replaced{{shard_, generation_}, data_, !damage_.empty(), 0};
  raft_.OnSnapshotInstalled(import.base, std::move(kept));
  data_ = import.data;
  if (!damage_.empty()) {
    sum_.reset();
    summer_.reset();  // What it finds is of the old data.
  }
  damage_.clear();
  damage_said_ = apply_blocked_ = false;
  machine_ = import.machine;
  generation_ = import.generation;
  session_time_ = machine_->session_time();
  session_count_ = machine_->session_count();
  host_->Wake(this);
}

void Replica::FinishInstall(std::uint64_t stored) {
  if (!replaced_ || replaced_->persist_id == 0 || stored < replaced_->persist_id) return;
  const Replaced replaced = *std::exchange(replaced_, std::nullopt);
  repair_turn_.reset();
  if (replaced.damaged) {
    host_->Say(*this, "repaired: it has whole data again, and is the member that it was");
    host_->DropRepaired(replaced.name, replaced.data);
  } else {
    host_->DropData(replaced.name, replaced.data);
  }
  if (!stopped_) receiver_->OnInstalled(Status::Ok());
}

}  // namespace ringfort::replica

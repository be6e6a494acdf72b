// The follower's end of snapshot transfers to one shard (protocols 5).
//
// One transfer at a time: chunks are checked, wait in order for the pool to write them, and at the
// end the map is made in the pool under a generation of its own. Then the owner makes it count, by
// one log batch. A begin of the same transfer takes it up again; one of another replaces it.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/ids.h"
#include "base/time.h"
#include "raft/types.h"
#include "replica/snapshot_transfer.h"
#include "ringfort/peer.pb.h"
#include "ringfort/status.h"
#include "storage/disk_room.h"
#include "storage/log_store.h"
#include "storage/shard_store.h"

namespace ringfort::replica {

/// All functions and doors on the shard's loop. May be destroyed at any time, but not in a door;
/// what an import made and nobody has named yet is dropped at the next start.
class SnapshotReceiver {
 public:
  /// What a transfer brings, and who sends it.
  struct Offer {
    NodeId node;
    ReplicaId from;
    ReplicaId to;
    Term term;
    raft::LogBase base;
    bool creates = false;
    /// Of all its files.
    std::uint64_t bytes = 0;
  };
  struct Doors {
    std::function<MonotonicTime()> now;
    /// For chunks, and for the check of all files at the end.
    RunInPool run_in_pool;
    RunInPool run_long;
    /// Best effort.
    std::function<void(NodeId to, proto::SnapshotMessage)> send;
    /// Whether the shard lacks what is offered: false when it stands on the base already or is past
    /// it, which is answered as installed. An error refuses the offer.
    std::function<Result<bool>(const Offer&)> lacks;
    /// On the own disk. Exhausted: nothing more is written of any transfer.
    std::function<storage::DiskRoom()> room;
    /// One that was never used for the shard.
    std::function<storage::Generation()> new_generation;
    /// The data of `offer` are in the store under `generation`, durably. The owner makes the log
    /// say so, or drops them, and calls OnInstalled.
    std::function<void(const Offer& offer, storage::Generation generation)> install;
    /// An offer was refused or has ended, with this outcome.
    std::function<void(const Status&)> ended = [](const Status&) {};
  };

  /// `store` outlives this.
  SnapshotReceiver(SnapshotTuning tuning, ShardId shard, storage::ShardStore* store, Doors doors);
  ~SnapshotReceiver();
  SnapshotReceiver(const SnapshotReceiver&) = delete;
  SnapshotReceiver& operator=(const SnapshotReceiver&) = delete;

  /// A begin or a chunk. `message` is for this shard and for `to` of the owner's choice; of an
  /// older term than the transfer in hand: no effect.
  void Receive(NodeId from, proto::SnapshotMessage message);
  /// The outcome of `install`.
  void OnInstalled(const Status& status);
  /// Now and then, with the replica's term: forgets a transfer that nobody goes on with, because
  /// its sender is silent for long, or leads no more.
  void Tick(Term term);
  /// There is no transfer in hand.
  [[nodiscard]] bool idle() const { return transfer_ == nullptr; }

 private:
  struct Transfer {
    std::uint64_t id = 0;
    std::uint32_t attempt = 0;
    Offer offer;
    std::vector<storage::SnapshotFile> files;
    storage::Generation generation;
    MonotonicTime heard_at = kNever;
    /// None while it is being begun.
    std::shared_ptr<storage::Import> import;
    /// The pool works for it.
    bool busy = true;
    /// All is written: being finished in the pool, or installed by the owner. It runs to its end.
    bool closing = false;
    /// The end of what is written or being written, and of what waits behind it.
    storage::Import::Position written;
    storage::Import::Position expected;
    std::deque<std::string> waiting;
    std::size_t waiting_bytes = 0;
  };
  using TransferPtr = std::shared_ptr<Transfer>;

  void OnBegin(NodeId from, const proto::SnapshotMessage& message);
  void OnChunk(proto::SnapshotMessage message);
  void Start(TransferPtr transfer);
  void Resume(std::uint32_t attempt);
  void Pump();
  void WriteNext();
  void FinishImport();
  /// Ends the pool's turn for a transfer; false when it is not the one in hand any more.
  bool BackFromPool(const TransferPtr& transfer);
  /// Ends the transfer in hand with an answer.
  void End(const Status& status);
  void Forget();
  /// kDiskFull: there is no room for anything more.
  [[nodiscard]] Status CheckRoom() const;
  void Acknowledge();
  /// The answer to an offer that has ended, or ends here.
  void Answer(const Offer& offer, std::uint64_t id, const Status& status);

  const SnapshotTuning tuning_;
  const ShardId shard_;
  storage::ShardStore* const store_;
  const Doors doors_;
  const std::shared_ptr<const char> alive_ = std::make_shared<const char>();

  /// The transfer in hand.
  TransferPtr transfer_;
  /// The one that ended last, for answers that were lost.
  std::optional<std::uint64_t> ended_id_;
  Status ended_;
  /// Of the newest transfer.
  Term term_;
};

}  // namespace ringfort::replica

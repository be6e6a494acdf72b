// The primary's end of a snapshot transfer to one follower (protocols 5).
//
// When it has its turn, it exports the shard and sends it in chunks, as far as the window and the
// node's pace allow. There is one way to begin, to go on after a lost connection or a lost message,
// and to ask whether the end was reached: it sends the begin again, and the follower answers from
// where to go on.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/ids.h"
#include "base/time.h"
#include "raft/types.h"
#include "replica/snapshot_transfer.h"
#include "ringfort/peer.pb.h"
#include "ringfort/status.h"
#include "storage/shard_store.h"

namespace ringfort::replica {

/// All functions and doors on the replica's loop. May be destroyed at any time, in `done` too.
class SnapshotSender {
 public:
  struct Route {
    storage::ShardStore::Name source;
    ReplicaId from;
    ReplicaId to;
    Term term;
    /// The follower may make the replica if it has none.
    bool creates = false;
    /// Drawn at random: names this transfer among all of the shard.
    std::uint64_t transfer = 0;
  };
  struct Doors {
    std::function<MonotonicTime()> now;
    /// For chunks, and for the export, which reads all files.
    RunInPool run_in_pool;
    RunInPool run_long;
    /// A turn to be at work, kept until this ends; null: there is none now, it is asked for again
    /// with the next Turn. The log from here on is needed then. An error ends this.
    std::function<Result<std::shared_ptr<const void>>()> take_turn;
    /// Asks for a Turn at `when` or soon after. More turns do no harm.
    std::function<void(MonotonicTime when)> wake_at;
    /// To the follower, best effort; false when it was not taken.
    std::function<bool(proto::SnapshotMessage)> send;
    /// Takes bytes from the node's pace: how long to wait before they are sent.
    std::function<Duration(std::size_t bytes)> take;
    /// The log position of an applied mark with the members in force there; an error when the log
    /// does not tell any more.
    std::function<Result<raft::LogBase>(storage::Applied)> base_at;
    /// The last call, once: the follower stands on `base`; or why not. kCorruption: this replica's
    /// own files are damaged. kUnavailable: the follower refused or is silent; begin another later.
    std::function<void(Status, const raft::LogBase& base)> done;
  };

  /// Nothing begins before the first Turn. `store` outlives this.
  SnapshotSender(SnapshotTuning tuning, Route route, storage::ShardStore* store, Doors doors);
  ~SnapshotSender();
  SnapshotSender(const SnapshotSender&) = delete;
  SnapshotSender& operator=(const SnapshotSender&) = delete;

  /// There is a new connection to the follower's node.
  void OnConnected();
  /// A message of the follower with an acknowledgement; of another transfer: no effect.
  void OnAck(const proto::SnapshotMessage& message);
  void Turn();

  /// What the follower has written, of all that it gets; 0 of 0 while the files are being made.
  [[nodiscard]] std::uint64_t sent_bytes() const { return snapshot_ == nullptr ? 0 : acked_; }
  [[nodiscard]] std::uint64_t total_bytes() const { return snapshot_ == nullptr ? 0 : total(); }

 private:
  void Begin();
  void OnExported(Result<std::shared_ptr<storage::Snapshot>> exported);
  void OnRead(std::uint32_t attempt, std::uint64_t at, Result<std::string> read);
  void SendBegin();
  bool SendChunk(std::uint64_t at, std::string data);
  void Pump();
  void Finish(Status status);
  [[nodiscard]] proto::SnapshotMessage NewMessage() const;

  // Places in the files, counted through all of them.
  [[nodiscard]] storage::Import::Position PlaceOf(std::uint64_t at) const;
  [[nodiscard]] std::uint64_t CountTo(storage::Import::Position place) const;
  [[nodiscard]] std::uint64_t total() const { return ends_.back(); }

  const SnapshotTuning tuning_;
  const Route route_;
  storage::ShardStore* const store_;
  Doors doors_;
  const std::shared_ptr<const char> alive_ = std::make_shared<const char>();

  /// Null before it has its turn.
  std::shared_ptr<const void> turn_;
  /// None before it is exported, and after the end.
  std::shared_ptr<storage::Snapshot> snapshot_;
  raft::LogBase base_;
  /// The end of each file.
  std::vector<std::uint64_t> ends_;

  std::uint32_t attempt_ = 0;
  /// The follower has not yet said from where this attempt goes on.
  bool asking_ = false;
  std::uint64_t sent_ = 0;
  std::uint64_t acked_ = 0;  // At most sent_.
  bool reading_ = false;
  /// The next chunk was taken from the pace, and has its turn at send_at_.
  bool taken_ = false;
  MonotonicTime send_at_ = kNever;
  /// When the follower was heard last, and when this attempt began or got further.
  MonotonicTime heard_at_ = kNever;
  MonotonicTime progress_at_ = kNever;
};

}  // namespace ringfort::replica

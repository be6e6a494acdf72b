// One replica of one shard: drives its Raft core, stores, sends, applies and answers.
//
// It lives on one event loop. Events (messages, requests, finished syncs, ticks) change the core or
// wait in the mailbox, and ask the host for a turn; a turn does for all of them what raft/raft.h
// says, and leaves its effects for the host to carry out together with other replicas' effects: one
// log write and one message per peer for all shards of a loop.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "base/ids.h"
#include "base/time.h"
#include "env/loop.h"
#include "raft/raft.h"
#include "replica/liveness_cell.h"
#include "replica/state_machine.h"
#include "ringfort/client.pb.h"
#include "storage/disk_room.h"
#include "storage/log_store.h"
#include "storage/shard_store.h"

namespace ringfort::replica {

class Replica;

using Reply = std::function<void(proto::Response)>;

/// A client's request for this shard, checked against the limits.
struct Request {
  proto::Request body;
  /// Called once, on the replica's loop; may submit again.
  Reply reply;
  MonotonicTime deadline = kForever;
};

/// What replicas want done, gathered over a turn.
struct Effects {
  struct Outgoing {
    NodeId to;
    ShardId shard;
    raft::Message message;
  };
  std::vector<Outgoing> messages;
  std::vector<storage::LogUpdate> updates;
  /// Whom to tell by OnStored once `updates` are synced.
  struct Stored {
    Replica* replica;
    std::uint64_t persist_id;
  };
  std::vector<Stored> stored;
};

/// What a replica asks of its node. All calls on the replica's loop.
class Host {
 public:
  virtual ~Host() = default;
  /// The clock, read now.
  [[nodiscard]] virtual MonotonicTime Now() const = 0;
  /// Give this replica a turn soon, and another at `when` at the latest.
  virtual void Wake(Replica* replica) = 0;
  virtual void WakeAt(Replica* replica, MonotonicTime when) = 0;
  /// Runs `work` on the blocking pool and then `then` on the loop.
  virtual void RunInPool(env::Task work, env::Task then) = 0;
  /// Until when this node has promised that node, by heartbeat acknowledgements, not to elect
  /// another.
  [[nodiscard]] virtual MonotonicTime PromisedUntil(NodeId node) const = 0;
  /// Whether the node's process is known to be gone.
  [[nodiscard]] virtual bool IsGone(NodeId node) const = 0;
  /// The room on the node's disks, as far as is known.
  [[nodiscard]] virtual storage::DiskRoom RoomOf(NodeId node) const = 0;
  /// The replica now leads in `term`, or no longer leads (none).
  virtual void OnLeads(ShardId shard, std::optional<Term> term) = 0;
  /// Nobody knows what the disk kept: the node must stop.
  virtual void OnFatal(const Status& status) = 0;
};

struct ReplicaOptions {
  raft::Options raft;
  /// Client writes that wait for their outcome, in bytes, and reads that wait, as a number.
  std::size_t write_bytes_max = std::size_t{64} << 20;
  std::size_t waiting_reads_max = 65536;
};

class Replica {
 public:
  /// `restored.applied` must be `data`'s applied mark.
  Replica(ReplicaOptions options, ShardId shard, ReplicaId self, storage::Generation generation,
          raft::Restored restored, std::shared_ptr<storage::ShardData> data,
          std::unique_ptr<StateMachine> machine, storage::LogStore* log, LivenessCell* cell,
          Host* host, Random random);
  Replica(const Replica&) = delete;
  Replica& operator=(const Replica&) = delete;

  // Events. Each may ask the host for a turn.

  void Submit(Request request);
  void Receive(const raft::Message& message, MonotonicTime now);
  void OnStored(std::uint64_t persist_id, MonotonicTime now);
  void Tick(MonotonicTime now);
  void OnHeartbeat(NodeId primary, Term term, MonotonicTime now);
  void OnPromise(NodeId from, Term term, MonotonicTime sent_at, MonotonicTime now);
  void OnNamed(NodeId from, Term term, MonotonicTime now);
  /// The node's process is gone.
  void OnNodeGone(NodeId node, MonotonicTime now);
  /// The node led this shard in `term` and no longer lists it.
  void OnUnlisted(NodeId node, Term term, MonotonicTime now);
  void OnNodeConnected(NodeId node, MonotonicTime now);
  void StepDown(MonotonicTime now);
  /// The data up to `flushed` is in files: forgets the log up to there, as far as nobody needs it.
  void CutLog(LogIndex flushed);

  /// Does what is to be done. The host calls it after Wake, and carries out the effects.
  void Turn(Effects* effects);

  /// Answers everything that waits, and all that comes later, with kNotPrimary: the node stops,
  /// another takes over.
  void Stop();

  [[nodiscard]] ShardId shard() const { return shard_; }
  [[nodiscard]] const raft::Raft& raft() const { return raft_; }
  [[nodiscard]] storage::ShardData& data() { return *data_; }
  /// Whether that member is the replica on that node.
  [[nodiscard]] bool IsOn(ReplicaId member, NodeId node) const { return ReplicaOn(node) == member; }
  /// The nodes of the other members.
  [[nodiscard]] std::vector<NodeId> PeerNodes() const;
  void FillStatus(proto::ReplicaStatus* status, MonotonicTime now) const;

 private:
  struct PendingWrite {
    LogIndex index;
    std::size_t bytes = 0;
    MonotonicTime deadline;
    bool opens_session = false;
    /// Empty once answered.
    Reply reply;
  };
  struct AfterSync {
    std::uint64_t persist_id;
    bool stores;
    std::vector<raft::Message> messages;
  };

  // replica.cc: the turn.
  void PublishFollows();
  void PublishRole(MonotonicTime now);
  void CarryOut(raft::Ready ready, MonotonicTime now, Effects* effects);
  void Fetch(const raft::Fetch& fetch);
  void SendOutbox(Effects* effects);
  [[nodiscard]] NodeId NodeOf(ReplicaId id) const;
  [[nodiscard]] ReplicaId ReplicaOn(NodeId node) const;

  // requests.cc: clients.
  void ProposeWrites(MonotonicTime now);
  void StartReads(MonotonicTime now);
  void FinishReads(MonotonicTime now);
  void AnswerNow(Request request);
  void FailPending();
  void ExpireRequests(MonotonicTime now);
  [[nodiscard]] proto::Response NotPrimary(Effect effect) const;
  /// What the disks allow that an entry needs: the own, and those of the best majority.
  [[nodiscard]] storage::DiskRoom Room() const;
  [[nodiscard]] std::string MakeCommand(proto::Request* request, MonotonicTime now);

  // apply.cc: the state machine.
  void ApplyCommitted();
  void ApplyInPool(std::vector<raft::Entry> entries, LogIndex first, LogIndex last);
  void OnAppliedEntries(const std::vector<AppliedEntry>& applied);

  const ReplicaOptions options_;
  const ShardId shard_;
  const storage::Generation generation_;
  raft::Raft raft_;
  std::shared_ptr<storage::ShardData> data_;
  /// On the loop, or on the pool while applying_in_pool_.
  std::unique_ptr<StateMachine> machine_;
  storage::LogStore* log_;
  LivenessCell* cell_;
  Host* host_;

  // What was published last.
  std::optional<Term> published_follow_;
  NodeId followed_node_;
  std::optional<Term> leads_;

  // Waiting for a sync, in order; and then to be sent.
  std::deque<AfterSync> after_sync_;
  std::vector<raft::Message> outbox_;

  // Client requests: not yet looked at,
  std::vector<Request> write_mail_;
  std::vector<Request> read_mail_;
  // proposed, by index,
  std::deque<PendingWrite> writes_;
  std::size_t write_bytes_ = 0;
  // reads that wait for a ReadIndex round, by its id, and for the state machine, by index.
  std::map<std::uint64_t, std::vector<Request>> unconfirmed_reads_;
  std::size_t unconfirmed_count_ = 0;
  std::multimap<LogIndex, Request> waiting_reads_;
  std::size_t reads_in_pool_ = 0;

  // Stamps for session time, while primary.
  SessionTime session_time_;
  SessionTime last_stamp_;
  MonotonicTime stamped_at_ = kNever;

  std::size_t session_count_ = 0;
  bool applying_in_pool_ = false;
  bool stopped_ = false;
  MonotonicTime requests_expired_at_ = kNever;
};

}  // namespace ringfort::replica

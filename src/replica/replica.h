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
#include "env/transport.h"
#include "raft/raft.h"
#include "replica/liveness_cell.h"
#include "replica/load_meter.h"
#include "replica/shard_summer.h"
#include "replica/snapshot_receiver.h"
#include "replica/snapshot_sender.h"
#include "replica/state_machine.h"
#include "ringfort/client.pb.h"
#include "ringfort/peer.pb.h"
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
  /// It leads to room on the disks, as a delete does: a full disk takes it though it puts.
  bool makes_room = false;
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
    std::shared_ptr<Replica> replica;
    std::uint64_t persist_id;
  };
  std::vector<Stored> stored;
};

/// Where blocking work is done, so that none of it waits for another kind.
enum class Pool : std::uint8_t {
  /// What a request, an apply or the log waits for.
  kRequests,
  /// A snapshot's chunks, whose other end gives up on who is silent for long.
  kChunks,
  /// What reads all files of a shard: minutes perhaps, and one at a time.
  kWholeShards,
};

/// What a replica asks of its node. All calls on the replica's loop, but for Now.
class Host {
 public:
  virtual ~Host() = default;
  /// The clock, read now. Thread-safe.
  [[nodiscard]] virtual MonotonicTime Now() const = 0;
  /// Give this replica a turn soon, and another at `when` at the latest.
  virtual void Wake(Replica* replica) = 0;
  virtual void WakeAt(Replica* replica, MonotonicTime when) = 0;
  /// Runs `work` on that blocking pool and then `then` on the loop.
  virtual void RunInPool(Pool pool, env::Task work, env::Task then) = 0;
  /// Until when this node has promised that node, by heartbeat acknowledgements, not to elect
  /// another.
  [[nodiscard]] virtual MonotonicTime PromisedUntil(NodeId node) const = 0;
  /// Whether the node's process is known to be gone.
  [[nodiscard]] virtual bool IsGone(NodeId node) const = 0;
  /// The room on the node's disks, as far as is known.
  [[nodiscard]] virtual storage::DiskRoom RoomOf(NodeId node) const = 0;
  /// The room on this node's own disk.
  [[nodiscard]] virtual storage::DiskRoom OwnRoom() const = 0;
  /// The replica now leads in `term`, or no longer leads (none); or its members are others.
  virtual void OnLeads(ShardId shard, std::optional<Term> term) = 0;
  /// The replica's data turned out to be damaged.
  virtual void OnDamaged(const Replica& replica) = 0;
  /// The turn to be repaired, which one replica of a node has at a time, until it is let go of;
  /// null: another has it.
  virtual std::shared_ptr<const void> TakeRepairTurn() = 0;
  /// As DropData, for damaged data that were repaired. The node may keep them for an operator.
  virtual void DropRepaired(storage::ShardStore::Name name,
                            std::weak_ptr<storage::ShardData> readers) = 0;
  /// That node's replica of the shard is of another epoch than this one: one of the two is void.
  virtual void OnOtherEpoch(const Replica& replica, NodeId from, std::uint64_t epoch) = 0;
  /// Sends a message that is no Raft message. Best effort.
  virtual bool Send(NodeId to, const proto::PeerMessage& message) = 0;
  virtual void SendToAll(const proto::PeerMessage& message) = 0;
  /// What the cluster has agreed on: nothing newer may be written to the shard's log. Thread-safe.
  [[nodiscard]] virtual FeatureLevel feature_level() const = 0;
  /// A line about the replica for who operates the node.
  virtual void Say(const Replica& replica, const std::string& line) = 0;
  /// The replica is to be destroyed: it is no member any more. Perhaps from within a call on it.
  virtual void OnRemoved(Replica* replica, const std::string& why) = 0;
  /// These data are no replica's any more; `readers` may still use them.
  virtual void DropData(storage::ShardStore::Name name,
                        std::weak_ptr<storage::ShardData> readers) = 0;
  /// A turn among those who send snapshots, until it is let go of; null: there is none now, or not
  /// for who sends to a node that is not heard of.
  virtual std::shared_ptr<const void> TakeSnapshotTurn(NodeId to) = 0;
  /// Takes bytes from the node's budget for snapshots: how long to wait before they are sent.
  virtual Duration TakeSnapshotBytes(std::size_t bytes) = 0;
  /// Nobody knows what the disk kept: the node must stop.
  virtual void OnFatal(const Status& status) = 0;
};

struct ReplicaOptions {
  raft::Options raft;
  /// Client writes that wait for their outcome, in bytes, at least 512 for each, and reads that
  /// wait, as a number.
  std::size_t write_bytes_max = std::size_t{64} << 20;
  std::size_t waiting_reads_max = 65536;
  SnapshotTuning snapshot;
};

/// Held by its host, and by whatever is under way for it in the pool or on the disk.
class Replica : public std::enable_shared_from_this<Replica> {
 public:
  /// `restored.applied` must be `data`'s applied mark. Without a machine the data are lost, which
  /// data->damage() says (LostData): the replica has its log, and is repaired.
  Replica(ReplicaOptions options, ShardId shard, ReplicaId self, storage::Generation generation,
          raft::Restored restored, std::shared_ptr<storage::ShardData> data,
          std::unique_ptr<StateMachine> machine, storage::LogStore* log, storage::ShardStore* store,
          LivenessCell* cell, Host* host, Random random);
  Replica(const Replica&) = delete;
  Replica& operator=(const Replica&) = delete;

  // Events. Each may ask the host for a turn.

  void Submit(Request request);
  void Receive(const env::PeerIdentity& from, const raft::Message& message, MonotonicTime now);
  void OnStored(std::uint64_t persist_id, MonotonicTime now);
  void Tick(MonotonicTime now);
  void OnHeartbeat(NodeId primary, Term term, MonotonicTime now);
  void OnPromise(const env::PeerIdentity& from, Term term, MonotonicTime sent_at,
                 MonotonicTime now);
  /// That node does not follow: its replica `hosted`, 0 for none, is in `term`, it said to the
  /// heartbeat of `sent_at`.
  void OnNamed(const env::PeerIdentity& from, Term term, ReplicaId hosted, MonotonicTime sent_at,
               MonotonicTime now);
  /// A replica that hears no primary asks whether it is still a member; a primary says that it is
  /// not (protocols 6).
  void OnOrphanQuestion(NodeId from, ReplicaId orphan, MonotonicTime now);
  void OnOrphanAnswer(ReplicaId orphan);
  /// A part of a snapshot for this replica, or the answer to one that it sends.
  void OnSnapshot(const env::PeerIdentity& from, proto::SnapshotMessage message);
  /// The node's process is gone.
  void OnNodeGone(NodeId node, MonotonicTime now);
  /// The node led this shard in `term` and no longer lists it.
  void OnUnlisted(NodeId node, Term term, MonotonicTime now);
  void OnNodeConnected(NodeId node, MonotonicTime now);
  void StepDown(MonotonicTime now);
  /// The data up to `flushed` is in files: forgets the log up to there, as far as no member needs
  /// it. `pressed`: there is no room for those who lag, they will get a snapshot.
  void CutLog(LogIndex flushed, bool pressed);

  /// A part of its data cannot be read, `status` (a kCorruption) says why: it is repaired.
  void OnDamaged(const Status& status);

  // What operators, and a node that stops, ask for.

  /// Hands the role over to the replica on that node; see raft::Raft::TransferTo.
  Status TransferTo(NodeId node, MonotonicTime now);
  /// Hands the role over to whoever keeps up best, of the nodes that may lead. True: it is under
  /// way, or there is no role to hand over.
  bool HandOver(const std::function<bool(NodeId)>& may_lead, MonotonicTime now);
  /// The role was handed over, and nobody who leads is followed yet.
  [[nodiscard]] bool AwaitsSuccessor() const {
    return handed_to_ != ReplicaId() && !raft_.follows() && raft_.role() != raft::Role::kPrimary;
  }
  /// See raft::Raft::ChangeMembers.
  Result<LogIndex> ChangeMembers(const raft::MembersChange& change, MonotonicTime now);
  /// A step of a move, from the meta group's primary. Why it was refused, if it was, stands in the
  /// next report.
  void Obey(const proto::ShardOrder& order, MonotonicTime now);
  /// Of a primary, for the meta group's.
  void FillReport(proto::LedReport* report, MonotonicTime now);
  /// About so many bytes its data take: as of the last time that they changed.
  std::uint64_t DataBytes();
  /// Of a voter: it leads, or follows and has what it acknowledged.
  [[nodiscard]] bool IsSettled() const;
  /// Whether this replica leads, and without that node's replica no majority of voters is connected
  /// and caught up.
  [[nodiscard]] bool Needs(NodeId node) const;

  /// Does what is to be done. The host calls it after Wake, and carries out the effects.
  void Turn(Effects* effects);

  /// Answers everything that waits, and all that comes later, with kNotPrimary: the node stops,
  /// another takes over.
  void Stop();

  /// Describes it to who would begin the shard anew from one copy. Its node fills in the rest.
  void FillCopy(proto::ShardCopy* copy, MonotonicTime now) const;

  [[nodiscard]] ShardId shard() const { return shard_; }
  [[nodiscard]] const raft::Raft& raft() const { return raft_; }
  [[nodiscard]] const std::shared_ptr<storage::ShardData>& data() const { return data_; }
  [[nodiscard]] ReplicaId self() const { return raft_.self(); }
  [[nodiscard]] storage::Generation generation() const { return generation_; }
  /// Nothing is under way: until an event comes it needs no turn and no tick.
  [[nodiscard]] bool IsSilent() const;
  /// Where the member is, or a stranger that was heard of; 0: nobody knows.
  [[nodiscard]] NodeId NodeOf(ReplicaId id) const;
  /// The nodes of the other members.
  [[nodiscard]] std::vector<NodeId> PeerNodes() const;
  /// With its hottest keys as far as they fit in `hot_key_bytes`, from which they are subtracted.
  void FillStatus(proto::ReplicaStatus* status, MonotonicTime now, std::size_t* hot_key_bytes);

 private:
  struct PendingWrite {
    LogIndex index;
    std::size_t bytes = 0;
    MonotonicTime deadline;
    /// What was asked: the answer has another form for each.
    proto::Request::BodyCase kind = proto::Request::BODY_NOT_SET;
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
  /// As Host::RunInPool; the time that `work` takes counts as this shard's.
  void InPool(env::Task work, env::Task then, Pool pool = Pool::kRequests);
  // members.cc: who takes part, and who no longer does.
  void AskWhetherMember(MonotonicTime now);
  void AnswerOrphan(NodeId node, ReplicaId orphan);
  /// A member that keeps up, whose data are whole.
  [[nodiscard]] bool IsWhole(ReplicaId id) const;
  [[nodiscard]] Result<raft::MembersChange> ChangeOf(const proto::ShardOrder& order) const;
  [[nodiscard]] Status CheckHealth(const raft::MembersChange& change) const;

  [[nodiscard]] ReplicaId ReplicaOn(NodeId node) const;
  /// 0 where another directory than that one was the member.
  [[nodiscard]] ReplicaId ReplicaOf(const env::PeerIdentity& peer) const;
  [[nodiscard]] const raft::Progress* ProgressOf(ReplicaId id) const;
  /// Whether that directory may speak for the replica: it is the member's, or the replica is none.
  [[nodiscard]] bool IsGenuine(ReplicaId id, const env::PeerIdentity& from) const;
  void NoteStranger(ReplicaId id, NodeId node);

  // damage.cc
  void NoteDamage(const Status& status);
  void SayDamage();
  void ContinueRepair(MonotonicTime now);
  [[nodiscard]] std::string RepairWaitsFor() const;
  /// Of a read that failed: its data are damaged, and who asks another may get an answer.
  bool IsReadElsewhere(const Status& status);

  // snapshots.cc
  RunInPool PoolDoor(Pool pool);
  bool SendSnapshot(NodeId to, proto::SnapshotMessage message);
  void SendSnapshot(const raft::SnapshotOrder& order);
  void OnSnapshotDone(ReplicaId follower, const Status& status, const raft::LogBase& base);
  void TurnSenders();
  std::unique_ptr<SnapshotReceiver> MakeReceiver();
  void OpenImported(const raft::LogBase& base, storage::Generation generation);
  struct Import;
  void InstallImport();
  [[nodiscard]] bool CanInstall(const Import& import) const;
  void Install(const Import& import, std::vector<raft::Entry> kept);
  void DropImport(const Status& status);
  void FinishInstall(std::uint64_t stored);

  // repair.cc
  struct Repair;
  /// The import takes the place of damaged data, under the log as it is.
  [[nodiscard]] bool KeepsLog(const Import& import) const;
  void StartRepair();
  void FinishRepair(Repair& repair);

  // requests.cc: clients.
  void ProposeWrites(MonotonicTime now);
  void StartReads(MonotonicTime now);
  void FinishReads(MonotonicTime now);
  void AnswerNow(Request request);
  /// To a read that failed.
  proto::Response UnreadResponse(const Status& status);
  void FailPending();
  void ExpireRequests(MonotonicTime now);
  [[nodiscard]] proto::Response NotPrimary(Effect effect) const;
  /// What the disks allow that an entry needs: the own, and those of the best majority.
  [[nodiscard]] storage::DiskRoom Room() const;
  [[nodiscard]] std::string MakeCommand(proto::Request* request, MonotonicTime now);

  // apply.cc: the state machine.
  void ApplyCommitted();
  [[nodiscard]] bool MayApplyLater() const;
  void ApplyInPool(std::vector<raft::Entry> entries, LogIndex first, LogIndex last);
  void OnUnapplied(const Status& status);
  void OnAppliedEntries(const std::vector<AppliedEntry>& applied);
  void ContinueSum();

  const ReplicaOptions options_;
  const ShardId shard_;
  storage::Generation generation_;
  raft::Raft raft_;
  std::shared_ptr<storage::ShardData> data_;
  /// On the loop, or on the pool while applying_in_pool_. Null: the data are lost.
  std::shared_ptr<StateMachine> machine_;
  storage::LogStore* log_;
  storage::ShardStore* store_;
  LivenessCell* cell_;
  Host* host_;
  Random random_;

  // What was published last.
  std::optional<Term> published_follow_;
  NodeId followed_node_;
  ReplicaId followed_id_;
  bool said_diverged_ = false;
  std::optional<Term> leads_;
  /// Members::index of the members that the host knows, and whether they were joint.
  std::pair<LogIndex, bool> published_members_;

  /// Where those came from who are no members as far as is known here: an answer goes there.
  std::map<ReplicaId, NodeId> strangers_;
  /// Orphans that wait for a ReadIndex round, by its id.
  std::map<std::uint64_t, std::pair<NodeId, ReplicaId>> orphans_;
  /// Since when no primary was heard of; and when that was last asked about.
  MonotonicTime alone_since_ = kNever;
  MonotonicTime asked_membership_at_ = kNever;
  /// What DataBytes told last, and what was applied then.
  std::uint64_t data_bytes_ = 0;
  std::optional<LogIndex> data_bytes_at_;
  /// Why the last order was refused; empty when it was not.
  std::string refused_order_;
  /// To whom the role was handed over since this replica led last: a hint for clients.
  ReplicaId handed_to_;

  // Waiting for a sync, in order; and then to be sent.
  std::deque<AfterSync> after_sync_;
  std::vector<raft::Message> outbox_;

  // Snapshots on their way to followers.
  std::map<ReplicaId, std::unique_ptr<SnapshotSender>> senders_;
  std::unique_ptr<SnapshotReceiver> receiver_;
  storage::Generation last_generation_;
  /// When a follower was last made by a snapshot.
  MonotonicTime made_follower_at_ = kNever;
  /// Received and open; waits until nothing is applied in the pool.
  struct Import {
    raft::LogBase base;
    storage::Generation generation;
    std::shared_ptr<storage::ShardData> data;
    /// In the pool while repairs_in_pool_.
    std::shared_ptr<StateMachine> machine;
  };
  std::shared_ptr<Import> import_;
  bool repairs_in_pool_ = false;
  /// The data before: dropped once the new base is synced, with this persist id.
  struct Replaced {
    storage::ShardStore::Name name;
    std::weak_ptr<storage::ShardData> data;
    bool damaged = false;
    std::uint64_t persist_id = 0;
  };
  std::optional<Replaced> replaced_;

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

  LoadMeter load_;
  /// The newest Verify's sum while it is on its way, and the last that is whole.
  std::shared_ptr<ShardSummer> summer_;
  std::optional<ShardSum> sum_;
  std::size_t session_count_ = 0;
  bool applying_in_pool_ = false;
  /// Nothing is applied any more: the data are lost, or an apply met their damage.
  bool apply_blocked_ = false;
  /// Why its data cannot be read; empty as long as all that was read was whole.
  std::string damage_;
  bool damage_said_ = false;
  /// Damaged: the turn to be repaired; when that was taken, let go of, or last of use.
  std::shared_ptr<const void> repair_turn_;
  MonotonicTime repair_turn_at_ = kNever;
  MonotonicTime told_damage_at_ = kNever;
  /// What the snapshot that was offered last takes, and whether there was no room for it.
  std::uint64_t repair_bytes_ = 0;
  bool no_room_for_repair_ = false;
  /// A tick has come since entries were applied.
  bool apply_due_ = false;
  bool stopped_ = false;
  MonotonicTime requests_expired_at_ = kNever;
};

}  // namespace ringfort::replica

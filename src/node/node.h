// A storage node without its outside: replicas on loops, heartbeats, the cluster's creation, and
// what clients ask. The outside (sockets, disks, clocks) is handed in as doors.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/ids.h"
#include "base/random.h"
#include "env/loop.h"
#include "env/transport.h"
#include "features/features.h"
#include "meta/meta_primary.h"
#include "node/creation.h"
#include "node/damage_watch.h"
#include "node/leaving.h"
#include "node/liveness.h"
#include "node/log_keeper.h"
#include "node/map_holder.h"
#include "node/reporter.h"
#include "node/seen_lives.h"
#include "node/shard_loop.h"
#include "raft/recovery.h"
#include "replica/replica.h"
#include "replica/snapshot_pace.h"
#include "replica/snapshot_turns.h"
#include "ring/cluster_config.h"
#include "ring/cluster_map.h"
#include "ringfort/client.pb.h"
#include "ringfort/disk.pb.h"
#include "storage/disk_room.h"
#include "storage/identity_store.h"
#include "storage/log_store.h"
#include "storage/shard_store.h"

namespace ringfort::node {

struct NodeOptions {
  replica::ReplicaOptions replica;
  LivenessOptions liveness;
  ShardLoopOptions shard_loop;
  LogKeeperOptions log_keeper;
  meta::MetaOptions meta;
  /// All snapshots that the node sends together; 0: no limit.
  std::uint64_t snapshot_bytes_per_second = std::uint64_t{64} << 20;
  /// And so many at a time.
  int snapshots_at_once = 2;
  /// The newest feature level that this node takes part in: what its program knows, but in tests.
  FeatureLevel knows = features::kNewest;
};

struct NodeDoors {
  /// At least one; the first is the control loop, on which the transport's events come.
  std::vector<env::Loop*> loops;
  /// For work that blocks, but for snapshots: those have replica::Pool's others. None of the three
  /// waits for another, and the last has one thread.
  env::Executor* pool;
  env::Executor* chunk_pool;
  env::Executor* shard_pool;
  env::Transport* transport;
  storage::LogStore* log;
  storage::ShardStore* shards;
  storage::IdentityStore* identity;
  /// For what operators read.
  env::WallClock* wall;
  /// The node must stop: nobody knows what its disk kept. Called on any thread, more than once
  /// perhaps.
  std::function<void(const Status&)> on_fatal;
  /// The cluster has removed this node, which its identity now says, too: the node is to stop, as
  /// politely as ever. Control loop, once.
  std::function<void()> on_removed;
  /// One line for the operator. Any thread.
  std::function<void(const std::string&)> log_line;
  /// More counters for the node's status. Any thread.
  std::function<std::vector<std::pair<std::string, std::uint64_t>>()> counters;
};

/// Destroyed after its loops and its pools have stopped.
class Node final : public env::TransportEvents {
 public:
  /// `identity` is what the data directory holds, with this start's boot number already stored.
  Node(NodeOptions options, ring::ClusterConfig config, proto::Identity identity, NodeDoors doors);
  ~Node() override;

  /// Connects to the configured nodes and, with a creation record, begins to serve. Once, any
  /// thread.
  void Start();
  /// Answers what waits with kNotPrimary and starts nothing new. `done` is called on the control
  /// loop.
  void Stop(std::function<void()> done);
  /// Hands every primary to another node and waits until no shard needs this node for its majority
  /// (protocols 10), but not longer than `timeout`, and not for nodes that leave too. `done` is
  /// called on the control loop, before anything stops. Once, any thread.
  void Leave(Duration timeout, std::function<void()> done);

  /// The room on this node's disks: what it refuses, and tells the others, follows from it.
  /// Thread-safe.
  void SetRoom(storage::DiskRoom room, std::uint64_t free_bytes);

  /// What this node says of itself. Thread-safe.
  [[nodiscard]] env::PeerIdentity self() const { return self_; }
  [[nodiscard]] const std::string& cluster_name() const { return config_.cluster_name; }
  [[nodiscard]] ClusterId cluster_id() const;
  [[nodiscard]] bool has_record() const { return has_record_.load(); }
  /// The newest that this node has heard of; null before the cluster was created.
  [[nodiscard]] MapHolder::Map map() const { return map_.Get(); }
  /// A peer has refused this node's directory as an old copy: it takes part in nothing.
  [[nodiscard]] bool is_old_copy() const { return old_copy_.load(); }

  using Reply = replica::Reply;
  struct Incoming {
    proto::Request request;
    /// Called once, on any loop.
    Reply reply;
  };
  /// Client requests, in a batch as they came. Any thread.
  void Handle(std::vector<Incoming> batch);

  // env::TransportEvents
  void OnConnected(const env::PeerIdentity& peer, bool has_record) override;
  void OnLinked(const env::PeerIdentity& peer, env::Lane lane, env::DialNumber dial) override;
  void OnMessage(const env::PeerIdentity& from, env::Lane lane, std::string_view message) override;
  void OnGone(const env::PeerIdentity& gone) override;
  void OnOldCopy(NodeId by, const std::string& why) override;

 private:
  // node.cc
  void EndReplicas(std::function<void()> done);
  /// Stores identity_ as it is now; what is asked for while that is under way is stored together
  /// after it. `then` only where it lasts. Control loop.
  void SaveIdentity(std::function<void()> then);
  void SaveIdentityNow();
  /// Whether what this process says counts: its start is stored here. Otherwise the message is held
  /// until it is, or dropped where a later one was heard.
  bool CountsNow(const env::PeerIdentity& from, env::Lane lane, std::string_view bytes);
  /// Begins to store the starts of these peers, where they are not.
  void StoreStarts(const std::vector<env::PeerIdentity>& peers);

  // old_copy.cc
  /// The replicas are loaded: they run once the peers have seen this start.
  void AwaitIntroductions();
  void RunOnceIntroduced();

  void StoreRecord(const proto::CreationRecord& record, std::function<void(Status)> done);
  void OnRaft(const env::PeerIdentity& from, proto::RaftBatch batch);
  [[nodiscard]] bool IsPeer(const env::PeerIdentity& peer) const;
  /// It would not understand what this cluster writes: nothing is sent to it but the map, which
  /// makes it stop, and nothing that it says counts.
  [[nodiscard]] bool IsTooOld(const env::PeerIdentity& peer) const {
    return peer.knows < feature_level_.load();
  }
  /// The message holds members of a format that this node's own map does not speak of yet: it does
  /// not count before that is stored.
  bool IsAhead(const env::PeerIdentity& from, raft::MembersFormat format);
  void OnSnapshot(const env::PeerIdentity& from, std::shared_ptr<proto::SnapshotMessage> message);
  void OnOrphan(const env::PeerIdentity& from, const proto::PeerMessage& message);
  void SendToAll(const proto::PeerMessage& message);
  [[nodiscard]] ShardLoop& LoopOf(ShardId shard) { return *loops_[shard.value() % loops_.size()]; }
  void Rubbish(NodeId from, const std::string& what);

  // meta_link.cc: the meta group.
  std::unique_ptr<meta::MetaPrimary> MakeMetaPrimary();
  void SubmitToMeta(proto::Request request, meta::MetaPrimary::OnReply then);
  /// To a node, this one among them.
  void SendOrHear(NodeId to, const proto::PeerMessage& message);
  /// False: it is another kind of message.
  bool OnMetaMessage(const env::PeerIdentity& from, const proto::PeerMessage& message);
  void OnPulse(const env::PeerIdentity& from, const proto::MetaPulse& pulse);
  /// What a node that is no peer may say: that the map has changed, and what the new map is. What
  /// it may ask: whether it is gone.
  void OnStranger(const env::PeerIdentity& from, const proto::PeerMessage& message);
  void AskStranger(NodeId node, MapVersion version, const std::string& address);
  void LinkStranger(NodeId node, const std::string& address);
  void AskForMap(NodeId of);
  void SendMap(NodeId to);
  /// Asks one node after the other for the map while nobody leads the meta group, by what is heard.
  void AskAround();
  /// If that node is gone by the map: sends it the map.
  void TellIfGone(NodeId node);
  void OnOrder(const proto::ShardOrder& order);
  void TakeMap(const ring::ClusterMap& map);
  void LinkPeers();
  /// The map's feature level is in force from now on.
  void TakeLevel(const ring::ClusterMap& map);
  void SaveMap();
  /// Once the map that is saved says that this node is gone.
  void EndIfRemoved(const ring::ClusterMap& saved);
  void HandleMeta(proto::MetaRequest request, Reply reply);

  // begin.cc: from a stored record to running replicas.
  void Begin(const proto::CreationRecord& record);
  struct OwnShard {
    ShardId shard;
    ReplicaId self;
    raft::Members members;
  };
  [[nodiscard]] std::vector<OwnShard> OwnShards(const proto::CreationRecord& record) const;
  Status MakeOnce(const std::vector<OwnShard>& own, proto::Identity identity);
  Status MakeMissing(const std::vector<OwnShard>& own);
  Result<std::shared_ptr<replica::Replica>> Load(const storage::RecoveredShard& recovered,
                                                 Random random);
  Status DropUnnamed();
  /// Data that cannot be opened, or do not fit their log: the replica has its log only.
  Result<std::shared_ptr<replica::Replica>> LoadWithoutData(
      const storage::RecoveredShard& recovered, Random random, const Status& why);
  std::shared_ptr<replica::Replica> Make(const storage::RecoveredShard& recovered, Random random,
                                         std::shared_ptr<storage::ShardData> data,
                                         std::unique_ptr<replica::StateMachine> machine);
  Status LoadAll();
  /// A replica of an epoch that is over: it does not run.
  void LoadVoid(const storage::RecoveredShard& recovered);
  /// Whether the log knows a replica of the shard.
  [[nodiscard]] bool IsRecovered(ShardId shard) const;
  void Run();

  // replicas.cc: replicas that come and go while the node runs.
  /// The message begins a snapshot for a replica that is not here yet.
  void MakeReplica(const std::shared_ptr<replica::Replica>& older, const env::PeerIdentity& from,
                   std::shared_ptr<proto::SnapshotMessage> begin);
  Result<std::shared_ptr<replica::Replica>> MakeEmpty(ShardId shard, ReplicaId self,
                                                      std::uint64_t epoch, Random random);
  /// Adds the replicas of the loops from `i` on; the control loop gets them all.
  void CollectShards(std::size_t i, std::shared_ptr<LogKeeper::Shards> shards,
                     std::function<void(LogKeeper::Shards)> then);
  void OnRemoved(const std::shared_ptr<replica::Replica>& replica, const std::string& why);
  Status Bury(ShardId shard, ReplicaId self);
  void DropLater(storage::ShardStore::Name name, std::weak_ptr<storage::ShardData> data);
  void DropRepaired(storage::ShardStore::Name name, std::weak_ptr<storage::ShardData> readers);
  void DropUnused();

  // voids.cc: shards that were begun anew from one copy, and what is left of them from before.
  /// A copy of an epoch that is over: no vote, no acknowledgement, no read. Only an operator
  /// deletes it.
  struct VoidReplica {
    raft::Copy copy;
    storage::Generation generation;
    std::uint64_t data_bytes = 0;
    /// Who may still read its data.
    std::weak_ptr<storage::ShardData> readers;
  };
  [[nodiscard]] std::uint64_t KnownEpoch(ShardId shard) const;
  /// Whether the claim of a peer can be true; one that cannot is counted.
  bool Believes(NodeId from, ShardId shard, std::uint64_t epoch);
  /// From the map, a peer, or a new beginning on this node: replicas of lower epochs are void.
  void LearnEpoch(ShardId shard, std::uint64_t epoch);
  void TakeOffIfVoid(ShardId shard);
  void KeepVoid(const replica::Replica& replica);
  void SayVoid(ShardId shard);
  void OnOtherEpoch(ShardId shard, NodeId from, std::uint64_t theirs, std::uint64_t own);
  void TellEpoch(NodeId to, ShardId shard);
  void OnEpochMessage(const env::PeerIdentity& from, const proto::EpochMessage& message);
  /// Of this node; replica 0 where it has none.
  void DescribeCopy(ShardId shard, std::function<void(proto::ShardCopy)> then);
  void AddVoidCopies(proto::NodeStatus* status) const;
  void HandleDiscard(ShardId shard, Reply reply);
  void DropVoid(ShardId shard, std::function<void()> then);

  // recovery.cc: an operator begins a shard anew from the copy on this node.
  /// The copies of a shard that can be reached, as they come in.
  struct CopySurvey {
    ShardId shard;
    std::set<NodeId> asked;
    std::map<NodeId, proto::ShardCopy> copies;
    std::function<void(const CopySurvey&)> done;
  };
  struct Recovery;
  /// Operators that look at copies at the same time: each has every node asked.
  static constexpr std::size_t kSurveysMax = 16;
  void HandleRecover(const proto::Request& request, Reply reply);
  void SurveyCopies(ShardId shard, std::function<void(const CopySurvey&)> done);
  void OnCopyAnswer(NodeId from, const proto::ShardCopyAnswer& answer);
  void EndSurveyIfAllAnswered(std::uint64_t question, bool late);
  void Judge(const CopySurvey& survey, const proto::RecoverShard& request, Reply reply);
  void StartRecovery(std::shared_ptr<Recovery> recovery);
  void MakeNewData(std::shared_ptr<Recovery> recovery);
  void SwitchOver(std::shared_ptr<Recovery> recovery, int attempts_left);
  void KeepOld(std::shared_ptr<Recovery> recovery);
  void StoreBeginning(std::shared_ptr<Recovery> recovery);
  void FinishRecovery(std::shared_ptr<Recovery> recovery,
                      std::shared_ptr<replica::Replica> replica);
  void GiveUp(std::shared_ptr<Recovery> recovery, const Status& why);

  // answers.cc: what needs no shard.
  [[nodiscard]] proto::Response AnswerMap() const;
  void AnswerStatus(bool hot_keys, Reply reply);
  /// How long ago each peer last acknowledged a heartbeat: peer_N_acknowledged_ms_ago.
  [[nodiscard]] std::vector<std::pair<std::string, std::uint64_t>> AcknowledgedAges() const;
  /// Each loop from `i` on adds its replicas; the last one answers. `hot_key_bytes`: so many bytes
  /// of hot keys may be among it.
  void AddReplicas(std::size_t i, std::size_t hot_key_bytes,
                   std::shared_ptr<proto::Response> response, Reply reply);
  [[nodiscard]] std::string waiting_for() const;
  void SetWaitingFor(std::string line);

  const NodeOptions options_;
  const ring::ClusterConfig config_;
  const NodeDoors doors_;
  const env::PeerIdentity self_;
  const MonotonicTime started_at_;

  /// The control loop's, as is what has no other comment.
  proto::Identity identity_;
  Random random_;
  Creation creation_;
  std::unique_ptr<Liveness> liveness_;
  LogKeeper keeper_;
  replica::SnapshotPace snapshot_pace_;
  replica::SnapshotTurns snapshot_turns_;
  DamageWatch damage_;
  storage::Recovery recovery_;
  bool running_ = false;
  bool stopped_ = false;
  bool saving_identity_ = false;
  /// To be told once the next saving is done.
  std::vector<std::function<void()>> unsaved_;
  SeenLives seen_lives_;
  /// Until when peers that have not answered a hello, and so have not taken this start, are waited
  /// for.
  MonotonicTime introduced_by_ = kForever;

  /// Made with the node; fixed.
  std::vector<std::unique_ptr<ShardLoop>> loops_;
  /// Sized when the node begins, then fixed; read by all threads once serving_. The meta group's is
  /// the last.
  std::vector<std::unique_ptr<replica::LivenessCell>> cells_;
  std::uint32_t shards_ = 0;
  MapHolder map_;
  bool saving_map_ = false;
  /// Where nodes are that this one talks to for a moment though they are no peers: they pulsed it
  /// and are not in its map yet, or are gone and do not know.
  struct Stranger {
    std::string address;
    /// Whom the link to it has shown.
    std::optional<env::PeerIdentity> shown;
  };
  std::map<NodeId, Stranger> strangers_;
  /// The newest process of each peer that was connected.
  std::map<NodeId, env::PeerIdentity> connected_;
  /// The same of the bulk lane, which comes up on its own.
  std::map<NodeId, env::PeerIdentity> linked_;
  /// Of the map's nodes, who is asked next for a newer one.
  std::size_t ask_next_ = 0;
  bool removed_ = false;
  std::unique_ptr<meta::MetaPrimary> meta_;
  std::unique_ptr<Reporter> reporter_;
  /// Who leads the meta group, by the newest pulse.
  Term meta_term_;
  NodeId meta_primary_;
  MonotonicTime pulsed_at_ = kNever;
  /// Replicas between loading and running.
  std::vector<std::shared_ptr<replica::Replica>> loaded_;
  std::map<ShardId, VoidReplica> loaded_voids_;
  /// Shards for which a replica is being made or buried: what the log is told of one must not
  /// overtake what it is told of the other.
  std::set<ShardId> changing_;
  /// The newest replica of a shard that was destroyed here.
  std::map<ShardId, ReplicaId> buried_;
  /// By shard, of those that were ever begun anew: the highest that is known.
  std::map<ShardId, std::uint64_t> epochs_;
  std::map<ShardId, VoidReplica> voids_;
  /// Of the data that are kept (proto::Identity::kept), who may still read them.
  std::map<storage::ShardStore::Name, std::weak_ptr<storage::ShardData>> kept_readers_;
  /// When a node was last told of a shard's epoch.
  std::map<std::pair<NodeId, ShardId>, MonotonicTime> told_epoch_at_;
  /// By the number of the question.
  std::map<std::uint64_t, CopySurvey> surveys_;
  std::uint64_t last_survey_ = 0;
  /// Data that are no replica's any more, and who may still read them.
  std::vector<std::pair<storage::ShardStore::Name, std::weak_ptr<storage::ShardData>>> unused_;
  std::unique_ptr<Leaving> leaving_;

  std::atomic<bool> has_record_{false};
  std::atomic<bool> serving_{false};
  /// As of the newest map.
  std::atomic<FeatureLevel> feature_level_{FeatureLevel()};
  std::atomic<bool> old_copy_{false};
  std::atomic<storage::DiskRoom> room_{storage::DiskRoom::kEnough};
  std::atomic<std::uint64_t> free_bytes_{0};
  std::atomic<std::uint64_t> rubbish_{0};
  std::atomic<std::uint64_t> set_aside_{0};
  mutable std::mutex mutex_;
  /// Guarded by mutex_.
  std::string waiting_for_;
  ClusterId cluster_id_;
};

}  // namespace ringfort::node

// One replica with its stores, driven by hand: the clock, the disk, the pool and the other members
// move only when a test says so. One thread.
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "replica/replica.h"
#include "replica/snapshot_turns.h"
#include "tests/sim/log_store/memory_log_store.h"
#include "tests/sim/shard_store/memory_shard_store.h"

namespace ringfort::replica {

/// What became of a request.
struct Answer {
  int calls = 0;
  proto::Response response;

  [[nodiscard]] Code code() const { return static_cast<Code>(response.error().code()); }
  [[nodiscard]] Effect effect() const { return static_cast<Effect>(response.error().effect()); }
};

struct LoneReplicaSetup {
  /// The members' nodes are 1 to `voters`; this is the replica on `node`.
  std::uint32_t node = 1;
  std::uint32_t voters = 3;
  sim::ShardStoreWhims whims = {};
  ReplicaOptions options = {};
  std::uint64_t seed = 1;
};

class LoneReplica final : public Host {
 public:
  explicit LoneReplica(LoneReplicaSetup setup = {});
  /// What the pool still holds ends before the stores.
  ~LoneReplica() override {
    replica_.reset();
    exports_.clear();
    while (!pool_.empty()) pool_.pop_front();
  }
  LoneReplica(const LoneReplica&) = delete;
  LoneReplica& operator=(const LoneReplica&) = delete;

  /// The member on a node. Not the node's number, so that mistaking them shows.
  static ReplicaId MemberOn(std::uint32_t node) { return ReplicaId(node + 10); }

  // What happens. Nothing of it gives the replica a turn: TakeTurns does.

  void Hear(std::uint32_t from_node, Term term, raft::Body body);
  void Move(Duration by) { now_ += by; }
  /// Time passes as a node's ticks show it, with turns where the replica asks for them.
  void Pass(Duration time);
  /// The log write in flight is over, and synced. False: there is none.
  bool Sync();
  /// One piece of work in the pool is done. False: there is none.
  bool RunPool();
  /// The oldest of the exports that are held is done.
  void RunExport();
  void TakeTurns();
  /// Everything that can happen without the other members and the clock, does.
  void Settle();
  /// The member on node 2, if any, answers what a vote needs, and this replica, on node 1, leads
  /// and serves.
  void Lead();
  /// The member on that node says that it has the whole log, synced.
  void Acknowledge(std::uint32_t from_node);

  /// None of the data can be read any more.
  void DamageData();
  /// Whether a process to come is told that they are damaged.
  [[nodiscard]] bool IsMarkedDamaged() const {
    return store_.IsMarked({replica_->shard(), replica_->generation()});
  }

  /// Submits a request. The answer is filled in when it comes.
  std::shared_ptr<Answer> Ask(proto::Request request, Duration timeout = std::chrono::hours(1),
                              bool makes_room = false);

  [[nodiscard]] Replica& replica() { return *replica_; }
  [[nodiscard]] LivenessCell& cell() { return cell_; }
  [[nodiscard]] sim::MemoryLogStore& log() { return log_; }
  [[nodiscard]] std::optional<Term> leads() const { return leads_; }
  [[nodiscard]] std::size_t exports() const { return exports_.size(); }
  [[nodiscard]] bool pool_is_empty() const { return pool_.empty(); }
  [[nodiscard]] bool failed() const { return failed_; }
  [[nodiscard]] std::vector<Effects::Outgoing> TakeMessages() { return std::exchange(sent_, {}); }
  /// The messages of one kind since the last call; the others are forgotten.
  template <typename Body>
  std::vector<Body> Take() {
    std::vector<Body> taken;
    for (const Effects::Outgoing& outgoing : TakeMessages()) {
      if (const auto* body = std::get_if<Body>(&outgoing.message.body)) taken.push_back(*body);
    }
    return taken;
  }
  SnapshotTurns snapshot_turns{2};
  SnapshotTurns repair_turns{1};
  int damages = 0;
  /// Exports take as long as the test wants.
  bool hold_exports = false;
  /// What is known of the nodes' disks; enough where nothing is.
  std::map<NodeId, storage::DiskRoom> rooms;
  /// What was sent that is no Raft message; to node 0: to all.
  std::vector<std::pair<NodeId, proto::PeerMessage>> told;
  std::vector<std::pair<NodeId, std::uint64_t>> other_epochs;
  std::vector<std::string> removed;
  std::vector<std::string> said;
  std::vector<storage::ShardStore::Name> dropped;
  /// What the cluster has agreed on.
  FeatureLevel level;
  void SetPromise(NodeId node, MonotonicTime until) { promised_[node] = until; }

  // Host
  [[nodiscard]] MonotonicTime Now() const override { return now_; }
  void Wake(Replica*) override { awake_ = true; }
  void WakeAt(Replica*, MonotonicTime when) override { wake_at_ = std::min(wake_at_, when); }
  void RunInPool(Pool pool, env::Task work, env::Task then) override {
    const bool held = hold_exports && pool == Pool::kWholeShards;
    (held ? exports_ : pool_).emplace_back(std::move(work), std::move(then));
  }
  [[nodiscard]] MonotonicTime PromisedUntil(NodeId node) const override;
  [[nodiscard]] bool IsGone(NodeId) const override { return false; }
  [[nodiscard]] storage::DiskRoom RoomOf(NodeId node) const override {
    const auto found = rooms.find(node);
    return found == rooms.end() ? storage::DiskRoom::kEnough : found->second;
  }
  void OnLeads(ShardId, std::optional<Term> term) override { leads_ = term; }
  void OnFatal(const Status&) override { failed_ = true; }
  [[nodiscard]] FeatureLevel feature_level() const override { return level; }
  [[nodiscard]] storage::DiskRoom OwnRoom() const override { return RoomOf(own_node_); }
  bool Send(NodeId to, const proto::PeerMessage& message) override {
    told.emplace_back(to, message);
    return true;
  }
  void OnOtherEpoch(const Replica& /*replica*/, NodeId from, std::uint64_t epoch) override {
    other_epochs.emplace_back(from, epoch);
  }
  void SendToAll(const proto::PeerMessage& message) override { told.emplace_back(0, message); }
  void Say(const Replica&, const std::string& line) override { said.push_back(line); }
  void OnRemoved(Replica*, const std::string& why) override { removed.push_back(why); }
  void DropData(storage::ShardStore::Name name, std::weak_ptr<storage::ShardData>) override {
    dropped.push_back(name);
  }
  std::shared_ptr<const void> TakeSnapshotTurn(NodeId) override { return snapshot_turns.Take(); }
  Duration TakeSnapshotBytes(std::size_t) override { return Duration(0); }
  void OnDamaged(const Replica&) override { ++damages; }
  std::shared_ptr<const void> TakeRepairTurn() override { return repair_turns.Take(); }
  void DropRepaired(storage::ShardStore::Name name, std::weak_ptr<storage::ShardData>) override {
    dropped.push_back(name);
  }

 private:
  const NodeId own_node_;
  MonotonicTime now_{std::chrono::hours(100)};
  MonotonicTime wake_at_ = kForever;
  bool awake_ = false;
  bool failed_ = false;
  std::optional<Term> leads_;
  std::map<NodeId, MonotonicTime> promised_;
  std::deque<env::Task> disk_;
  std::deque<std::pair<env::Task, env::Task>> pool_;
  std::deque<std::pair<env::Task, env::Task>> exports_;
  std::vector<Effects::Outgoing> sent_;

  sim::MemoryShardStore store_;
  sim::MemoryLogStore log_;
  LivenessCell cell_;
  std::shared_ptr<Replica> replica_;
};

// Requests.

proto::Request OpenRequest();
proto::Request WriteRequest(std::uint64_t session, std::uint64_t sequence,
                            const std::vector<proto::Operation>& operations);
proto::Request GetRequest(std::string_view sort_key,
                          proto::Get::Consistency consistency = proto::Get::LINEARIZABLE);

}  // namespace ringfort::replica

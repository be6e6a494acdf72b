// The replicas of one event loop: gives them turns, and carries out what their turns want,
// together: one log write and one message per peer for all of them.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/ids.h"
#include "base/time.h"
#include "env/loop.h"
#include "env/transport.h"
#include "raft/message.h"
#include "replica/replica.h"
#include "ringfort/peer.pb.h"
#include "storage/log_store.h"
#include "wire/raft_codec.h"

namespace ringfort::node {

/// Shards that a node leads, with the term; sorted by shard. Shared between threads, never changed.
using LedShards = std::vector<std::pair<ShardId, Term>>;
using LedShardsPtr = std::shared_ptr<const LedShards>;

/// What an acknowledgement said of the shards that a heartbeat listed.
struct Acknowledged {
  /// When the heartbeat was sent.
  MonotonicTime sent_at;
  LedShardsPtr led;
  /// Those that the follower does not follow in that term, with its own terms; sorted.
  LedShardsPtr named;
  /// Its replicas of these, 0 where it has none; in the same order.
  std::vector<ReplicaId> hosted;
};

struct ShardLoopOptions {
  Duration tick = std::chrono::milliseconds(20);
  /// A log write that takes longer than this makes the node lead nothing (protocols 2).
  Duration stall_max = std::chrono::milliseconds(600);
  /// One message to a peer carries at most about so many bytes of entries.
  std::size_t message_bytes_max = std::size_t{4} << 20;
  /// A peer that is not heard of for so long wakes all shards: they have their own timers.
  Duration peer_silence_max = std::chrono::milliseconds(500);
};

/// What heartbeats tell is kept once for each peer, and given to a replica when it has something to
/// do: a shard at which nothing happens costs nothing (protocols 2). All functions are called on
/// the loop, but for those that say otherwise.
class ShardLoop final : public replica::Host {
 public:
  struct Doors {
    /// Of this node.
    NodeId self;
    env::Loop* loop;
    /// By replica::Pool.
    std::array<env::Executor*, 3> pools;
    env::Transport* transport;
    storage::LogStore* log;
    /// Called on the loop.
    std::function<void(ShardId, std::optional<Term>, std::vector<NodeId> peers)> on_leads;
    /// Thread-safe.
    std::function<MonotonicTime(NodeId)> promised_until;
    /// A line for who operates the node. Thread-safe.
    std::function<void(ShardId, const std::string&)> say;
    /// A replica that is a member no more, and was taken off the loop.
    std::function<void(std::shared_ptr<replica::Replica>, const std::string& why)> on_removed;
    std::function<void(storage::ShardStore::Name, std::weak_ptr<storage::ShardData>)> drop_data;
    /// Thread-safe.
    std::function<std::shared_ptr<const void>()> take_snapshot_turn;
    /// Thread-safe.
    std::function<Duration(std::size_t bytes)> take_snapshot_bytes;
    std::function<void(const proto::PeerMessage&)> send_to_all;
    /// Thread-safe.
    std::function<storage::DiskRoom(NodeId)> room_of;
    /// Thread-safe.
    std::function<FeatureLevel()> feature_level;
    std::function<void(const Status&)> on_fatal;
    /// Thread-safe.
    std::function<void(ShardId)> on_damaged = nullptr;
    /// Thread-safe.
    std::function<std::shared_ptr<const void>()> take_repair_turn = nullptr;
    /// As drop_data, for what was damaged and is repaired.
    std::function<void(storage::ShardStore::Name, std::weak_ptr<storage::ShardData>)>
        drop_repaired = nullptr;
    /// That node's replica of the shard is of the first epoch, the one here of the second.
    std::function<void(ShardId, NodeId from, std::uint64_t theirs, std::uint64_t own)>
        on_other_epoch = [](ShardId, NodeId, std::uint64_t, std::uint64_t) {};
  };

  ShardLoop(ShardLoopOptions options, Doors doors);

  [[nodiscard]] env::Loop* loop() { return doors_.loop; }
  /// Whether the loop has not turned for long. Thread-safe.
  [[nodiscard]] bool Hangs(MonotonicTime now) const;

  /// Begins to tick.
  void Start();
  void Add(std::shared_ptr<replica::Replica> replica);
  /// Takes the replica off the loop and ends it; what is under way for it still holds it.
  std::shared_ptr<replica::Replica> Remove(ShardId shard);
  /// With all that heartbeats told up to now. Null: there is none.
  [[nodiscard]] replica::Replica* Find(ShardId shard);
  void ForEach(const std::function<void(replica::Replica&)>& visit);

  void Deliver(const env::PeerIdentity& from, std::vector<wire::ShardMessage> messages);
  /// A heartbeat of `from` listed `led`; `named` are those among them that were named in the
  /// answer.
  void OnHeartbeat(NodeId from, LedShardsPtr led, LedShardsPtr named);
  /// `from` led these in those terms and no longer lists them.
  void OnUnlisted(NodeId from, const LedShards& unlisted);
  void OnAcknowledged(const env::PeerIdentity& from, Acknowledged acknowledged);
  void OnNodeGone(NodeId node);
  void OnNodeConnected(NodeId node);
  /// Connection `dial` carries from now on what is sent to the node: replicas hear that the link is
  /// another before they can send on it.
  void OnLinked(NodeId node, env::DialNumber dial);
  /// How many replicas there are.
  [[nodiscard]] std::size_t size() const;
  /// How many replicas take part in no tick.
  [[nodiscard]] std::size_t silent() const { return slots_.size() - active_.size(); }
  /// Answers everything that waits: the node stops.
  void Stop();

  // replica::Host
  [[nodiscard]] MonotonicTime Now() const override { return doors_.loop->Now(); }
  void Wake(replica::Replica* replica) override;
  void WakeAt(replica::Replica* replica, MonotonicTime when) override;
  void RunInPool(replica::Pool pool, env::Task work, env::Task then) override;
  [[nodiscard]] MonotonicTime PromisedUntil(NodeId node) const override {
    return doors_.promised_until(node);
  }
  [[nodiscard]] bool IsGone(NodeId node) const override { return gone_.contains(node); }
  [[nodiscard]] storage::DiskRoom RoomOf(NodeId node) const override {
    return doors_.room_of(node);
  }
  [[nodiscard]] storage::DiskRoom OwnRoom() const override { return doors_.room_of(doors_.self); }
  void OnLeads(ShardId shard, std::optional<Term> term) override;
  void OnOtherEpoch(const replica::Replica& replica, NodeId from, std::uint64_t epoch) override {
    doors_.on_other_epoch(replica.shard(), from, epoch, replica.raft().epoch());
  }
  bool Send(NodeId to, const proto::PeerMessage& message) override;
  void SendToAll(const proto::PeerMessage& message) override { doors_.send_to_all(message); }
  [[nodiscard]] FeatureLevel feature_level() const override { return doors_.feature_level(); }
  void Say(const replica::Replica& replica, const std::string& line) override {
    doors_.say(replica.shard(), line);
  }
  void OnRemoved(replica::Replica* replica, const std::string& why) override;
  void DropData(storage::ShardStore::Name name,
                std::weak_ptr<storage::ShardData> readers) override {
    doors_.drop_data(name, std::move(readers));
  }
  void OnDamaged(const replica::Replica& replica) override { doors_.on_damaged(replica.shard()); }
  std::shared_ptr<const void> TakeRepairTurn() override { return doors_.take_repair_turn(); }
  void DropRepaired(storage::ShardStore::Name name,
                    std::weak_ptr<storage::ShardData> readers) override {
    doors_.drop_repaired(name, std::move(readers));
  }
  std::shared_ptr<const void> TakeSnapshotTurn(NodeId to) override;
  Duration TakeSnapshotBytes(std::size_t bytes) override {
    return doors_.take_snapshot_bytes(bytes);
  }
  void OnFatal(const Status& status) override { doors_.on_fatal(status); }

 private:
  /// What heartbeats told of a shard and a peer, as far as the replica was given it.
  struct Given {
    LedShardsPtr led;
    LedShardsPtr named;
    Term term;
    bool counts = false;
    MonotonicTime at = kNever;
  };
  struct Slot {
    /// Null once removed; the slot stays, for timers may still name it.
    std::shared_ptr<replica::Replica> replica;
    /// It is in awake_.
    bool awake = false;
    /// It is in active_.
    bool active = false;
    /// The earliest timer set for it.
    MonotonicTime wake_at = kForever;
    /// By peer: as its primary, and as its follower.
    std::map<NodeId, Given> promises;
    std::map<NodeId, Given> heartbeats;
  };
  struct Peer {
    env::PeerIdentity identity;
    Acknowledged acknowledged;
    MonotonicTime acknowledged_at = kNever;
    LedShardsPtr led;
    LedShardsPtr named;
    MonotonicTime heartbeat_at = kNever;
    /// The newest connection to it that the replicas know of.
    env::DialNumber dial;
    /// How many of the two are overdue, and have woken everybody.
    int overdue = 0;
  };

  /// Null when it was removed.
  Slot* SlotOf(const replica::Replica& replica);
  void Activate(Slot* slot);
  void ActivateAll();
  /// Gives the replica what heartbeats told since it was last given it.
  void Refresh(Slot* slot);
  static bool Counts(Given* given, const LedShardsPtr& led, const LedShardsPtr& named,
                     ShardId shard, Term term);
  void HandOverWhenFull(MonotonicTime now);
  void LookAtPeers(MonotonicTime now);
  /// Whether the node's heartbeats, or its acknowledgements, come.
  [[nodiscard]] bool Hears(NodeId node, MonotonicTime Peer::*heard_at, MonotonicTime now) const;
  /// Whether the newest heartbeats of its primary's node name the follower's shard in its term.
  [[nodiscard]] bool IsListed(const replica::Replica& follower) const;
  /// Whether the replica needs no tick.
  [[nodiscard]] bool MayRest(const replica::Replica& replica, MonotonicTime now) const;
  [[nodiscard]] bool IsOverdue(MonotonicTime heard_at, MonotonicTime now) const {
    return heard_at != kNever && now - heard_at > options_.peer_silence_max;
  }
  void Tick();
  void RunTurn();
  void Store(replica::Effects* effects);
  void Send(std::vector<replica::Effects::Outgoing> messages);
  bool SendBytes(NodeId to, std::string message);
  [[nodiscard]] bool TakesCommands(NodeId node) const {
    return RoomOf(node) != storage::DiskRoom::kExhausted;
  }

  const ShardLoopOptions options_;
  const Doors doors_;
  /// By number, never by address: equal events give equal runs.
  std::unordered_map<ShardId, Slot> slots_;
  /// Who gets a turn next, in the order in which they asked.
  std::vector<Slot*> awake_;
  /// Who is not silent: gets ticks.
  std::vector<Slot*> active_;
  std::map<NodeId, Peer> peers_;
  std::set<NodeId> gone_;
  MonotonicTime handed_over_at_ = kNever;
  bool turn_posted_ = false;
  bool stopped_ = false;
  std::atomic<std::int64_t> turned_at_ns_;
};

}  // namespace ringfort::node

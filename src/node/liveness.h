// Heartbeats between pairs of nodes: one small message carries the liveness of all shards that the
// sender leads, and its acknowledgement the promises that leases rest on (protocols 2 and 3).
#pragma once

#include <atomic>
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
#include "node/shard_loop.h"
#include "replica/liveness_cell.h"
#include "ringfort/peer.pb.h"
#include "storage/disk_room.h"

namespace ringfort::node {

struct LivenessOptions {
  Duration interval = std::chrono::milliseconds(50);
  /// What this node promises and asks to be promised.
  Duration lease = std::chrono::milliseconds(200);
};

/// Lives on the control loop; what other threads may call says so.
class Liveness {
 public:
  struct Doors {
    env::Loop* control;
    env::Transport* transport;
    /// By shard id. Outlives this.
    const std::vector<std::unique_ptr<replica::LivenessCell>>* cells;
    /// shard -> its loop: shard modulo their number.
    std::vector<ShardLoop*> loops;
    storage::LogStore* log;
    /// How long a log write may take before this node answers for nothing.
    Duration stall_max;
    /// The room on this node's disks.
    std::function<storage::DiskRoom()> own_room;
  };

  Liveness(LivenessOptions options, NodeId self, BootNumber boot, Doors doors);

  /// Those with whom heartbeats are exchanged.
  void SetPeers(const std::vector<NodeId>& peers);

  /// Begins to send.
  void Start();
  void Stop() { stopped_ = true; }

  /// A shard of this node has a new role. Any thread.
  void SetLeads(ShardId shard, std::optional<Term> term, std::vector<NodeId> peers);
  /// Until when this node has promised `node` not to elect another. Any thread.
  [[nodiscard]] MonotonicTime PromisedUntil(NodeId node) const;
  /// When the node last acknowledged a heartbeat; kNever: not yet. Any thread.
  [[nodiscard]] MonotonicTime AcknowledgedAt(NodeId node) const;
  /// The room on that node's disks, as it said last. Any thread.
  [[nodiscard]] storage::DiskRoom RoomOf(NodeId node) const;

  void OnConnected(const env::PeerIdentity& peer);
  void OnGone(const env::PeerIdentity& gone);
  void OnHeartbeat(const env::PeerIdentity& from, const proto::Heartbeat& heartbeat);
  void OnAck(const env::PeerIdentity& from, const proto::HeartbeatAck& ack);
  /// Whether that process is known to be gone: what it still had on its way is not heard.
  [[nodiscard]] bool IsGone(const env::PeerIdentity& peer) const;
  /// How many peers are connected, by their last signs.
  [[nodiscard]] std::vector<NodeId> ConnectedPeers() const;
  /// The node is about to stop: nobody should hand it a role.
  void Leave() { leaving_ = true; }
  /// Whether the peer said that it is about to stop. Any thread.
  [[nodiscard]] bool IsLeaving(NodeId node) const;

 private:
  using List = LedShardsPtr;

  struct Sent {
    std::uint64_t sequence;
    MonotonicTime at;
    List list;
  };

  struct Peer {
    explicit Peer(NodeId id) : node(id) {}
    const NodeId node;
    /// It is among those that SetPeers named last.
    bool linked = true;
    /// Nanoseconds on the monotonic clock. Written on the control loop before the marks are read.
    std::atomic<std::int64_t> promised_until_ns{Duration::min().count()};
    /// The same clock.
    std::atomic<std::int64_t> acknowledged_at_ns{Duration::min().count()};
    /// It said that it is about to stop.
    std::atomic<bool> leaving{false};
    bool connected = false;
    std::atomic<storage::DiskRoom> room{storage::DiskRoom::kEnough};
    /// The newest process that is gone. Boots of another directory are no measure.
    env::PeerIdentity gone;

    // What it leads.
    Incarnation their_incarnation;
    BootNumber their_boot;
    std::uint64_t their_version = 0;
    List their_list = std::make_shared<LedShards>();

    // What it knows of what we lead.
    std::uint64_t version = 1;
    List list = std::make_shared<LedShards>();
    std::uint64_t acknowledged_version = 0;
    std::uint64_t sequence = 0;
    /// Not acknowledged yet, oldest first; bounded.
    std::deque<Sent> sent;
    /// How many beats were sent since it last acknowledged one, or its link came up.
    int unanswered_beats = 0;
  };

  /// Never changed once it is published.
  using PeerTable = std::map<NodeId, std::shared_ptr<Peer>>;

  /// Null: no such peer was ever named. Any thread.
  [[nodiscard]] Peer* Find(NodeId node) const;
  [[nodiscard]] const PeerTable& peers() const { return *table_.load(std::memory_order_acquire); }
  void Beat();
  /// Has the link to the peer dialed anew when it answers nothing.
  void DoubtLink(Peer* peer);
  void SendSoon();
  void SendAll();
  void SendTo(Peer* peer);
  void RebuildLists(MonotonicTime now);
  [[nodiscard]] std::vector<bool> HangingLoops(MonotonicTime now) const;
  [[nodiscard]] bool DiskStalled() const { return doors_.log->stalled_for() > doors_.stall_max; }
  [[nodiscard]] std::size_t LoopOf(ShardId shard) const {
    return shard.value() % doors_.loops.size();
  }
  void TakeList(Peer* peer, const env::PeerIdentity& from, const proto::Heartbeat& heartbeat);
  /// Runs the call on every shard loop.
  void OnLoops(const std::function<void(ShardLoop&)>& call);

  const LivenessOptions options_;
  const NodeId self_;
  const BootNumber boot_;
  const Doors doors_;
  /// The newest of tables_. The ones before stay, for whoever still reads them: nodes join seldom.
  std::atomic<const PeerTable*> table_;
  std::vector<std::unique_ptr<const PeerTable>> tables_;
  struct Led {
    Term term;
    std::vector<NodeId> peers;
  };
  std::map<ShardId, Led> leads_;
  bool lists_stale_ = false;
  bool send_posted_ = false;
  bool stopped_ = false;
  bool leaving_ = false;
  /// What the lists leave out: shards of hanging loops, or all where the disk is stalled.
  std::vector<bool> left_out_;
};

}  // namespace ringfort::node

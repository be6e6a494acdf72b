// The replicas of one event loop: gives them turns, and carries out what their turns want,
// together: one log write and one message per peer for all of them.
#pragma once

#include <atomic>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/ids.h"
#include "base/time.h"
#include "env/loop.h"
#include "env/transport.h"
#include "raft/message.h"
#include "replica/replica.h"
#include "storage/log_store.h"
#include "wire/raft_codec.h"

namespace ringfort::node {

/// Shards that a node leads, with the term; sorted by shard. Shared between threads, never changed.
using LedShards = std::vector<std::pair<ShardId, Term>>;

struct ShardLoopOptions {
  Duration tick = std::chrono::milliseconds(20);
  /// A log write that takes longer than this makes the node lead nothing (protocols 2).
  Duration stall_max = std::chrono::milliseconds(600);
  /// One message to a peer carries at most about so many bytes of entries.
  std::size_t message_bytes_max = std::size_t{4} << 20;
};

/// All functions are called on the loop, but for those that say otherwise.
class ShardLoop final : public replica::Host {
 public:
  struct Doors {
    /// Of this node.
    NodeId self;
    env::Loop* loop;
    env::Executor* pool;
    env::Transport* transport;
    storage::LogStore* log;
    /// Called on the loop.
    std::function<void(ShardId, std::optional<Term>, std::vector<NodeId> peers)> on_leads;
    /// Thread-safe.
    std::function<MonotonicTime(NodeId)> promised_until;
    /// Thread-safe.
    std::function<storage::DiskRoom(NodeId)> room_of;
    std::function<void(const Status&)> on_fatal;
  };

  ShardLoop(ShardLoopOptions options, Doors doors);

  [[nodiscard]] env::Loop* loop() { return doors_.loop; }
  /// Whether the loop has not turned for long. Thread-safe.
  [[nodiscard]] bool Hangs(MonotonicTime now) const;

  /// Begins to tick.
  void Start();
  void Add(std::unique_ptr<replica::Replica> replica);
  [[nodiscard]] replica::Replica* Find(ShardId shard);
  void ForEach(const std::function<void(replica::Replica&)>& visit);

  void Deliver(NodeId from, std::vector<wire::ShardMessage> messages);
  /// A heartbeat of `from` listed these; `not_followed` are those among them that were named in the
  /// answer.
  void OnHeartbeat(NodeId from, const LedShards& led, const LedShards& not_followed);
  /// `from` led these in those terms and no longer lists them.
  void OnUnlisted(NodeId from, const LedShards& unlisted);
  /// `from` acknowledged the heartbeat of `sent_at` that listed `led`, but for `named`, with its
  /// own terms.
  void OnAcknowledged(NodeId from, MonotonicTime sent_at, const LedShards& led,
                      const LedShards& named);
  void OnNodeGone(NodeId node);
  void OnNodeConnected(NodeId node);
  /// Answers everything that waits: the node stops.
  void Stop();

  // replica::Host
  [[nodiscard]] MonotonicTime Now() const override { return doors_.loop->Now(); }
  void Wake(replica::Replica* replica) override;
  void WakeAt(replica::Replica* replica, MonotonicTime when) override;
  void RunInPool(env::Task work, env::Task then) override;
  [[nodiscard]] MonotonicTime PromisedUntil(NodeId node) const override {
    return doors_.promised_until(node);
  }
  [[nodiscard]] bool IsGone(NodeId node) const override { return gone_.contains(node); }
  [[nodiscard]] storage::DiskRoom RoomOf(NodeId node) const override {
    return doors_.room_of(node);
  }
  void OnLeads(ShardId shard, std::optional<Term> term) override;
  void OnFatal(const Status& status) override { doors_.on_fatal(status); }

 private:
  struct Slot {
    std::unique_ptr<replica::Replica> replica;
    /// It is in awake_.
    bool awake = false;
    /// The earliest timer set for it.
    MonotonicTime wake_at = kForever;
  };

  Slot& SlotOf(const replica::Replica& replica) { return slots_.at(replica.shard()); }
  void Tick();
  void RunTurn();
  void Store(replica::Effects* effects);
  void Send(std::vector<replica::Effects::Outgoing> messages);
  [[nodiscard]] bool TakesCommands(NodeId node) const {
    return RoomOf(node) != storage::DiskRoom::kExhausted;
  }

  const ShardLoopOptions options_;
  const Doors doors_;
  /// By number, never by address: equal events give equal runs.
  std::unordered_map<ShardId, Slot> slots_;
  /// Who gets a turn next, in the order in which they asked.
  std::vector<Slot*> awake_;
  std::set<NodeId> gone_;
  bool turn_posted_ = false;
  bool stopped_ = false;
  std::atomic<std::int64_t> turned_at_ns_;
};

}  // namespace ringfort::node

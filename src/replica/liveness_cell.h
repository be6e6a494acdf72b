// What a replica shows of itself to the node's heartbeats, which run on another thread.
#pragma once

#include <atomic>
#include <cstdint>

#include "base/ids.h"

namespace ringfort::replica {

/// One per shard, for the node's life. Written by the replica's loop, read by any thread.
///
/// The order of operations carries the safety of leases (protocols 2): a replica that stops
/// following clears `follows` and *then* reads what its node promised; the heartbeat side notes the
/// promise and *then* reads `follows`. Sequentially consistent atomics make one of the two see the
/// other.
class LivenessCell {
 public:
  /// The term in which the replica follows `primary`, a node; term 0: it follows nobody.
  void Publish(Term term, NodeId primary) {
    follows_term_.store(0);
    follows_node_.store(primary.value());
    follows_term_.store(term.value());
  }
  [[nodiscard]] bool Follows(Term term, NodeId primary) const {
    return term.value() != 0 && follows_term_.load() == term.value() &&
           follows_node_.load() == primary.value() && follows_term_.load() == term.value();
  }

  /// This node's replica of the shard; 0: it has none.
  void PublishReplica(ReplicaId id) { replica_.store(id.value()); }
  [[nodiscard]] ReplicaId replica() const { return ReplicaId(replica_.load()); }

  /// The replica's current term, for a primary that is behind it. Never decreases.
  void PublishTerm(Term term) { term_.store(term.value(), std::memory_order_relaxed); }
  [[nodiscard]] Term term() const { return Term(term_.load(std::memory_order_relaxed)); }

  /// The node that leads the shard as far as this replica knows; 0 unknown. A hint, no more.
  void PublishPrimary(NodeId node) { primary_.store(node.value(), std::memory_order_relaxed); }
  [[nodiscard]] NodeId primary() const { return NodeId(primary_.load(std::memory_order_relaxed)); }

 private:
  std::atomic<std::uint32_t> replica_{0};
  std::atomic<std::uint64_t> follows_term_{0};
  std::atomic<std::uint32_t> follows_node_{0};
  std::atomic<std::uint64_t> term_{0};
  std::atomic<std::uint32_t> primary_{0};
};

}  // namespace ringfort::replica

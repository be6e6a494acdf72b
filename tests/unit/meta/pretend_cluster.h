// Nodes and shards as the reconciler sees them, without any of their code: shards change their
// members at once and as raft::PlanChange allows, learners catch up after a while, a majority that
// lives elects a primary. Says at each change whether it took healthy voters away.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/random.h"
#include "meta/changes.h"
#include "meta/reconciler.h"
#include "raft/members.h"

namespace ringfort::meta {

class PretendCluster {
 public:
  struct Node {
    Incarnation incarnation;
    std::uint64_t boot = 1;
    bool alive = true;
    std::uint64_t sequence = 0;
    storage::DiskRoom room = storage::DiskRoom::kEnough;
  };
  struct Shard {
    raft::Members members;
    /// Else they may be taken back.
    bool committed = true;
    NodeId primary;
    /// Replicas that have all that is committed.
    std::set<ReplicaId> caught_up;
    /// How many copies were begun since the start.
    std::uint32_t learners_made = 0;
  };

  PretendCluster(std::uint32_t nodes, std::uint32_t shards, std::uint32_t replicas,
                 std::uint64_t seed, std::uint32_t zones = 100);

  /// A round of the reconciler, and time passes.
  void Step();
  /// Steps until nothing moves and every primary is where it is preferred. False: not within
  /// `steps`.
  bool Settle(int steps = 3000);
  [[nodiscard]] bool settled() const;

  /// Starts a new node that joins.
  NodeId Join(const std::string& zone = "", std::uint32_t weight = 1);
  Status Change(proto::ChangeNode::Kind kind, NodeId node, NodeId replacement = NodeId(),
                std::uint32_t weight = 0);
  void Kill(NodeId node) { nodes[node].alive = false; }
  void Start(NodeId node);
  /// Another primary of the meta group: what was heard is forgotten.
  void ReplaceMetaPrimary();

  /// By the state and the reports of now; good as long as the cluster is.
  [[nodiscard]] Headways headways() const;
  [[nodiscard]] std::size_t HealthyVoters(const Shard& shard) const;
  [[nodiscard]] std::uint32_t ReplicasOn(NodeId node) const;

  State state;
  Reports reports;
  MonotonicTime now{std::chrono::hours(1)};
  MonotonicTime since = now;
  ReconcilerOptions options;
  std::map<NodeId, Node> nodes;
  std::vector<Shard> shards;
  Random random;
  Steps last;
  /// Orders are lost, late and doubled.
  bool bad_links = false;
  std::vector<std::string> events;
  /// What must not be.
  std::vector<std::string> wrong;

 private:
  void Report(NodeId node);
  void Look();
  void LiveOn(Shard* shard);
  void Obey(const Order& order, bool late);
  [[nodiscard]] bool HasMajority(const Shard& shard) const;

  Strays strays_;
  /// As of when `strays_` looked at all shards.
  ring::ClusterMap looked_at_;
  std::deque<Order> late_;
};

}  // namespace ringfort::meta

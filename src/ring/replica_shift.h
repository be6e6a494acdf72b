// A placement between two plans: takes replicas off nodes and puts them on others until every node
// holds its share. Nodes are numbers here: positions in the nodes sorted by id.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "ring/cluster_config.h"
#include "ring/hash_ring.h"
#include "ring/shares.h"

namespace ringfort::ring {

/// One shard's replicas are, at any time, such that the shard can be filled up within the zones'
/// bounds. (Such sets are the independent sets of a matroid, and that is what makes the greedy
/// choice and the exchanges below come out.)
class ReplicaShift {
 public:
  using Node = std::uint32_t;
  using Shard = std::uint32_t;

  /// `standing` is, by shard, where its replicas are now. Drops at once those that the zones'
  /// bounds or the number of replicas leave no place for.
  ReplicaShift(std::span<const NodeInfo> sorted_nodes, std::vector<std::vector<Node>> standing,
               std::uint32_t replicas);

  /// By shard, its replicas: those that stayed in their order, then the new ones.
  std::vector<std::vector<Node>> Run();

 private:
  // One step of a path: `shard` leaves the node it is noted for, for `taker`.
  struct Step {
    Shard shard = 0;
    Node taker = 0;
  };
  // How dear a path is: first the standing replicas it moves, then its length.
  struct Price {
    std::uint32_t moved = 0;
    std::uint32_t steps = 0;

    auto operator<=>(const Price&) const = default;
  };
  // By node: the cheapest path found from it to a node below its share.
  struct Reach {
    std::optional<Price> price;
    std::optional<Step> step;  ///< None where the node itself is below its share.
  };

  void Strip(Shard shard);
  // Fills up what has no home, by the walk.
  void House();
  // Lets nodes above their share give, each shard to a node early in its walk.
  void Give();
  void GiveWithin(std::uint64_t depth);
  // Does the rest, where no node above its share holds anything that one below could take directly.
  bool ShiftAlongPath();
  // Notes with which step the others can best hand something to `taker`, which `price` leads to.
  void ReachBack(Node taker, Price price, std::vector<Reach>* reach) const;

  [[nodiscard]] bool Below(Node node) const { return held_[node].size() < shares_.replicas[node]; }
  [[nodiscard]] bool Above(Node node) const { return held_[node].size() > shares_.replicas[node]; }
  [[nodiscard]] bool Stood(Shard shard, Node node) const;
  // Whether a shard with `nodes` can be filled up within the zones' bounds.
  [[nodiscard]] bool Fillable(std::span<const Node> nodes) const;
  [[nodiscard]] bool CanTake(Shard shard, Node node) const;
  [[nodiscard]] bool CanExchange(Shard shard, Node giver, Node taker) const;
  void Take(Shard shard, Node node);
  void Drop(Shard shard, Node node);
  [[nodiscard]] Node NumberOf(NodeId id) const;

  std::span<const NodeInfo> nodes_;  ///< By ascending id.
  std::uint32_t replicas_;
  HashRing ring_;
  std::vector<std::vector<Node>> standing_;  ///< By shard; never changes.
  std::vector<std::vector<Node>> placed_;    ///< By shard; at most replicas_.
  std::vector<std::vector<Shard>> held_;     ///< By node: the same the other way round.
  Shares shares_;
  std::uint32_t least_sum_ = 0;  ///< What all zones must hold of a shard.
};

}  // namespace ringfort::ring

// What became of the moves of replicas, by the cluster maps that nodes tell each other.
#pragma once

#include <cstdint>
#include <set>

#include "base/ids.h"
#include "ringfort/client.pb.h"

namespace ringfort::sim {

class Moves {
 public:
  /// A map that one node tells another: any version, also one that was seen before.
  void OnMap(const proto::ClusterMap& map);
  /// How often the replicas of a shard, or the meta group's, came to be on other nodes.
  [[nodiscard]] std::uint64_t finished() const { return finished_; }
  /// How many of those because a node was gone for too long.
  [[nodiscard]] std::uint64_t repairs() const { return repairs_; }
  /// Whether the node was ever away for so long that it was given up.
  [[nodiscard]] bool WasLost(NodeId node) const { return lost_.contains(node); }

 private:
  void Compare(const proto::MapShard& before, const proto::MapShard& now);

  proto::ClusterMap newest_;
  std::uint64_t finished_ = 0;
  std::uint64_t repairs_ = 0;
  std::set<NodeId> lost_;
};

}  // namespace ringfort::sim

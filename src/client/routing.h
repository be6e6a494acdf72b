// The cached cluster map, and who is thought to lead each shard.
#pragma once

#include <vector>

#include "base/ids.h"
#include "client/nodes.h"
#include "ring/cluster_map.h"
#include "ringfort/client.pb.h"
#include "ringfort/status.h"

namespace ringfort::client {

/// Lives on the client's loop.
class Routing {
 public:
  explicit Routing(Nodes& nodes) : nodes_(nodes) {}

  [[nodiscard]] bool has_map() const { return map_.version != MapVersion(); }
  [[nodiscard]] const ring::ClusterMap& map() const { return map_; }

  /// Takes in a map that a node sent. An older one than the present changes nothing. Ok says that
  /// it is a map of this cluster; else kCorruption or kWrongCluster.
  Status Adopt(const proto::ClusterMap& sent);

  /// Null when the map has no such node.
  [[nodiscard]] Node* Find(NodeId id) const;
  /// All nodes of the map, by ascending id.
  [[nodiscard]] const std::vector<Node*>& nodes() const { return map_nodes_; }
  /// Preferred primary first; with those to which the shard moves.
  [[nodiscard]] const std::vector<Node*>& Replicas(ShardId shard) const {
    return shards_[shard.value()].replicas;
  }

  /// Who is thought to lead the shard; null unknown.
  [[nodiscard]] Node* Primary(ShardId shard) const { return shards_[shard.value()].primary; }
  void SetPrimary(ShardId shard, Node* node) { shards_[shard.value()].primary = node; }
  /// If it is that node: unknown from now on.
  void ForgetPrimary(ShardId shard, const Node* node) {
    if (shards_[shard.value()].primary == node) shards_[shard.value()].primary = nullptr;
  }

 private:
  struct Shard {
    std::vector<Node*> replicas;
    Node* primary = nullptr;
  };

  void Replace(ring::ClusterMap map);

  Nodes& nodes_;
  ring::ClusterMap map_;
  std::vector<Node*> map_nodes_;
  std::vector<Shard> shards_;
};

}  // namespace ringfort::client

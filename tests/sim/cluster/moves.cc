#include "tests/sim/cluster/moves.h"

namespace ringfort::sim {

void Moves::OnMap(const proto::ClusterMap& map) {
  if (map.version() <= newest_.version()) return;
  if (newest_.version() != 0) {
    for (int i = 0; i < map.shards_size(); ++i) Compare(newest_.shards(i), map.shards(i));
    Compare(newest_.meta(), map.meta());
  }
  for (const proto::MapNode& node : map.nodes()) {
    if (node.lost()) lost_.insert(NodeId(node.id()));
  }
  newest_ = map;
}

void Moves::Compare(const proto::MapShard& before, const proto::MapShard& now) {
  // Their order only says who is to lead.
  const std::set were(before.replicas().begin(), before.replicas().end());
  if (were == std::set(now.replicas().begin(), now.replicas().end())) return;
  ++finished_;
  if (before.moving_to_size() > 0 && before.move_cause() == proto::REPAIR) ++repairs_;
}

}  // namespace ringfort::sim

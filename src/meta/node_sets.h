// Lists of nodes taken as sets.
#pragma once

#include <algorithm>
#include <vector>

#include "base/ids.h"
#include "raft/types.h"

namespace ringfort::meta {

using Nodes = std::vector<NodeId>;

inline bool Contains(const Nodes& nodes, NodeId node) {
  return std::ranges::find(nodes, node) != nodes.end();
}

inline bool IsSameSet(const Nodes& a, const Nodes& b) {
  return std::ranges::is_permutation(a, b);
}

inline Nodes Without(const Nodes& nodes, const Nodes& others) {
  Nodes left;
  for (const NodeId node : nodes) {
    if (!Contains(others, node)) left.push_back(node);
  }
  return left;
}

inline Nodes NodesOf(const std::vector<raft::Member>& members) {
  Nodes nodes;
  for (const raft::Member& member : members) nodes.push_back(member.node);
  return nodes;
}

}  // namespace ringfort::meta

// How a checker says that a promise was broken.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "base/ids.h"
#include "tests/sim/log_store/memory_log_store.h"

namespace ringfort::sim {

/// `checker` is the name of who complains, `what` a line.
using Complain = std::function<void(std::string_view checker, const std::string& what)>;

/// The log of a node, running or not.
using LogOf = std::function<const MemoryLogStore&(NodeId)>;

inline std::string Text(NodeId node) {
  return "node " + std::to_string(node.value());
}
inline std::string Text(ShardId shard) {
  return "shard " + std::to_string(shard.value());
}
inline std::string Text(Term term) {
  return "term " + std::to_string(term.value());
}
inline std::string Text(LogIndex index) {
  return "index " + std::to_string(index.value());
}

}  // namespace ringfort::sim

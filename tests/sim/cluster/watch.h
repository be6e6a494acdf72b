// Looks into the nodes while they run: what no client can see, but must hold all the same.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "base/ids.h"
#include "storage/shard_store.h"

namespace ringfort::sim {

class Watch {
 public:
  using Complain = std::function<void(const std::string&)>;
  explicit Watch(Complain complain) : complain_(std::move(complain)) {}

  /// A message between nodes: at most one node leads a shard in a term.
  void OnMessage(NodeId from, std::string_view message);
  /// All replicas hold the same at the same applied index.
  void OnData(NodeId node, storage::ShardStore* store);
  /// How many (shard, applied index) were seen on two nodes at least.
  [[nodiscard]] std::uint64_t compared() const { return compared_; }

 private:
  void OnLeads(NodeId node, std::uint32_t shard, std::uint64_t term);

  struct State {
    NodeId node;
    std::uint64_t hash = 0;
  };
  const Complain complain_;
  std::map<std::pair<std::uint32_t, std::uint64_t>, NodeId> leads_;
  std::map<std::pair<ShardId, LogIndex>, State> states_;
  std::uint64_t compared_ = 0;
};

/// Everything a replica holds, as one number.
std::uint64_t HashOf(const storage::ShardData& data);

}  // namespace ringfort::sim

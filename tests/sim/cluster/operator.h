// An operator at work on the cluster amid its faults: nodes join, are drained and taken back,
// weights change, primaries are handed over. What is refused or lost is not asked again.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "base/random.h"
#include "ringfort/client.pb.h"
#include "ringfort/meta.pb.h"
#include "tests/sim/cluster/events.h"
#include "tests/sim/cluster/simulated_node.h"

namespace ringfort::sim {

class Operator {
 public:
  Operator(Events* events, std::vector<std::unique_ptr<SimulatedNode>>* nodes, std::uint32_t shards,
           Random random)
      : events_(events), nodes_(nodes), shards_(shards), random_(random) {}

  /// Until Stop, now and then.
  void Start();
  /// From now on what was drained takes replicas again, and who lost its directory is taken in
  /// again: without them there may be too few nodes for all copies.
  void Stop();
  /// How many of its requests the cluster took.
  [[nodiscard]] std::uint64_t taken() const { return taken_; }

  /// The node, which has a directory and waits, asks to be taken in.
  void LetJoin(SimulatedNode* node);

  using OnReply = std::function<void(const proto::MetaReply&)>;
  /// Asks all nodes, one of which leads the meta group, perhaps.
  void Ask(const proto::MetaRequest& request, OnReply on_reply);

 private:
  void DoSomething();
  void TakeBack();
  void Change(proto::ChangeNode::Kind kind, NodeId node, std::uint32_t weight = 0);

  Events* const events_;
  std::vector<std::unique_ptr<SimulatedNode>>* const nodes_;
  const std::uint32_t shards_;
  Random random_;
  std::uint64_t taken_ = 0;
  bool stopped_ = false;
};

}  // namespace ringfort::sim

// A majority of some shards is lost, for good as it seems, and an operator begins them anew from
// one copy (raft/recovery.h). Then those who were lost come back with all they had. All copies were
// equal before: whatever was acknowledged must still be there.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/random.h"
#include "ringfort/client.pb.h"
#include "tests/sim/checkers/complain.h"
#include "tests/sim/cluster/events.h"
#include "tests/sim/cluster/simulated_node.h"

namespace ringfort::sim {

class Recoveries {
 public:
  /// `shards`: without the meta group's.
  Recoveries(Events* events, std::vector<std::unique_ptr<SimulatedNode>>* nodes,
             std::uint32_t shards, Complain complain, Random random)
      : events_(events),
        nodes_(nodes),
        shards_(shards),
        complain_(std::move(complain)),
        random_(random) {}

  /// In the runs of some seeds only. All nodes run, all copies are equal, and nobody calls.
  [[nodiscard]] bool Wanted();
  /// Nodes are lost, every shard is begun anew that needs it, also where whoever does it is killed
  /// in its midst; then the lost ones are back, and every copy of theirs is void.
  void Run();
  /// The operator gives up what is void, so that the shards get all of their voters again.
  void Discard();
  [[nodiscard]] std::uint64_t begun_anew() const { return lost_shards_.size(); }

 private:
  using Copies = std::map<ShardId, storage::Generation>;

  [[nodiscard]] Copies CopiesOn(const SimulatedNode& node) const;
  /// Whom to lose: of every shard one copy is left, of some the majority is not.
  void Lose();
  void RecoverMeta();
  void Recover(ShardId shard);
  void BringBack();
  /// Runs until it holds, or complains after `most`.
  void Await(Duration most, const std::string& what, const std::function<bool()>& holds);
  /// One question to one node, and its answer; none when it died over it.
  std::optional<proto::Response> Ask(SimulatedNode* node, const proto::Request& request);
  [[nodiscard]] std::vector<SimulatedNode*> Running();
  /// Shards of which the node says that it keeps a void copy.
  std::set<ShardId> VoidsOf(SimulatedNode* node, bool also_data);
  SimulatedNode* NodeOf(NodeId id) { return (*nodes_)[id.value() - 1].get(); }
  void MaybeKillSoon(SimulatedNode* node);

  Events* const events_;
  std::vector<std::unique_ptr<SimulatedNode>>* const nodes_;
  const std::uint32_t shards_;
  const Complain complain_;
  Random random_;
  /// With the copies that they had. By id, not by address: equal seeds give equal runs.
  std::map<NodeId, Copies> lost_;
  std::set<ShardId> lost_shards_;
};

}  // namespace ringfort::sim

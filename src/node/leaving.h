// A node that is about to stop: its primaries go to others first, and it waits until no shard needs
// it for its majority (protocols 10).
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <vector>

#include "base/ids.h"
#include "base/time.h"
#include "env/loop.h"
#include "env/transport.h"
#include "node/liveness.h"
#include "node/shard_loop.h"

namespace ringfort::node {

/// Lives on the control loop.
class Leaving {
 public:
  struct Doors {
    env::Loop* control;
    env::Transport* transport;
    Liveness* liveness;
    std::vector<ShardLoop*> loops;
  };
  explicit Leaving(Doors doors) : doors_(std::move(doors)) {}

  /// Calls `done` once: when nothing is led here and no connected peer that stays needs this node,
  /// or after `timeout`.
  void Start(Duration timeout, std::function<void()> done);
  /// So many shards that the peer leads would be without a majority.
  void OnAnswer(NodeId peer, std::uint32_t needed_by) { needed_by_[peer] = needed_by; }

 private:
  void Step();
  void HandOverAll(std::function<void(std::size_t led)> then);
  [[nodiscard]] std::vector<NodeId> Stayers() const;

  const Doors doors_;
  MonotonicTime until_;
  std::function<void()> done_;
  std::map<NodeId, std::uint32_t> needed_by_;
};

/// Answers a peer's LeaveQuestion, once all loops have counted. Called on the control loop.
void AnswerLeave(env::Loop* control, env::Transport* transport, std::vector<ShardLoop*> loops,
                 NodeId leaver);

}  // namespace ringfort::node

// A node that is about to stop: its primaries go to others first, and it waits until no shard needs
// it for its majority (protocols 10).
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "base/ids.h"
#include "base/time.h"
#include "env/loop.h"
#include "env/transport.h"
#include "node/liveness.h"
#include "node/shard_loop.h"
#include "ringfort/peer.pb.h"

namespace ringfort::node {

/// Lives on the control loop.
class Leaving {
 public:
  struct Doors {
    env::Loop* control;
    env::Transport* transport;
    Liveness* liveness;
    std::vector<ShardLoop*> loops;
    /// Now and then, what it waits for.
    std::function<void(const std::string& line)> say;
  };
  explicit Leaving(Doors doors) : doors_(std::move(doors)) {}

  /// Calls `done` once: when nothing is led here and no connected peer that stays needs this node,
  /// or after `timeout`.
  void Start(Duration timeout, std::function<void()> done);
  void OnAnswer(NodeId peer, const proto::LeaveAnswer& answer) { answers_[peer] = answer; }

 private:
  void Step();
  void End();
  void SayWhatIsMissing(std::size_t unsettled, const std::vector<NodeId>& asked);
  void HandOverAll(std::function<void(std::size_t unsettled)> then);
  [[nodiscard]] std::vector<NodeId> Stayers() const;

  const Doors doors_;
  /// Empty once called.
  std::function<void()> done_;
  /// The newest question; and the newest that was asked while a shard of this node had no primary
  /// but this node, or one that is only about to be: who leads it then has not counted it.
  std::uint64_t round_ = 0;
  std::uint64_t unsettled_round_ = 0;
  std::map<NodeId, proto::LeaveAnswer> answers_;
  MonotonicTime said_at_ = kNever;
};

/// Answers a peer's LeaveQuestion, once all loops have counted. Called on the control loop.
void AnswerLeave(env::Loop* control, env::Transport* transport, std::vector<ShardLoop*> loops,
                 NodeId leaver, std::uint64_t round);

}  // namespace ringfort::node

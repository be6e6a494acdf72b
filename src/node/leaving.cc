#include "node/leaving.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "ringfort/peer.pb.h"

namespace ringfort::node {
namespace {

constexpr Duration kStep = std::chrono::milliseconds(20);

// Sums what `count` finds on every loop, and hands the sum over on the control loop.
void SumOverLoops(env::Loop* control, const std::vector<ShardLoop*>& loops,
                  const std::function<std::size_t(ShardLoop&)>& count,
                  const std::function<void(std::size_t)>& then) {
  struct Sum {
    std::size_t total = 0;
    std::size_t missing;
  };
  auto sum = std::make_shared<Sum>(Sum{0, loops.size()});
  for (ShardLoop* loop : loops) {
    loop->loop()->Post([control, loop, count, then, sum] {
      const std::size_t found = count(*loop);
      control->Post([then, sum, found] {
        sum->total += found;
        if (--sum->missing == 0) then(sum->total);
      });
    });
  }
}

}  // namespace

void Leaving::Start(Duration timeout, std::function<void()> done) {
  until_ = doors_.control->Now() + timeout;
  done_ = std::move(done);
  doors_.liveness->Leave();
  Step();
}

std::vector<NodeId> Leaving::Stayers() const {
  std::vector<NodeId> stayers = doors_.liveness->ConnectedPeers();
  std::erase_if(stayers, [this](NodeId node) { return doors_.liveness->IsLeaving(node); });
  return stayers;
}

void Leaving::Step() {
  const std::vector<NodeId> stayers = Stayers();
  if (stayers.empty() || doors_.control->Now() >= until_) {
    done_();
    return;
  }
  proto::PeerMessage question;
  question.mutable_leave_question();
  for (const NodeId node : stayers) {
    doors_.transport->Send(node, env::Lane::kLiveness, question.SerializeAsString());
  }
  HandOverAll([this](std::size_t led) {
    const std::vector<NodeId> asked = Stayers();
    const bool free = std::all_of(asked.begin(), asked.end(), [this](NodeId node) {
      const auto answer = needed_by_.find(node);
      return answer != needed_by_.end() && answer->second == 0;
    });
    if (led == 0 && free) {
      done_();
      return;
    }
    doors_.control->RunAt(doors_.control->Now() + kStep, [this] { Step(); });
  });
}

void Leaving::HandOverAll(std::function<void(std::size_t led)> then) {
  SumOverLoops(
      doors_.control, doors_.loops,
      [liveness = doors_.liveness](ShardLoop& loop) {
        std::size_t led = 0;
        loop.ForEach([&](replica::Replica& replica) {
          if (replica.raft().role() != raft::Role::kPrimary) return;
          ++led;
          replica.HandOver([&](NodeId node) { return !liveness->IsLeaving(node); }, loop.Now());
        });
        return led;
      },
      then);
}

void AnswerLeave(env::Loop* control, env::Transport* transport, std::vector<ShardLoop*> loops,
                 NodeId leaver) {
  SumOverLoops(
      control, loops,
      [leaver](ShardLoop& loop) {
        std::size_t needed_by = 0;
        loop.ForEach([&](replica::Replica& replica) { needed_by += replica.Needs(leaver); });
        return needed_by;
      },
      [transport, leaver](std::size_t needed_by) {
        proto::PeerMessage message;
        message.mutable_leave_answer()->set_needed_by(static_cast<std::uint32_t>(needed_by));
        transport->Send(leaver, env::Lane::kLiveness, message.SerializeAsString());
      });
}

}  // namespace ringfort::node

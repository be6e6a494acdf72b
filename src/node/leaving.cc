#include "node/leaving.h"

#include <algorithm>
#include <memory>
#include <utility>

namespace ringfort::node {
namespace {

constexpr Duration kSayPause = std::chrono::seconds(3);
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
  done_ = std::move(done);
  doors_.control->RunAt(doors_.control->Now() + timeout, [this] { End(); });
  doors_.liveness->Leave();
  said_at_ = doors_.control->Now();
  Step();
}

void Leaving::End() {
  if (const auto done = std::exchange(done_, nullptr)) done();
}

std::vector<NodeId> Leaving::Stayers() const {
  std::vector<NodeId> stayers = doors_.liveness->ConnectedPeers();
  std::erase_if(stayers, [this](NodeId node) { return doors_.liveness->IsLeaving(node); });
  return stayers;
}

void Leaving::Step() {
  const std::vector<NodeId> stayers = Stayers();
  if (stayers.empty()) End();
  if (!done_) return;
  proto::PeerMessage question;
  question.mutable_leave_question()->set_round(++round_);
  for (const NodeId node : stayers) {
    doors_.transport->Send(node, env::Lane::kLiveness, question.SerializeAsString());
  }
  SumOverLoops(
      doors_.control, doors_.loops, [](ShardLoop& loop) { return loop.size(); },
      [this](std::size_t replicas) {
        if (replicas == 0) End();  // Whom nobody needs, perhaps nobody knows.
      });
  HandOverAll([this, round = round_](std::size_t unsettled) {
    if (unsettled != 0) unsettled_round_ = round;
    const std::vector<NodeId> asked = Stayers();
    const bool free = std::all_of(asked.begin(), asked.end(), [this](NodeId node) {
      const auto answer = answers_.find(node);
      return answer != answers_.end() && answer->second.round() > unsettled_round_ &&
             answer->second.needed_by() == 0;
    });
    if (free) End();
    if (done_) SayWhatIsMissing(unsettled, asked);
    doors_.control->RunAt(doors_.control->Now() + kStep, [this] { Step(); });
  });
}

void Leaving::SayWhatIsMissing(std::size_t unsettled, const std::vector<NodeId>& asked) {
  if (doors_.control->Now() - said_at_ < kSayPause) return;
  said_at_ = doors_.control->Now();
  std::string missing;
  const auto add = [&missing](const std::string& what) {
    missing += (missing.empty() ? "" : ", ") + what;
  };
  if (unsettled > 0) add(std::to_string(unsettled) + " shards that this node still leads");
  for (const NodeId node : asked) {
    const std::string name = "node " + std::to_string(node.value());
    const auto answer = answers_.find(node);
    if (answer == answers_.end()) {
      add("an answer of " + name);
    } else if (answer->second.needed_by() > 0) {
      add(name + ", which needs this one for " + std::to_string(answer->second.needed_by()) +
          " shards");
    }
  }
  if (!missing.empty()) doors_.say("the stop waits for " + missing);
}

void Leaving::HandOverAll(std::function<void(std::size_t unsettled)> then) {
  SumOverLoops(
      doors_.control, doors_.loops,
      [liveness = doors_.liveness](ShardLoop& loop) {
        std::size_t unsettled = 0;
        loop.ForEach([&](replica::Replica& replica) {
          if (replica.raft().role() != raft::Role::kPrimary && !replica.AwaitsSuccessor()) return;
          ++unsettled;
          replica.HandOver([&](NodeId node) { return !liveness->IsLeaving(node); }, loop.Now());
        });
        return unsettled;
      },
      then);
}

void AnswerLeave(env::Loop* control, env::Transport* transport, std::vector<ShardLoop*> loops,
                 NodeId leaver, std::uint64_t round) {
  SumOverLoops(
      control, loops,
      [leaver](ShardLoop& loop) {
        std::size_t needed_by = 0;
        loop.ForEach([&](replica::Replica& replica) { needed_by += replica.Needs(leaver); });
        return needed_by;
      },
      [transport, leaver, round](std::size_t needed_by) {
        proto::PeerMessage message;
        message.mutable_leave_answer()->set_needed_by(static_cast<std::uint32_t>(needed_by));
        message.mutable_leave_answer()->set_round(round);
        transport->Send(leaver, env::Lane::kLiveness, message.SerializeAsString());
      });
}

}  // namespace ringfort::node

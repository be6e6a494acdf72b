#include "tools/ctl/move_wait.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <set>
#include <utility>

#include "tools/cli/interrupt.h"
#include "tools/cli/numbers.h"
#include "tools/ctl/cluster_text.h"
#include "tools/ctl/progress.h"

namespace ringfort::ctl {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr milliseconds kPollInterval{200};
constexpr milliseconds kPollTimeout{5000};
// What is in the way for less time is not worth a line.
constexpr milliseconds kPasses{1000};
constexpr const char* kNoMetaGroup = "the meta group does not answer";

bool MayPass(const Status& status) {
  return status.code() == Code::kUnavailable || status.code() == Code::kDeadlineExceeded ||
         status.code() == Code::kOverloaded;
}

std::string NodeName(std::uint32_t node) {
  return "node " + std::to_string(node);
}

bool Touches(const MoveView& move, std::uint32_t node) {
  return Contains(move.from, node) || Contains(move.to, node);
}

std::size_t MovesOf(const ClusterStateView& state, std::uint32_t node) {
  return static_cast<std::size_t>(
      std::count_if(state.moves.begin(), state.moves.end(),
                    [node](const MoveView& move) { return Touches(move, node); }));
}

/// Whether the node's weighted share of all replicas is at least one.
bool HasAShare(const ClusterStateView& state, const NodeSummaryView& node) {
  std::uint64_t weights = 0;
  for (const NodeSummaryView& other : state.nodes) {
    if (other.node.state == NodeState::kActive) weights += other.node.weight;
  }
  const std::uint64_t replicas = std::uint64_t{state.shard_count} * state.replicas;
  return weights > 0 && replicas * node.node.weight >= weights;
}

/// Why moves do not go on, one line each.
std::set<std::string> ObstaclesIn(const ClusterStateView& state,
                                  const std::vector<MoveView>& moves) {
  std::set<std::string> lines;
  for (const MoveView& move : moves) {
    if (move.stuck.empty()) continue;
    lines.insert("shard " + ShardName(move.shard, state.shard_count) + " is stuck: " + move.stuck);
  }
  const bool waiting =
      std::any_of(moves.begin(), moves.end(), [](const MoveView& move) { return !move.begun; });
  if (state.paused && waiting) {
    lines.insert("moves are paused: none begins (ringfortctl rebalance --resume)");
  }
  return lines;
}

/// Says once what stands in the way. What passes at once is no obstacle.
class Obstacles {
 public:
  explicit Obstacles(Terminal& terminal) : terminal_(terminal) {}

  /// `now`: what stands in the way, seen since `since` if it is new.
  void Tell(const std::set<std::string>& now, Clock::time_point since, Progress* progress) {
    std::erase_if(known_, [&](const auto& each) { return !now.contains(each.first); });
    for (const std::string& line : now) {
      One& one = known_.try_emplace(line, One{since}).first->second;
      if (one.told || Clock::now() - one.since < kPasses) continue;
      progress->Clear();
      terminal_.err << line << std::endl;
      one.told = true;
    }
  }

 private:
  struct One {
    Clock::time_point since;
    bool told = false;
  };
  Terminal& terminal_;
  std::map<std::string, One> known_;
};

/// "node 4 is no longer being drained (ringfortctl events)" once it takes replicas again.
std::string TakenBack(const ClusterStateView& state, std::uint32_t node, const char* what) {
  const NodeSummaryView* found = FindNode(state, node);
  if (found == nullptr || found->node.state != NodeState::kActive) return "";
  return NodeName(node) + " is no longer being " + what + " (ringfortctl events)";
}

}  // namespace

WaitGoal Emptied(std::uint32_t node) {
  return {[node](const MoveView& move) { return Touches(move, node); },
          [node](const ClusterStateView& state) -> std::string {
            const NodeSummaryView* found = FindNode(state, node);
            if (found == nullptr || found->node.state == NodeState::kGone) return "";
            const std::size_t moves = MovesOf(state, node);
            const std::uint32_t held =
                std::max(found->replicas_planned, found->alive ? found->replicas : 0);
            if (held == 0 && moves == 0) return "";
            return NodeName(node) + " still holds " + Plural(held, "replica") + ", and " +
                   Plural(moves, "move") + " to or from it " + (moves == 1 ? "is" : "are") +
                   " not done";
          },
          [node](const ClusterStateView& state) { return TakenBack(state, node, "drained"); }};
}

WaitGoal Gone(std::uint32_t node) {
  return {[node](const MoveView& move) { return Touches(move, node); },
          [node](const ClusterStateView& state) -> std::string {
            const NodeSummaryView* found = FindNode(state, node);
            if (found == nullptr || found->node.state == NodeState::kGone) return "";
            return NodeName(node) + " is still a member, with " +
                   Plural(std::max(found->replicas, found->replicas_planned), "replica");
          },
          [node](const ClusterStateView& state) { return TakenBack(state, node, "removed"); }};
}

WaitGoal Settled(std::uint32_t node) {
  return {[node](const MoveView& move) { return Touches(move, node); },
          [node](const ClusterStateView& state) -> std::string {
            const NodeSummaryView* found = FindNode(state, node);
            if (found == nullptr || found->node.state == NodeState::kGone) {
              return NodeName(node) + " has not joined yet (start it)";
            }
            if (!found->alive) return NodeName(node) + " is dead (start it)";
            if (found->node.state != NodeState::kActive) {
              return NodeName(node) + " is " + StateName(found->node.state);
            }
            if (found->replicas_planned == 0 && HasAShare(state, *found)) {
              return "no replicas are planned for " + NodeName(node) +
                     " yet (ringfortctl rebalance plans them)";
            }
            if (found->replicas < found->replicas_planned || MovesOf(state, node) > 0) {
              return NodeName(node) + " holds " + std::to_string(found->replicas) + " of " +
                     Plural(found->replicas_planned, "replica");
            }
            return found->ready ? "" : "replicas on " + NodeName(node) + " have not caught up";
          },
          {},
          true};
}

WaitGoal NothingMoves() {
  return {[](const MoveView&) { return true; },
          [](const ClusterStateView& state) -> std::string {
            if (state.moves.empty()) return "";
            return Plural(state.moves.size(), "move") + (state.moves.size() == 1 ? " is" : " are") +
                   " not done";
          },
          {},
          true};
}

Result<std::string> WaitForMoves(Client& client, const WaitGoal& goal, const PlanView& plan,
                                 std::optional<milliseconds> limit, Terminal& terminal) {
  const Clock::time_point start = Clock::now();
  MoveTally tally(plan);
  Progress progress(terminal);
  Obstacles obstacles(terminal);
  const cli::Interrupt interrupt;
  std::string missing;
  const auto end = [&](Code code, const std::string& why) {
    progress.Clear();
    return Status(code, why + (missing.empty() ? "" : " " + missing) +
                            " (what was ordered goes on by itself; ringfortctl top shows it)");
  };
  while (true) {
    const Clock::time_point asked_at = Clock::now();
    milliseconds timeout = kPollTimeout;
    if (limit) {
      const auto left = std::chrono::ceil<milliseconds>(start + *limit - asked_at);
      timeout = std::clamp(left, milliseconds(1), kPollTimeout);
    }
    const Result<ClusterStateView> state = client.ClusterState({.timeout = timeout});
    if (!state.ok() && !MayPass(state.status())) return state.status();
    if (!state.ok()) {
      missing = std::string(kNoMetaGroup) + ": " + state.status().message();
      obstacles.Tell({std::string(kNoMetaGroup) + " (ringfortctl doctor says why)"}, asked_at,
                     &progress);
    } else if (state->map_version >= plan.map_version) {
      tally.Update(*state, goal.counts, Clock::now());
      missing = goal.missing(*state);
      if (missing.empty()) break;
      if (const std::string why = goal.given_up ? goal.given_up(*state) : ""; !why.empty()) {
        progress.Clear();
        return Status(Code::kConditionFailed, why);
      }
      std::vector<MoveView> moves;
      std::copy_if(state->moves.begin(), state->moves.end(), std::back_inserter(moves),
                   goal.counts);
      std::set<std::string> now = ObstaclesIn(*state, moves);
      const std::string first = now.empty() ? "" : "; " + *now.begin();
      if (moves.empty()) now.insert(missing);
      obstacles.Tell(now, asked_at, &progress);
      missing += first;
      if (tally.shards() > 0) progress.Show(MoveProgressLine(tally));
    }
    if (limit && Clock::now() + kPollInterval >= start + *limit) {
      return end(Code::kDeadlineExceeded, "after " + std::to_string(limit->count()) + " ms");
    }
    if (!interrupt.Wait(kPollInterval)) return end(Code::kUnavailable, "interrupted while");
  }
  progress.Clear();
  if (goal.all_must_move && tally.shards_taken_back() > 0) {
    return Status(Code::kConditionFailed, "cancelled: " + cli::CountText(tally.shards_done()) +
                                              " of " + Plural(tally.shards(), "shard") +
                                              " moved (ringfortctl events shows who did it)");
  }
  return MoveSummaryLine(tally, progress.elapsed());
}

}  // namespace ringfort::ctl

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

double PerSecond(std::uint64_t amount, milliseconds elapsed) {
  return static_cast<double>(amount) * 1000 /
         static_cast<double>(std::max<std::int64_t>(elapsed.count(), 1));
}

std::string RateText(std::uint64_t bytes, milliseconds elapsed) {
  return cli::BytesText(static_cast<std::uint64_t>(PerSecond(bytes, elapsed))) + "/s";
}

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

/// Says once why moves do not go on. What passes at once is no obstacle.
class Obstacles {
 public:
  explicit Obstacles(Terminal& terminal) : terminal_(terminal) {}

  void Tell(const ClusterStateView& state, const std::vector<MoveView>& moves, Progress* progress) {
    std::set<std::string> now;
    for (const MoveView& move : moves) {
      if (move.stuck.empty()) continue;
      now.insert("shard " + ShardName(move.shard, state.shard_count) + " is stuck: " + move.stuck);
    }
    const bool waiting =
        std::any_of(moves.begin(), moves.end(), [](const MoveView& move) { return !move.begun; });
    if (state.paused && waiting) {
      now.insert("moves are paused: none begins (ringfortctl rebalance --resume)");
    }
    std::erase_if(obstacles_, [&](const auto& each) { return !now.contains(each.first); });
    for (const std::string& line : now) {
      One& one = obstacles_.try_emplace(line, One{Clock::now()}).first->second;
      if (one.told || Clock::now() - one.since < kPasses) continue;
      progress->Clear();
      terminal_.err << line << std::endl;
      one.told = true;
    }
  }

  [[nodiscard]] std::string First() const {
    return obstacles_.empty() ? "" : "; " + obstacles_.begin()->first;
  }

 private:
  struct One {
    Clock::time_point since;
    bool told = false;
  };
  Terminal& terminal_;
  /// What stands in the way now, by what is said of it.
  std::map<std::string, One> obstacles_;
};

}  // namespace

MoveTally::MoveTally(const PlanView& plan) {
  for (const PlannedMoveView& move : plan.moves) by_shard_[move.shard].total_bytes += move.bytes;
}

void MoveTally::Update(const std::vector<MoveView>& moves) {
  for (auto& [shard, one] : by_shard_) one.done = true;
  for (const MoveView& move : moves) {
    One& one = by_shard_[move.shard];
    one.done = false;
    if (move.total_bytes > 0) one.total_bytes = move.total_bytes;
    one.sent_bytes = std::min(move.sent_bytes, one.total_bytes);
  }
  for (auto& [shard, one] : by_shard_) {
    if (one.done) one.sent_bytes = one.total_bytes;
  }
}

std::size_t MoveTally::shards_done() const {
  return static_cast<std::size_t>(std::count_if(by_shard_.begin(), by_shard_.end(),
                                                [](const auto& each) { return each.second.done; }));
}

std::uint64_t MoveTally::total_bytes() const {
  std::uint64_t bytes = 0;
  for (const auto& [shard, one] : by_shard_) bytes += one.total_bytes;
  return bytes;
}

std::uint64_t MoveTally::sent_bytes() const {
  std::uint64_t bytes = 0;
  for (const auto& [shard, one] : by_shard_) bytes += one.sent_bytes;
  return bytes;
}

std::string MoveProgressLine(const MoveTally& tally, std::uint64_t sent_before,
                             milliseconds elapsed) {
  const auto share = [](auto part, auto all) {
    return static_cast<double>(part) / static_cast<double>(std::max<decltype(all)>(all, 1));
  };
  const std::uint64_t total = tally.total_bytes();
  const std::uint64_t sent = tally.sent_bytes();
  // Of small shards the steps take the time, not the bytes.
  const bool by_bytes = total >= (std::uint64_t{1} << 20);
  const double part = by_bytes ? share(sent, total) : share(tally.shards_done(), tally.shards());
  std::string line = BarText(part) + "  " + cli::CountText(tally.shards_done()) + " of " +
                     Plural(tally.shards(), "shard") + "  " + cli::BytesText(sent) + " of " +
                     cli::BytesText(total) + "  ";
  const std::uint64_t since = sent - std::min(sent, sent_before);
  line += RateText(since, elapsed);
  if (since == 0 || !by_bytes) return line;
  const double left_ms = static_cast<double>(total - sent) * 1000 / PerSecond(since, elapsed);
  return line + "  " + cli::DurationText(milliseconds(static_cast<std::int64_t>(left_ms))) +
         " left";
}

std::string MoveSummaryLine(const MoveTally& tally, milliseconds elapsed) {
  return Plural(tally.shards(), "shard") + ", " + cli::BytesText(tally.total_bytes()) + " in " +
         cli::DurationText(elapsed) + " (" + RateText(tally.total_bytes(), elapsed) + ")";
}

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
          }};
}

WaitGoal Gone(std::uint32_t node) {
  return {[node](const MoveView& move) { return Touches(move, node); },
          [node](const ClusterStateView& state) -> std::string {
            const NodeSummaryView* found = FindNode(state, node);
            if (found == nullptr || found->node.state == NodeState::kGone) return "";
            return NodeName(node) + " is still a member, with " +
                   Plural(std::max(found->replicas, found->replicas_planned), "replica");
          }};
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
          }};
}

WaitGoal NothingMoves() {
  return {[](const MoveView&) { return true; },
          [](const ClusterStateView& state) -> std::string {
            if (state.moves.empty()) return "";
            return Plural(state.moves.size(), "move") + (state.moves.size() == 1 ? " is" : " are") +
                   " not done";
          }};
}

Result<std::string> WaitForMoves(Client& client, const WaitGoal& goal, const PlanView& plan,
                                 std::optional<milliseconds> limit, Terminal& terminal) {
  const Clock::time_point start = Clock::now();
  MoveTally tally(plan);
  std::optional<std::uint64_t> sent_before;
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
    milliseconds timeout = kPollTimeout;
    if (limit) {
      const auto left = std::chrono::ceil<milliseconds>(start + *limit - Clock::now());
      timeout = std::clamp(left, milliseconds(1), kPollTimeout);
    }
    const Result<ClusterStateView> state = client.ClusterState({.timeout = timeout});
    if (!state.ok() && !MayPass(state.status())) return state.status();
    if (!state.ok()) {
      missing = "the meta group does not answer: " + state.status().message();
    } else if (state->map_version >= plan.map_version) {
      std::vector<MoveView> moves;
      std::copy_if(state->moves.begin(), state->moves.end(), std::back_inserter(moves),
                   goal.counts);
      tally.Update(moves);
      if (!sent_before) sent_before = tally.sent_bytes();
      obstacles.Tell(*state, moves, &progress);
      missing = goal.missing(*state);
      if (missing.empty()) break;
      missing += obstacles.First();
      progress.Show(MoveProgressLine(tally, *sent_before, progress.elapsed()));
    }
    if (limit && Clock::now() + kPollInterval >= start + *limit) {
      return end(Code::kDeadlineExceeded, "after " + std::to_string(limit->count()) + " ms");
    }
    if (!interrupt.Wait(kPollInterval)) return end(Code::kUnavailable, "interrupted while");
  }
  progress.Clear();
  return MoveSummaryLine(tally, progress.elapsed());
}

}  // namespace ringfort::ctl

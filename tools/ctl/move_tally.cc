#include "tools/ctl/move_tally.h"

#include <algorithm>

#include "tools/cli/numbers.h"
#include "tools/ctl/cluster_text.h"
#include "tools/ctl/progress.h"

namespace ringfort::ctl {
namespace {

using std::chrono::milliseconds;

constexpr std::chrono::seconds kPaceOver{10};

bool SameNodes(NodeIds a, NodeIds b) {
  std::sort(a.begin(), a.end());
  std::sort(b.begin(), b.end());
  return a == b;
}

/// Where the map has the shard; null when nothing is known of it.
const NodeIds* PlaceOf(const ClusterStateView& state, std::uint32_t shard) {
  for (const ShardSummaryView& each : state.shards) {
    if (each.shard == shard) return &each.replicas;
  }
  return nullptr;
}

std::string RateText(double bytes_per_second) {
  return cli::BytesText(static_cast<std::uint64_t>(bytes_per_second)) + "/s";
}

}  // namespace

void Pace::Look(std::uint64_t amount, Clock::time_point now) {
  // What is begun anew has another pace.
  if (!seen_.empty() && amount < seen_.back().second) seen_.clear();
  seen_.emplace_back(now, amount);
  while (now - seen_.front().first > kPaceOver) seen_.pop_front();
}

double Pace::per_second() const {
  if (seen_.empty() || seen_.back().first <= seen_.front().first) return 0;
  const std::chrono::duration<double> elapsed = seen_.back().first - seen_.front().first;
  return static_cast<double>(seen_.back().second - seen_.front().second) / elapsed.count();
}

MoveTally::MoveTally(const PlanView& plan) {
  for (const PlannedMoveView& move : plan.moves) {
    by_shard_[move.shard] = {.to = move.to, .planned_bytes = move.bytes};
  }
}

void MoveTally::Update(const ClusterStateView& state,
                       const std::function<bool(const MoveView&)>& counts,
                       Pace::Clock::time_point now) {
  std::map<std::uint32_t, const MoveView*> listed;
  for (const MoveView& move : state.moves) listed[move.shard] = &move;
  std::erase_if(by_shard_, [&](const auto& each) {
    const auto found = listed.find(each.first);
    // It has another aim by now, and is another change's.
    return each.second.stage != Stage::kDone && found != listed.end() && !counts(*found->second);
  });
  for (auto& [shard, one] : by_shard_) {
    if (one.stage == Stage::kDone || listed.contains(shard)) continue;
    const NodeIds* place = PlaceOf(state, shard);
    one.stage = place == nullptr || SameNodes(*place, one.to) ? Stage::kDone : Stage::kTakenBack;
    if (one.stage == Stage::kDone) one.sent_bytes = one.total_bytes();
  }
  bool moves = false;
  for (const MoveView& move : state.moves) {
    if (!counts(move)) continue;
    const NodeIds* place = PlaceOf(state, move.shard);
    UpdateMoving(move, place == nullptr ? NodeIds() : *place);
    moves = true;
  }
  if (!moves) {
    bytes_pace_.Reset();
    shards_pace_.Reset();
  }
  bytes_pace_.Look(sent_bytes(), now);
  shards_pace_.Look(shards_done(), now);
}

void MoveTally::UpdateMoving(const MoveView& move, const NodeIds& place) {
  One& one = by_shard_[move.shard];
  one.stage = Stage::kMoves;
  // One that goes back to where it stands has not got where it was to go.
  if (one.to.empty() || !SameNodes(move.to, place)) one.to = move.to;
  one.told_bytes = std::max(one.told_bytes, move.total_bytes);
  one.sent_bytes = std::min(move.sent_bytes, one.total_bytes());
}

std::size_t MoveTally::CountOf(Stage stage) const {
  return static_cast<std::size_t>(
      std::count_if(by_shard_.begin(), by_shard_.end(),
                    [stage](const auto& each) { return each.second.stage == stage; }));
}

std::uint64_t MoveTally::total_bytes() const {
  std::uint64_t bytes = 0;
  for (const auto& [shard, one] : by_shard_) bytes += one.total_bytes();
  return bytes;
}

std::uint64_t MoveTally::sent_bytes() const {
  std::uint64_t bytes = 0;
  for (const auto& [shard, one] : by_shard_) bytes += one.sent_bytes;
  return bytes;
}

std::string MoveProgressLine(const MoveTally& tally) {
  const std::uint64_t total_bytes = tally.total_bytes();
  const std::uint64_t sent_bytes = tally.sent_bytes();
  // Of small shards the steps take the time, not the bytes.
  const bool by_bytes = total_bytes >= (std::uint64_t{1} << 20);
  const auto total = static_cast<double>(by_bytes ? total_bytes : tally.shards());
  const auto done = static_cast<double>(by_bytes ? sent_bytes : tally.shards_done());
  const double pace = (by_bytes ? tally.bytes_pace() : tally.shards_pace()).per_second();
  std::string line = BarText(done / std::max(total, 1.0)) + "  " +
                     cli::CountText(tally.shards_done()) + " of " +
                     Plural(tally.shards(), "shard") + "  " + cli::BytesText(sent_bytes) + " of " +
                     cli::BytesText(total_bytes) + "  " + RateText(tally.bytes_pace().per_second());
  if (pace <= 0) return line;
  const double left_ms = (total - done) * 1000 / pace;
  return line + "  " + cli::DurationText(milliseconds(static_cast<std::int64_t>(left_ms))) +
         " left";
}

std::string MoveSummaryLine(const MoveTally& tally, milliseconds elapsed) {
  const auto elapsed_ms = static_cast<double>(std::max<std::int64_t>(elapsed.count(), 1));
  return Plural(tally.shards(), "shard") + ", " + cli::BytesText(tally.total_bytes()) + " in " +
         cli::DurationText(elapsed) + " (" +
         RateText(static_cast<double>(tally.total_bytes()) * 1000 / elapsed_ms) + ")";
}

}  // namespace ringfort::ctl

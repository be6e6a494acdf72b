#include "tools/ctl/top.h"

#include <algorithm>
#include <sstream>
#include <utility>
#include <vector>

#include "tools/cli/errors.h"
#include "tools/cli/numbers.h"
#include "tools/ctl/cluster_text.h"
#include "tools/ctl/progress.h"
#include "tools/ctl/screen.h"
#include "tools/ctl/text_table.h"

namespace ringfort::ctl {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kNodeBarWidth = 8;
constexpr std::size_t kMovesShown = 12;
constexpr std::size_t kBusiestShown = 8;

/// "██▌      12": a bar of fixed width, and what it stands for.
std::string BarCell(std::uint64_t part, std::uint64_t most, const std::string& text) {
  const std::string bar = BlockBar(part, most, kNodeBarWidth);
  return bar + std::string(kNodeBarWidth - WidthOf(bar), ' ') + " " + text;
}

/// Without those that are gone.
std::vector<NodeSummaryView> MembersOf(const ClusterStateView& state) {
  std::vector<NodeSummaryView> members = state.nodes;
  std::erase_if(members, [](const auto& node) { return node.node.state == NodeState::kGone; });
  return members;
}

void PrintCluster(const ClusterStateView& state, std::ostream& out) {
  const auto begun = static_cast<std::size_t>(std::count_if(
      state.moves.begin(), state.moves.end(), [](const MoveView& move) { return move.begun; }));
  const std::vector<NodeSummaryView> members = MembersOf(state);
  const auto alive = std::count_if(members.begin(), members.end(),
                                   [](const NodeSummaryView& node) { return node.alive; });
  // What changes comes first: a narrow terminal cuts the rest.
  out << (state.paused ? "PAUSED   " : "");
  if (state.moves.empty()) {
    out << "nothing moves";
  } else {
    out << begun << " moving, " << state.moves.size() - begun << " waiting";
  }
  out << "   " << alive << " of " << Plural(members.size(), "node") << " alive   cluster "
      << state.cluster_name << "   map " << state.map_version << "   meta group led by "
      << state.meta_primary << " of " << IdsText(state.meta_voters) << "   " << state.shard_count
      << " shards x " << state.replicas << "\n\n";
}

void PrintNodes(const ClusterStateView& state, std::ostream& out) {
  const std::vector<NodeSummaryView> members = MembersOf(state);
  NodeSummaryView most;
  for (const NodeSummaryView& node : members) {
    most.primaries = std::max(most.primaries, node.primaries);
    most.replicas = std::max(most.replicas, node.replicas);
    most.data_bytes = std::max(most.data_bytes, node.data_bytes);
    most.load = std::max(most.load, node.load);
  }
  TextTable table({">node", "zone", "state", "primaries", "replicas", "data", "load", ">free"});
  for (const NodeSummaryView& node : members) {
    const auto load = [](const NodeSummaryView& of) {
      return static_cast<std::uint64_t>(std::max<std::int64_t>(of.load.count(), 0));
    };
    table.Add({std::to_string(node.node.id), node.node.zone,
               node.alive ? StateName(node.node.state) : "dead",
               BarCell(node.primaries, most.primaries, std::to_string(node.primaries)),
               BarCell(node.replicas, most.replicas, std::to_string(node.replicas)),
               BarCell(node.data_bytes, most.data_bytes, cli::BytesText(node.data_bytes)),
               BarCell(load(node), load(most), LoadText(node.load)),
               cli::BytesText(node.disk_free_bytes)});
  }
  table.Print(out);
}

/// "[####----] 48 %  12.3 MB of 40.0 MB  3.1 s left", as far as that is known.
std::string HowFar(const MoveView& move, double bytes_per_second) {
  if (!move.begun) return "waits for its turn";
  if (move.total_bytes == 0) return move.stage;
  const std::uint64_t sent = std::min(move.sent_bytes, move.total_bytes);
  std::string text = BarText(static_cast<double>(sent) / static_cast<double>(move.total_bytes)) +
                     "  " + cli::BytesText(sent) + " of " + cli::BytesText(move.total_bytes);
  if (bytes_per_second <= 0) return text;
  const double left_ms = static_cast<double>(move.total_bytes - sent) * 1000 / bytes_per_second;
  return text + "  " +
         cli::DurationText(std::chrono::milliseconds(static_cast<std::int64_t>(left_ms))) + " left";
}

void PrintMoves(const ClusterStateView& state, const MoveRates& rates, std::ostream& out) {
  if (state.moves.empty()) return;
  TextTable table({">shard", "from", "to", "why", "how far"});
  for (std::size_t i = 0; i < state.moves.size() && i < kMovesShown; ++i) {
    const MoveView& move = state.moves[i];
    table.Add({ShardName(move.shard, state.shard_count), IdsText(move.from), IdsText(move.to),
               CauseName(move.cause), HowFar(move, rates.Of(move.shard))});
    if (!move.stuck.empty()) table.AddNote("stuck: " + move.stuck);
  }
  out << "\n";
  table.Print(out);
  if (state.moves.size() > kMovesShown) {
    out << "and " << cli::CountText(state.moves.size() - kMovesShown) << " more moves\n";
  }
}

/// The shards that cost most, the busiest first; none that costs nothing.
std::vector<ShardSummaryView> Busiest(const ClusterStateView& state) {
  std::vector<ShardSummaryView> shards = state.shards;
  std::erase_if(shards, [](const ShardSummaryView& shard) { return shard.load.count() <= 0; });
  std::sort(shards.begin(), shards.end(), [](const auto& a, const auto& b) {
    return std::pair(b.load, a.shard) < std::pair(a.load, b.shard);
  });
  if (shards.size() > kBusiestShown) shards.resize(kBusiestShown);
  return shards;
}

void PrintBusiest(const ClusterStateView& state, std::ostream& out) {
  const std::vector<ShardSummaryView> busiest = Busiest(state);
  if (busiest.empty()) return;
  TextTable table({">busiest shard", ">primary", ">load", ">data"});
  for (const ShardSummaryView& shard : busiest) {
    table.Add({ShardName(shard.shard, state.shard_count),
               shard.primary == 0 ? "none" : std::to_string(shard.primary), LoadText(shard.load),
               cli::BytesText(shard.data_bytes)});
  }
  out << "\n";
  table.Print(out);
}

Json TopJson(const ClusterStateView& state) {
  Json json = {{"cluster",
                {{"name", state.cluster_name},
                 {"id", state.cluster_id},
                 {"map_version", state.map_version},
                 {"shards", state.shard_count},
                 {"replicas", state.replicas},
                 {"meta_primary", state.meta_primary},
                 {"meta_voters", state.meta_voters},
                 {"paused", state.paused}}},
               {"nodes", Json::array()},
               {"moves", Json::array()},
               {"busiest", Json::array()}};
  for (const NodeSummaryView& node : state.nodes) json["nodes"].push_back(NodeSummaryJson(node));
  for (const MoveView& move : state.moves) {
    json["moves"].push_back(MoveJson(move, state.shard_count));
  }
  for (const ShardSummaryView& shard : Busiest(state)) {
    json["busiest"].push_back({{"shard", ShardJson(shard.shard, state.shard_count)},
                               {"primary", shard.primary},
                               {"load_ns", shard.load.count()},
                               {"data_bytes", shard.data_bytes}});
  }
  return json;
}

/// Until Ctrl-C.
void Refresh(Client& client, std::chrono::milliseconds interval, ClusterStateView first,
             Terminal& terminal) {
  Screen screen(terminal.out);
  MoveRates rates;
  rates.Look(first, Clock::now());
  std::string text = TopText(first, rates);
  screen.Draw(text);
  while (screen.Wait(interval)) {
    const Result<ClusterStateView> state = client.ClusterState();
    if (state.ok()) {
      rates.Look(*state, Clock::now());
      text = TopText(*state, rates);
      screen.Draw(text);
    } else {
      screen.Draw("the meta group does not answer: " + state.status().message() +
                  "\nas it was before:\n" + text);
    }
  }
}

}  // namespace

void MoveRates::Look(const ClusterStateView& state, Clock::time_point now) {
  std::map<std::uint32_t, Seen> seen;
  for (const MoveView& move : state.moves) {
    Seen& one = seen[move.shard];
    one = {move.sent_bytes, now, 0};
    const auto before = by_shard_.find(move.shard);
    if (before == by_shard_.end() || now <= before->second.at) continue;
    const std::chrono::duration<double> elapsed = now - before->second.at;
    const std::uint64_t sent =
        move.sent_bytes - std::min(move.sent_bytes, before->second.sent_bytes);
    one.bytes_per_second = static_cast<double>(sent) / elapsed.count();
  }
  by_shard_ = std::move(seen);
}

double MoveRates::Of(std::uint32_t shard) const {
  const auto found = by_shard_.find(shard);
  return found == by_shard_.end() ? 0 : found->second.bytes_per_second;
}

std::string TopText(const ClusterStateView& state, const MoveRates& rates) {
  std::ostringstream out;
  PrintCluster(state, out);
  PrintNodes(state, out);
  PrintMoves(state, rates, out);
  PrintBusiest(state, out);
  return out.str();
}

int RunTop(const cli::CommandLine& line, Client& client, Terminal& terminal) {
  Result<ClusterStateView> state = client.ClusterState();
  if (!state.ok()) return cli::Fail(terminal.err, "top", state.status());
  if (line.Text("format") == "json") {
    terminal.out << Dumped(TopJson(*state));
  } else if (line.Switch("once") || !terminal.out_is_terminal) {
    terminal.out << TopText(*state, MoveRates());
  } else {
    Refresh(client, line.Duration("interval"), std::move(state).value(), terminal);
  }
  return cli::kDone;
}

}  // namespace ringfort::ctl

#include "tools/ctl/ordered_change.h"

#include "tools/cli/errors.h"
#include "tools/ctl/cluster_text.h"
#include "tools/ctl/plan_output.h"

namespace ringfort::ctl {
namespace {

/// To be said of a plan whose moves may not begin.
std::string PausedText(Client& client, const PlanView& plan) {
  if (plan.moves.empty()) return "";
  const Result<ClusterStateView> state = client.ClusterState();
  return state.ok() && state->paused ? ", but moves are paused (ringfortctl rebalance --resume)"
                                     : "";
}

}  // namespace

std::vector<cli::Flag> WaitFlags() {
  return {{.name = "wait",
           .kind = cli::FlagKind::kSwitch,
           .help = "until it is carried out; to interrupt the wait stops no move"},
          {.name = "timeout",
           .kind = cli::FlagKind::kDuration,
           .help = "for each request (default 5s), and for the whole wait (default: no limit)"}};
}

std::optional<std::chrono::milliseconds> WaitLimit(const cli::CommandLine& line) {
  if (!line.Has("timeout")) return std::nullopt;
  return line.Duration("timeout");
}

int FinishChange(const cli::CommandLine& line, Client& client, Terminal& terminal,
                 const OrderedChange& change, const Result<PlanView>& plan) {
  if (!plan.ok()) return FailChange(terminal, change.what, plan.status());
  // The change is made: without the map, the meta group stands under its number.
  const Result<ClusterView> map = client.Map();
  const auto shard_count = map.ok() ? static_cast<std::uint32_t>(map->shards.size()) : UINT32_MAX;
  const bool dry_run = line.Switch("dry-run");
  const bool as_json = line.Text("format") == "json";
  if (!as_json && dry_run) {
    std::vector<std::uint32_t> emptied = map.ok() ? DrainingIn(*map) : NodeIds();
    emptied.insert(emptied.end(), change.emptied.begin(), change.emptied.end());
    PrintPlan(*plan, shard_count, emptied, terminal.out);
  }
  if (!as_json && !dry_run) {
    terminal.out << change.done << ": " << PlanSummary(*plan) << PausedText(client, *plan)
                 << std::endl;
  }
  std::string summary;
  if (line.Switch("wait") && !dry_run) {
    Result<std::string> waited =
        WaitForMoves(client, change.goal, *plan, WaitLimit(line), terminal);
    if (!waited.ok()) return cli::Fail(terminal.err, change.what, waited.status());
    summary = *std::move(waited);
  }
  if (as_json) {
    Json json = PlanJson(*plan, shard_count);
    json["dry_run"] = dry_run;
    json["waited"] = !summary.empty();
    terminal.out << Dumped(json);
  } else if (!summary.empty()) {
    terminal.out << "done: " << summary << "\n";
  }
  return cli::kDone;
}

}  // namespace ringfort::ctl

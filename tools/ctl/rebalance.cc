#include "tools/ctl/rebalance.h"

#include <array>
#include <string>

#include "ringfort/admin.h"
#include "tools/cli/errors.h"
#include "tools/ctl/cluster_text.h"
#include "tools/ctl/ordered_change.h"
#include "tools/ctl/plan_output.h"

namespace ringfort::ctl {
namespace {

struct Action {
  /// Null: without a flag.
  const char* flag;
  RebalanceAction action;
  const char* done;
};
constexpr std::array<Action, 5> kActions = {{
    {nullptr, RebalanceAction::kStart, "rebalancing"},
    {"dry-run", RebalanceAction::kDryRun, ""},
    {"pause", RebalanceAction::kPause, "paused: no further move begins"},
    {"resume", RebalanceAction::kResume, "resumed"},
    {"cancel", RebalanceAction::kCancel, "cancelled: what has begun goes back where that is safe"},
}};

/// The one that the flags ask for; kInvalidArgument when they ask for two.
Result<Action> ActionOf(const cli::CommandLine& line) {
  Action chosen = kActions[0];
  for (const Action& each : kActions) {
    if (each.flag == nullptr || !line.Switch(each.flag)) continue;
    if (chosen.flag != nullptr) {
      return Status(Code::kInvalidArgument, std::string("--") + chosen.flag + " and --" +
                                                each.flag + " exclude each other (give one)");
    }
    chosen = each;
  }
  const bool nothing_to_wait_for =
      chosen.action == RebalanceAction::kDryRun || chosen.action == RebalanceAction::kPause;
  if (line.Switch("wait") && nothing_to_wait_for) {
    return Status(Code::kInvalidArgument, std::string("--") + chosen.flag +
                                              " moves nothing that --wait could wait for (give one "
                                              "of the two)");
  }
  return chosen;
}

}  // namespace

int RunPlan(const cli::CommandLine& line, Client& client, Terminal& terminal) {
  const Result<PlanView> plan = client.Rebalance(RebalanceAction::kDryRun);
  if (!plan.ok()) return cli::Fail(terminal.err, "plan", plan.status());
  const Result<ClusterView> map = client.Map();
  if (!map.ok()) return cli::Fail(terminal.err, "plan", map.status());
  const auto shard_count = static_cast<std::uint32_t>(map->shards.size());
  if (line.Text("format") == "json") {
    terminal.out << Dumped(PlanJson(*plan, shard_count));
  } else {
    PrintPlan(*plan, shard_count, DrainingIn(*map), terminal.out);
  }
  return cli::kDone;
}

int RunRebalance(const cli::CommandLine& line, Client& client, Terminal& terminal) {
  const Result<Action> action = ActionOf(line);
  if (!action.ok()) return cli::Fail(terminal.err, "rebalance", action.status());
  return FinishChange(line, client, terminal,
                      {.what = "rebalance", .done = action->done, .goal = NothingMoves()},
                      client.Rebalance(action->action));
}

}  // namespace ringfort::ctl

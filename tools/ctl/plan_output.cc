#include "tools/ctl/plan_output.h"

#include "tools/cli/errors.h"
#include "tools/cli/numbers.h"
#include "tools/ctl/cluster_text.h"
#include "tools/ctl/text_table.h"

namespace ringfort::ctl {

std::string PlanSummary(const PlanView& plan) {
  std::string text = "nothing more to move";
  if (!plan.moves.empty()) {
    std::uint64_t bytes = 0;
    for (const PlannedMoveView& move : plan.moves) bytes += move.bytes;
    text = Plural(plan.moves.size(), "shard") + (plan.moves.size() == 1 ? " moves, " : " move, ") +
           cli::BytesText(bytes) + " to copy";
  }
  if (plan.transfers != 0) {
    text += plan.transfers == 1
                ? ", 1 primary is handed over"
                : ", " + cli::CountText(plan.transfers) + " primaries are handed over";
  }
  if (plan.taken_back != 0) {
    text += ", " + Plural(plan.taken_back, "move") +
            (plan.taken_back == 1 ? " is taken back" : " are taken back");
  }
  for (const MovesOfCauseView& left : plan.left_alone) {
    text += ", " + Plural(left.moves, "move") + " for " + std::string(CauseName(left.cause)) +
            (left.moves == 1 ? " goes on" : " go on");
  }
  return text;
}

void PrintPlan(const PlanView& plan, std::uint32_t shard_count,
               const std::vector<std::uint32_t>& emptied, std::ostream& out) {
  out << PlanSummary(plan) << "\n";
  if (plan.moves.empty()) return;
  TextTable table({">shard", "from", "to", ">bytes", "why"});
  for (const PlannedMoveView& move : plan.moves) {
    table.Add({ShardName(move.shard, shard_count), IdsText(move.from), IdsText(move.to),
               cli::BytesText(move.bytes), CauseText(move.cause, move.from, move.to, emptied)});
  }
  table.Print(out);
}

Json PlanJson(const PlanView& plan, std::uint32_t shard_count) {
  Json json = {{"map_version", plan.map_version},
               {"transfers", plan.transfers},
               {"taken_back", plan.taken_back},
               {"left_alone", Json::array()},
               {"moves", Json::array()}};
  for (const MovesOfCauseView& left : plan.left_alone) {
    json["left_alone"].push_back({{"cause", CauseName(left.cause)}, {"moves", left.moves}});
  }
  for (const PlannedMoveView& move : plan.moves) {
    json["moves"].push_back({{"shard", ShardJson(move.shard, shard_count)},
                             {"from", move.from},
                             {"to", move.to},
                             {"cause", CauseName(move.cause)},
                             {"bytes", move.bytes}});
  }
  return json;
}

int FailChange(Terminal& terminal, std::string_view what, Status status) {
  if (status.effect() != Effect::kUnknown) return cli::Fail(terminal.err, what, status);
  return cli::Fail(
      terminal.err, what,
      {status.code(), status.message() + "; whether the change was made is not known (ringfortctl"
                                         " events shows it; to repeat it is safe)"});
}

}  // namespace ringfort::ctl

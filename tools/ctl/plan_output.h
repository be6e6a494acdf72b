// What a change of the cluster moves, or would move, as text and as JSON; and how one fails.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "ringfort/admin.h"
#include "tools/ctl/json_bytes.h"
#include "tools/ctl/terminal.h"

namespace ringfort::ctl {

/// "12 shards move, 1.2 GB to copy, 4 primaries are handed over"; "nothing more to move".
std::string PlanSummary(const PlanView& plan);
/// The summary, and a row for each move with the reason. `emptied`: the nodes that the plan
/// empties.
void PrintPlan(const PlanView& plan, std::uint32_t shard_count,
               const std::vector<std::uint32_t>& emptied, std::ostream& out);
/// {"map_version": N, "transfers": N, "moves": [...]}
Json PlanJson(const PlanView& plan, std::uint32_t shard_count);

/// As cli::Fail, for a change of the cluster that may have been made.
int FailChange(Terminal& terminal, std::string_view what, Status status);

}  // namespace ringfort::ctl

// ringfortctl ring: who owns how much, as a bar for each node, and what moves.
#pragma once

#include <cstdint>
#include <ostream>
#include <vector>

#include "ringfort/client.h"
#include "tools/cli/command_line.h"
#include "tools/ctl/json_bytes.h"
#include "tools/ctl/terminal.h"
#include "tools/survey/survey.h"

namespace ringfort::ctl {

/// What one node owns, by the map and as it stands now.
struct Ownership {
  NodeView node;
  bool up = false;
  /// Shards whose placement names it first.
  std::size_t preferred = 0;
  /// Shards whose placement names it at all.
  std::size_t replicas = 0;
  /// Shards that it leads now.
  std::size_t primaries = 0;
  /// Shards whose move gives it a replica, or takes its own.
  std::size_t arriving = 0;
  std::size_t leaving = 0;
};

std::vector<Ownership> OwnershipOf(const survey::Survey& survey);

Json RingJson(const survey::Survey& survey);
void PrintRing(const survey::Survey& survey, std::ostream& out);

int RunRing(const cli::CommandLine& line, Client& client, Terminal& terminal);

}  // namespace ringfort::ctl

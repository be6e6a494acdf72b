// ringfortctl top: the cluster at a glance: nodes, moves, the busiest shards; on a terminal again
// and again.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>

#include "ringfort/admin.h"
#include "ringfort/client.h"
#include "tools/cli/command_line.h"
#include "tools/ctl/terminal.h"

namespace ringfort::ctl {

/// How fast each move sends, from one look to the next.
class MoveRates {
 public:
  void Look(const ClusterStateView& state, std::chrono::steady_clock::time_point now);
  /// In bytes a second; 0 while it is not known.
  [[nodiscard]] double Of(std::uint32_t shard) const;

 private:
  struct Seen {
    std::uint64_t sent_bytes = 0;
    std::chrono::steady_clock::time_point at;
    double bytes_per_second = 0;
  };
  std::map<std::uint32_t, Seen> by_shard_;
};

std::string TopText(const ClusterStateView& state, const MoveRates& rates);

int RunTop(const cli::CommandLine& line, Client& client, Terminal& terminal);

}  // namespace ringfort::ctl

// ringfortctl shards: what each shard holds, is asked for and costs; and which of its keys are hot.
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

/// A shard and the load of all its replicas together.
struct ShardLoad {
  survey::ShardReport shard;
  /// Of the replica that is behind most.
  std::uint64_t lag = 0;
  /// Of the largest replica.
  std::uint64_t data_bytes = 0;
  double reads_per_second = 0;
  double writes_per_second = 0;
  /// In and out.
  double bytes_per_second = 0;
  /// Of one core, of event loops and of blocking pools: 1 is all of it.
  double busy = 0;
  /// Of the replica that is asked most; the hottest first.
  std::vector<HotKeyView> hot_keys = {};
};

/// By shard, or with `hot` the busiest first; at most `limit` of them.
std::vector<ShardLoad> LoadsOf(const survey::Survey& survey, bool hot, std::size_t limit);

Json ShardsJson(const std::vector<ShardLoad>& loads, bool hot);
void PrintShards(const std::vector<ShardLoad>& loads, std::ostream& out);

int RunShards(const cli::CommandLine& line, Client& client, Terminal& terminal);

}  // namespace ringfort::ctl

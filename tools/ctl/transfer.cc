#include "tools/ctl/transfer.h"

#include <algorithm>
#include <chrono>
#include <string>
#include <thread>

#include "ringfort/admin.h"
#include "tools/cli/errors.h"
#include "tools/ctl/cluster_text.h"
#include "tools/ctl/key_words.h"
#include "tools/ctl/node_words.h"
#include "tools/ctl/plan_output.h"

namespace ringfort::ctl {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr milliseconds kPollInterval{100};

/// Ok once the meta group's primary has heard that `node` leads the shard.
Status WaitForPrimary(Client& client, std::uint32_t shard, std::uint32_t node, milliseconds limit) {
  const Clock::time_point deadline = Clock::now() + limit;
  while (true) {
    const auto left = std::chrono::ceil<milliseconds>(deadline - Clock::now());
    const Result<ClusterStateView> state =
        client.ClusterState({.timeout = std::max(left, milliseconds(1))});
    if (!state.ok()) return state.status();
    std::string now = "the meta group does not know who leads it";
    for (const ShardSummaryView& each : state->shards) {
      if (each.shard != shard || each.primary == 0) continue;
      if (each.primary == node) return {};
      now = "node " + std::to_string(each.primary) + " leads it";
    }
    if (Clock::now() + kPollInterval >= deadline) {
      return {Code::kDeadlineExceeded,
              "after " + std::to_string(limit.count()) + " ms " + now +
                  "; the order stands, and is carried out once node " + std::to_string(node) +
                  " has caught up (ringfortctl shard " + ShardName(shard, state->shard_count) +
                  " shows whether it has)"};
    }
    std::this_thread::sleep_for(kPollInterval);
  }
}

}  // namespace

int RunTransfer(const cli::CommandLine& line, Client& client, Terminal& terminal) {
  const std::string what = WhatOf(line);
  const Result<std::uint32_t> node = NodeWord(line.words()[1]);
  if (!node.ok()) return cli::Fail(terminal.err, what, node.status());
  const Result<ClusterView> map = client.Map();
  if (!map.ok()) return cli::Fail(terminal.err, what, map.status());
  const auto shard_count = static_cast<std::uint32_t>(map->shards.size());
  const Result<std::uint32_t> shard = ShardWord(line.words()[0], shard_count);
  if (!shard.ok()) return cli::Fail(terminal.err, what, shard.status());

  const bool waits = line.Switch("wait");
  Status status = client.TransferPrimary(*shard, *node);
  if (!status.ok()) return FailChange(terminal, what, status);
  if (waits) status = WaitForPrimary(client, *shard, *node, line.Duration("timeout"));
  if (!status.ok()) return cli::Fail(terminal.err, what, status);
  if (line.Text("format") == "json") {
    terminal.out << Dumped(
        {{"shard", ShardJson(*shard, shard_count)}, {"node", *node}, {"waited", waits}});
  } else {
    terminal.out << "node " << *node << (waits ? " leads shard " : " shall lead shard ")
                 << ShardName(*shard, shard_count) << "\n";
  }
  return cli::kDone;
}

}  // namespace ringfort::ctl

// ringfort-bench failover: the time without writes after kill -9, over many kills.
#include <algorithm>
#include <chrono>
#include <iostream>
#include <nlohmann/json.hpp>
#include <tuple>
#include <utility>
#include <vector>

#include "tools/bench/cluster_script.h"
#include "tools/bench/probe.h"
#include "tools/bench/write_probe.h"
#include "tools/cli/cluster_flags.h"
#include "tools/cli/errors.h"
#include "tools/cli/numbers.h"
#include "tools/survey/survey.h"

namespace ringfort::bench {
namespace {

constexpr const char* kDefinition =
    "the longest time, of any shard, from the end of its last successful write before the kill to "
    "the end"
    " of its next one";
constexpr std::chrono::milliseconds kRecoveryLimit{30'000};
constexpr std::chrono::milliseconds kCatchUpLimit{120'000};

struct Kill {
  std::uint32_t node = 0;
  std::size_t primaries = 0;
  double gap_ms = 0;
};

std::pair<std::uint32_t, std::size_t> BusiestNode(const survey::Survey& survey) {
  std::pair<std::uint32_t, std::size_t> busiest{0, 0};
  for (const survey::NodeReport& report : survey.nodes) {
    const std::size_t primaries = survey.primaries_of(report.node.id);
    if (primaries > busiest.second) busiest = {report.node.id, primaries};
  }
  return busiest;
}

/// Waits until all is well, kills, waits until every shard takes writes, and starts the node again.
Result<Kill> KillOnce(const std::string& script, Client& client, WriteProbe& probe) {
  const Result<survey::Survey> before =
      survey::Wait(client, kCatchUpLimit, survey::MissingReplicas);
  if (!before.ok()) return before.status();
  Kill kill;
  std::tie(kill.node, kill.primaries) = BusiestNode(*before);
  // Every shard's gap under way begins with a write of the whole cluster.
  const Result<WriteProbe::Clock::duration> flowing =
      probe.Recovered(WriteProbe::Clock::now(), kRecoveryLimit);
  if (!flowing.ok()) return flowing.status();
  probe.BeginWindow();
  if (Status status = RunClusterScript(script, "kill", kill.node); !status.ok()) return status;
  const Result<WriteProbe::Clock::duration> gap =
      probe.Recovered(WriteProbe::Clock::now(), kRecoveryLimit);
  if (!gap.ok()) return gap.status();
  kill.gap_ms = std::chrono::duration<double, std::milli>(*gap).count();
  if (Status status = RunClusterScript(script, "restart", kill.node); !status.ok()) return status;
  const Result<survey::Survey> after = survey::Wait(client, kCatchUpLimit, survey::MissingReplicas);
  if (!after.ok()) return after.status();
  return kill;
}

/// The smallest gap that at least `part` of the kills do not exceed.
double Percentile(const std::vector<double>& sorted, double part) {
  const auto rank = static_cast<std::size_t>(part * static_cast<double>(sorted.size()));
  return sorted[std::min(rank, sorted.size() - 1)];
}

void Print(const cli::CommandLine& line, const std::vector<Kill>& kills,
           const ErrorCounts& errors) {
  std::vector<double> gaps;
  for (const Kill& kill : kills) gaps.push_back(kill.gap_ms);
  std::sort(gaps.begin(), gaps.end());
  const double median = Percentile(gaps, 0.5);
  const double p99 = Percentile(gaps, 0.99);
  if (line.Text("format") == "json") {
    nlohmann::ordered_json json = {{"definition", kDefinition},
                                   {"kills", nlohmann::ordered_json::array()},
                                   {"min_ms", gaps.front()},
                                   {"median_ms", median},
                                   {"p99_ms", p99},
                                   {"max_ms", gaps.back()},
                                   {"failed", nlohmann::ordered_json::object()}};
    for (const Kill& kill : kills) {
      json["kills"].push_back(
          {{"node", kill.node}, {"primaries", kill.primaries}, {"gap_ms", kill.gap_ms}});
    }
    for (const auto& [kind, count] : errors) json["failed"][kind] = count;
    std::cout << json.dump(2) << "\n";
    return;
  }
  std::cout << kills.size() << " kills; until every shard took writes again: min "
            << cli::FixedText(gaps.front(), 1) << " ms, median " << cli::FixedText(median, 1)
            << " ms, p99 " << cli::FixedText(p99, 1) << " ms, max "
            << cli::FixedText(gaps.back(), 1) << " ms\nfailed writes: " << ErrorText(errors)
            << "\n";
}

}  // namespace

int RunFailover(const cli::CommandLine& line) {
  Result<Client> client = Client::Connect(cli::OptionsOf(line));
  if (!client.ok()) return cli::Fail(std::cerr, "failover", client.status());
  const Result<survey::Survey> survey =
      survey::Wait(*client, kCatchUpLimit, survey::MissingReplicas);
  if (!survey.ok()) return cli::Fail(std::cerr, "failover", survey.status());
  WriteProbe probe(*client, KeyOfEachShard(*client, survey->shards.size()),
                   std::chrono::milliseconds(line.Number("interval_ms")));
  std::vector<Kill> kills;
  const std::uint64_t wanted = line.Number("kills");
  while (kills.size() < wanted) {
    const Result<Kill> kill = KillOnce(line.Text("cluster-script"), *client, probe);
    if (!kill.ok()) {
      return cli::Fail(std::cerr, "failover: kill " + std::to_string(kills.size() + 1),
                       kill.status());
    }
    kills.push_back(*kill);
    std::cerr << "kill " << kills.size() << " of " << wanted << ": node " << kill->node
              << ", primary of " << kill->primaries
              << " shards: " << cli::FixedText(kill->gap_ms, 1) << " ms\n";
  }
  probe.Stop();
  Print(line, kills, probe.errors());
  return cli::kDone;
}

}  // namespace ringfort::bench

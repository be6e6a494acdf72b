#include "tools/bench/probe.h"

#include <algorithm>
#include <iostream>
#include <nlohmann/json.hpp>
#include <thread>
#include <utility>

#include "ringfort/admin.h"
#include "tools/bench/write_probe.h"
#include "tools/cli/cluster_flags.h"
#include "tools/cli/errors.h"
#include "tools/cli/numbers.h"

namespace ringfort::bench {
namespace {

constexpr const char* kDefinition =
    "longest_ms is the longest time from the end of one successful write to the end of the next, "
    "of one"
    " shard with one write outstanding; nothing is taken off";

double Milliseconds(std::chrono::steady_clock::duration duration) {
  return std::chrono::duration<double, std::milli>(duration).count();
}

struct Summary {
  std::size_t longest_shard = 0;
  double longest_ms = 0;
  double median_ms = 0;
  std::uint64_t writes = 0;
  /// Shards that took no write at all.
  std::size_t silent = 0;
};

Summary SumUp(const std::vector<ShardProbe>& probes) {
  Summary summary;
  std::vector<double> longest;
  for (std::size_t shard = 0; shard < probes.size(); ++shard) {
    longest.push_back(Milliseconds(probes[shard].longest.length));
    if (longest.back() > summary.longest_ms) {
      summary.longest_ms = longest.back();
      summary.longest_shard = shard;
    }
    summary.writes += probes[shard].writes;
    if (probes[shard].writes == 0) ++summary.silent;
  }
  std::sort(longest.begin(), longest.end());
  summary.median_ms = longest[longest.size() / 2];
  return summary;
}

void PrintJson(const cli::CommandLine& line, const WriteProbe& probe,
               const std::vector<ShardProbe>& probes, const Summary& summary) {
  nlohmann::ordered_json json = {{"definition", kDefinition},
                                 {"seconds", Milliseconds(line.Duration("seconds")) / 1000},
                                 {"interval_ms", line.Number("interval_ms")},
                                 {"longest_ms", summary.longest_ms},
                                 {"longest_shard", summary.longest_shard},
                                 {"median_ms", summary.median_ms},
                                 {"writes", summary.writes},
                                 {"failed", nlohmann::ordered_json::object()},
                                 {"shards", nlohmann::ordered_json::array()}};
  for (const auto& [kind, count] : probe.errors()) json["failed"][kind] = count;
  for (std::size_t shard = 0; shard < probes.size(); ++shard) {
    const ShardProbe& one = probes[shard];
    json["shards"].push_back({{"id", shard},
                              {"longest_ms", Milliseconds(one.longest.length)},
                              {"began_ms", Milliseconds(one.longest.begin - probe.start())},
                              {"writes", one.writes},
                              {"failed", one.failed}});
  }
  std::cout << json.dump(2) << "\n";
}

void PrintText(const WriteProbe& probe, const std::vector<ShardProbe>& probes,
               const Summary& summary) {
  std::cout << cli::CountText(summary.writes) << " writes to " << probes.size()
            << " shards; failed: " << ErrorText(probe.errors())
            << "\nthe longest time without a write: " << cli::FixedText(summary.longest_ms, 1)
            << " ms (shard " << summary.longest_shard << "); median over shards "
            << cli::FixedText(summary.median_ms, 1) << " ms\n";
}

}  // namespace

int RunProbe(const cli::CommandLine& line) {
  Result<Client> client = Client::Connect(cli::OptionsOf(line));
  if (!client.ok()) return cli::Fail(std::cerr, "probe", client.status());
  const Result<ClusterView> map = client->Map();
  if (!map.ok()) return cli::Fail(std::cerr, "probe", map.status());
  if (map->shards.empty()) {
    return cli::Fail(std::cerr, "probe",
                     {Code::kUnavailable,
                      "the cluster has no shards yet (wait for it: ringfortctl"
                      " status --wait-primaries=30s)"});
  }
  WriteProbe probe(*client, KeyOfEachShard(*client, map->shards.size()),
                   std::chrono::milliseconds(line.Number("interval_ms")));
  std::this_thread::sleep_for(line.Duration("seconds"));
  const std::vector<ShardProbe> probes = probe.Stop();
  const Summary summary = SumUp(probes);
  if (line.Text("format") == "json") {
    PrintJson(line, probe, probes, summary);
  } else {
    PrintText(probe, probes, summary);
  }
  if (summary.silent == 0) return cli::kDone;
  return cli::Fail(
      std::cerr, "probe",
      {Code::kUnavailable, std::to_string(summary.silent) + " shards took no write at all"
                                                            " (look at ringfortctl status)"});
}

}  // namespace ringfort::bench

#include "tools/ctl/shards.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include "tools/cli/errors.h"
#include "tools/cli/numbers.h"
#include "tools/ctl/cluster_text.h"
#include "tools/ctl/text_table.h"

namespace ringfort::ctl {
namespace {

constexpr std::size_t kHotShards = 10;
/// A smaller share is in the noise of the sampling.
constexpr double kShareShownMin = 0.01;

ShardLoad SumUp(const survey::ShardReport& shard) {
  ShardLoad sum{.shard = shard};
  double most_requests = -1;
  for (const survey::ShardReplica& replica : shard.replicas) {
    sum.lag = std::max(sum.lag, replica.lag);
    if (!replica.view) continue;
    const LoadView& load = replica.view->load;
    sum.data_bytes = std::max(sum.data_bytes, replica.view->data_bytes);
    sum.reads_per_second += load.reads_per_second;
    sum.writes_per_second += load.writes_per_second;
    sum.bytes_per_second += load.bytes_in_per_second + load.bytes_out_per_second;
    sum.busy += load.loop_share + load.pool_share;
    const double requests = load.reads_per_second + load.writes_per_second;
    if (requests <= most_requests) continue;
    most_requests = requests;
    sum.hot_keys = load.hot_keys;
  }
  return sum;
}

std::string RateText(double rate) {
  if (rate < 10) return cli::FixedText(rate, 1);
  return cli::CountText(static_cast<std::uint64_t>(std::llround(rate)));
}

std::string PercentText(double share) {
  return cli::FixedText(100 * share, 1) + " %";
}

}  // namespace

std::vector<ShardLoad> LoadsOf(const survey::Survey& survey, bool hot, std::size_t limit) {
  std::vector<ShardLoad> loads;
  for (const survey::ShardReport& shard : survey.shards) loads.push_back(SumUp(shard));
  if (hot) {
    std::stable_sort(loads.begin(), loads.end(),
                     [](const ShardLoad& a, const ShardLoad& b) { return a.busy > b.busy; });
  }
  if (loads.size() > limit) loads.resize(limit);
  return loads;
}

Json ShardsJson(const std::vector<ShardLoad>& loads, bool hot) {
  Json json = {{"shards", Json::array()}};
  for (const ShardLoad& load : loads) {
    Json shard = {{"id", load.shard.id},
                  {"primary", load.shard.primary},
                  {"replicas", Json::array()},
                  {"lag", load.lag},
                  {"data_bytes", load.data_bytes},
                  {"reads_per_second", load.reads_per_second},
                  {"writes_per_second", load.writes_per_second},
                  {"bytes_per_second", load.bytes_per_second},
                  {"busy", load.busy}};
    for (const survey::ShardReplica& replica : load.shard.replicas) {
      shard["replicas"].push_back(replica.node);
    }
    if (hot) {
      shard["hot_keys"] = Json::array();
      for (const HotKeyView& key : load.hot_keys) {
        Json hot_key = Json::object();
        PutBytes(&hot_key, "key", key.shard_key);
        hot_key["share"] = key.share;
        shard["hot_keys"].push_back(std::move(hot_key));
      }
    }
    json["shards"].push_back(std::move(shard));
  }
  return json;
}

void PrintShards(const std::vector<ShardLoad>& loads, std::ostream& out) {
  TextTable table({">shard", ">primary", "replicas", ">lag", ">data", ">reads/s", ">writes/s",
                   ">bytes/s", ">time"});
  for (const ShardLoad& load : loads) {
    std::string replicas;
    for (const survey::ShardReplica& replica : load.shard.replicas) {
      replicas += (replicas.empty() ? "" : " ") + std::to_string(replica.node);
    }
    table.Add({std::to_string(load.shard.id),
               load.shard.primary == 0 ? "none" : std::to_string(load.shard.primary), replicas,
               cli::CountText(load.lag), cli::BytesText(load.data_bytes),
               RateText(load.reads_per_second), RateText(load.writes_per_second),
               cli::BytesText(static_cast<std::uint64_t>(load.bytes_per_second)),
               PercentText(load.busy)});
    for (const HotKeyView& key : load.hot_keys) {
      if (key.share < kShareShownMin) continue;
      table.AddNote("about " + PercentText(key.share) +
                    " of its requests: " + cli::Printable(key.shard_key));
    }
  }
  table.Print(out);
}

int RunShards(const cli::CommandLine& line, Client& client, Terminal& terminal) {
  const bool hot = line.Switch("hot");
  const Result<survey::Survey> survey =
      survey::Take(client, line.Duration("timeout"), nullptr, /*hot_keys=*/hot);
  if (!survey.ok()) return cli::Fail(terminal.err, "shards", survey.status());
  std::size_t limit = hot ? kHotShards : survey->shards.size();
  if (line.Has("limit")) limit = line.Number("limit");
  const std::vector<ShardLoad> loads = LoadsOf(*survey, hot, limit);
  if (line.Text("format") == "json") {
    terminal.out << Dumped(ShardsJson(loads, hot));
  } else {
    PrintShards(loads, terminal.out);
  }
  return cli::kDone;
}

}  // namespace ringfort::ctl

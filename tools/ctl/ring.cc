#include "tools/ctl/ring.h"

#include <algorithm>
#include <string>

#include "tools/cli/errors.h"
#include "tools/cli/numbers.h"
#include "tools/ctl/cluster_text.h"
#include "tools/ctl/text_table.h"

namespace ringfort::ctl {
namespace {

constexpr std::size_t kBarWidth = 40;
constexpr std::size_t kMovesShown = 20;

double ShareOf(std::size_t part, std::size_t all) {
  return all == 0 ? 0 : static_cast<double>(part) / static_cast<double>(all);
}

std::size_t ReplicasIn(const survey::Survey& survey) {
  std::size_t count = 0;
  for (const ShardView& shard : survey.map.shards) count += shard.replicas.size();
  return count;
}

std::vector<std::uint32_t> MovingShards(const survey::Survey& survey) {
  std::vector<std::uint32_t> moving;
  for (std::uint32_t shard = 0; shard < survey.map.shards.size(); ++shard) {
    if (!survey.map.shards[shard].moving_to.empty()) moving.push_back(shard);
  }
  return moving;
}

void PrintMoving(const survey::Survey& survey, std::ostream& out) {
  const std::vector<std::uint32_t> moving = MovingShards(survey);
  if (moving.empty()) return;
  out << "\n" << Plural(moving.size(), "shard") << " on the move:\n";
  for (std::size_t i = 0; i < moving.size() && i < kMovesShown; ++i) {
    const ShardView& shard = survey.map.shards[moving[i]];
    out << "  shard " << moving[i] << ": " << WayText(shard.replicas, shard.moving_to)
        << ", because "
        << CauseText(shard.move_cause, shard.replicas, shard.moving_to, DrainingIn(survey.map))
        << "\n";
  }
  if (moving.size() > kMovesShown) {
    out << "  and " << cli::CountText(moving.size() - kMovesShown)
        << " more (ringfortctl top follows them)\n";
  }
}

}  // namespace

std::vector<Ownership> OwnershipOf(const survey::Survey& survey) {
  std::vector<Ownership> all;
  for (const survey::NodeReport& report : survey.nodes) {
    Ownership& own = all.emplace_back(Ownership{.node = report.node});
    own.up = report.status.has_value();
    own.primaries = survey.primaries_of(report.node.id);
    for (const ShardView& shard : survey.map.shards) {
      const auto& replicas = shard.replicas;
      if (!replicas.empty() && replicas.front() == report.node.id) ++own.preferred;
      const bool has = Contains(replicas, report.node.id);
      if (has) ++own.replicas;
      if (shard.moving_to.empty()) continue;
      const bool will_have = Contains(shard.moving_to, report.node.id);
      if (will_have && !has) ++own.arriving;
      if (has && !will_have) ++own.leaving;
    }
  }
  return all;
}

Json RingJson(const survey::Survey& survey) {
  Json json = {{"shard_count", survey.map.shards.size()}, {"nodes", Json::array()}};
  for (const Ownership& own : OwnershipOf(survey)) {
    json["nodes"].push_back({{"id", own.node.id},
                             {"address", own.node.address},
                             {"zone", own.node.zone},
                             {"weight", own.node.weight},
                             {"state", own.up ? "up" : "down"},
                             {"preferred", own.preferred},
                             {"replicas", own.replicas},
                             {"primaries", own.primaries},
                             {"arriving", own.arriving},
                             {"leaving", own.leaving},
                             {"ring_share", ShareOf(own.preferred, survey.map.shards.size())},
                             {"replica_share", ShareOf(own.replicas, ReplicasIn(survey))}});
  }
  json["moves"] = Json::array();
  for (const std::uint32_t shard : MovingShards(survey)) {
    const ShardView& view = survey.map.shards[shard];
    json["moves"].push_back({{"shard", shard},
                             {"from", view.replicas},
                             {"to", view.moving_to},
                             {"cause", CauseName(view.move_cause)}});
  }
  return json;
}

void PrintRing(const survey::Survey& survey, std::ostream& out) {
  const std::vector<Ownership> all = OwnershipOf(survey);
  const std::size_t shards = survey.map.shards.size();
  std::size_t most = 0;
  for (const Ownership& own : all) most = std::max(most, own.preferred);
  out << "the ring has " << shards
      << " shards; each node's part of it, by the shards that prefer the"
      << " node as primary:\n\n";
  TextTable table(
      {">node", "zone", ">weight", ">part", "", ">preferred", ">primary now", ">replicas"});
  for (const Ownership& own : all) {
    std::string bar = BlockBar(own.preferred, most, kBarWidth);
    if (!own.up) bar += bar.empty() ? "down" : " down";
    table.Add({std::to_string(own.node.id), own.node.zone, std::to_string(own.node.weight),
               cli::FixedText(100 * ShareOf(own.preferred, shards), 1) + " %", bar,
               std::to_string(own.preferred), std::to_string(own.primaries),
               std::to_string(own.replicas)});
    if (own.arriving + own.leaving == 0) continue;
    table.AddNote(std::to_string(own.arriving) + " replicas arrive, " +
                  std::to_string(own.leaving) + " leave");
  }
  table.Print(out);
  PrintMoving(survey, out);
}

int RunRing(const cli::CommandLine& line, Client& client, Terminal& terminal) {
  const Result<survey::Survey> survey = survey::Take(client, line.Duration("timeout"));
  if (!survey.ok()) return cli::Fail(terminal.err, "ring", survey.status());
  if (line.Text("format") == "json") {
    terminal.out << Dumped(RingJson(*survey));
  } else {
    PrintRing(*survey, terminal.out);
  }
  return cli::kDone;
}

}  // namespace ringfort::ctl

#include "tools/ctl/status.h"

#include <algorithm>
#include <string>

#include "tools/cli/errors.h"
#include "tools/cli/numbers.h"
#include "tools/ctl/cluster_text.h"
#include "tools/ctl/text_table.h"

namespace ringfort::ctl {
namespace {

using survey::NodeReport;
using survey::ShardReplica;
using survey::ShardReport;
using survey::Survey;

/// Of copies that count for nothing; the number of shards stands for the meta group.
std::vector<std::uint32_t> VoidShards(const NodeStatusView& status) {
  std::vector<std::uint32_t> shards;
  for (const VoidCopyView& copy : status.void_copies) {
    if (!copy.data_only) shards.push_back(copy.shard);
  }
  return shards;
}

Json NodeJson(const Survey& survey, const NodeReport& report) {
  Json node = {{"id", report.node.id},
               {"address", report.node.address},
               {"zone", report.node.zone},
               {"weight", report.node.weight},
               {"state", report.status ? "up" : "down"},
               {"primaries", survey.primaries_of(report.node.id)}};
  if (!report.status) {
    node["reason"] = report.down_reason;
    return node;
  }
  const NodeStatusView& status = *report.status;
  node["replicas"] = status.replicas.size();
  node["log_bytes"] = status.log_bytes;
  node["disk_room"] = RoomName(status.disk_room);
  node["disk_free_bytes"] = status.disk_free_bytes;
  node["uptime_ms"] = status.uptime.count();
  node["incarnation"] = status.incarnation;
  node["boot"] = status.boot;
  node["version"] = status.version;
  node["waiting_for"] = status.waiting_for;
  node["void_copies"] = VoidShards(status);
  for (const CounterView& counter : status.counters) node["counters"][counter.name] = counter.value;
  return node;
}

Json ReplicaJson(const ShardReplica& replica) {
  Json json = {{"node", replica.node}};
  if (!replica.view) {
    json["role"] = "missing";
    return json;
  }
  const ReplicaView& view = *replica.view;
  json["role"] = RoleName(view.role);
  json["term"] = view.term;
  json["applied"] = view.applied;
  json["last"] = view.last;
  json["lag"] = replica.lag;
  json["caught_up"] = replica.caught_up;
  json["unsure"] = view.unsure;
  json["data_bytes"] = view.data_bytes;
  json["sessions"] = view.sessions;
  if (view.sum && !view.sum->error.empty()) json["damaged"] = view.sum->error;
  return json;
}

Json ShardJson(const ShardReport& shard) {
  Json json = {{"id", shard.id},
               {"primary", shard.primary},
               {"term", shard.term},
               {"commit", shard.commit},
               {"replicas", Json::array()}};
  for (const ShardReplica& replica : shard.replicas)
    json["replicas"].push_back(ReplicaJson(replica));
  return json;
}

void PrintNodes(const Survey& survey, std::ostream& out) {
  TextTable table(
      {">node", "address", "zone", "state", ">replicas", ">primaries", ">log", ">up for"});
  for (const NodeReport& report : survey.nodes) {
    const std::string id = std::to_string(report.node.id);
    const std::string primaries = std::to_string(survey.primaries_of(report.node.id));
    if (!report.status) {
      table.Add({id, report.node.address, report.node.zone, "down", "-", primaries, "-", "-"});
      table.AddNote(report.down_reason);
      continue;
    }
    const NodeStatusView& status = *report.status;
    table.Add({id, report.node.address, report.node.zone, "up",
               std::to_string(status.replicas.size()), primaries, cli::BytesText(status.log_bytes),
               cli::DurationText(status.uptime)});
    if (status.disk_room != DiskRoom::kEnough) {
      table.AddNote("its disk is " + RoomName(status.disk_room) + ", " +
                    cli::BytesText(status.disk_free_bytes) + " free: it refuses " +
                    (status.disk_room == DiskRoom::kFull ? "puts" : "all writes") +
                    " until there is room (free space on it)");
    }
    if (!status.waiting_for.empty()) table.AddNote("waits: " + status.waiting_for);
    if (const std::size_t voids = VoidShards(status).size(); voids > 0) {
      table.AddNote(std::to_string(voids) + (voids == 1 ? " copy" : " copies") +
                    " on it count for nothing (ringfortctl doctor)");
    }
    for (const ReplicaView& replica : status.replicas) {
      if (!replica.sum || replica.sum->error.empty()) continue;
      table.AddNote("its copy of shard " + std::to_string(replica.shard) +
                    " is damaged: " + replica.sum->error);
    }
  }
  table.Print(out);
}

void PrintShards(const Survey& survey, std::ostream& out) {
  TextTable table({">shard", ">primary", ">term", ">commit", "replicas (lag)"});
  for (const ShardReport& shard : survey.shards) {
    std::string replicas;
    for (const ShardReplica& replica : shard.replicas) {
      replicas += (replicas.empty() ? "" : " ") + std::to_string(replica.node) + "(" +
                  (replica.view ? std::to_string(replica.lag) : "missing") + ")";
    }
    table.Add({std::to_string(shard.id),
               shard.primary == 0 ? "none" : std::to_string(shard.primary),
               std::to_string(shard.term), std::to_string(shard.commit), replicas});
  }
  table.Print(out);
}

}  // namespace

Json StatusJson(const Survey& survey) {
  Json json = {{"cluster",
                {{"name", survey.map.cluster_name},
                 {"id", survey.map.cluster_id},
                 {"map_version", survey.map.version}}},
               {"nodes", Json::array()},
               {"shards", Json::array()}};
  for (const NodeReport& report : survey.nodes) json["nodes"].push_back(NodeJson(survey, report));
  for (const ShardReport& shard : survey.shards) json["shards"].push_back(ShardJson(shard));
  json["summary"] = {{"shards", survey.shards.size()},
                     {"with_primary", survey.with_primary()},
                     {"worst_lag", survey.worst_lag()},
                     {"caught_up", survey.caught_up()}};
  return json;
}

void PrintStatus(const Survey& survey, bool shards, std::ostream& out) {
  out << "cluster " << survey.map.cluster_name << " ("
      << (survey.map.cluster_id.empty() ? "not yet created" : survey.map.cluster_id)
      << "), map version " << survey.map.version << "\n\n";
  PrintNodes(survey, out);
  out << "\n";
  if (shards) {
    PrintShards(survey, out);
    out << "\n";
  }
  out << survey.with_primary() << " of " << survey.shards.size() << " shards have a primary";
  if (!survey.shards.empty()) {
    const auto [low, high] = std::minmax_element(
        survey.shards.begin(), survey.shards.end(),
        [](const ShardReport& a, const ShardReport& b) { return a.term < b.term; });
    out << "; terms " << low->term << " to " << high->term << "; the worst lag is "
        << cli::CountText(survey.worst_lag()) << " entries";
  }
  const std::string missing = survey::MissingReplicas(survey);
  out << "\n" << (missing.empty() ? "every replica has caught up" : missing) << "\n";
}

int RunStatus(const cli::CommandLine& line, Client& client, Terminal& terminal) {
  const auto progress = [&terminal](const Survey& survey) {
    if (!terminal.err_is_terminal) return;
    terminal.err << "\r\x1b[K" << survey.with_primary() << " of " << survey.shards.size()
                 << " shards have a primary; the worst lag is "
                 << cli::CountText(survey.worst_lag()) << " entries" << std::flush;
  };
  const bool all = line.Has("wait");
  const bool waits = all || line.Has("wait-primaries");
  Result<Survey> survey =
      waits ? survey::Wait(client, line.Duration(all ? "wait" : "wait-primaries"),
                           all ? survey::MissingReplicas : survey::MissingPrimaries, progress)
            : survey::Take(client, line.Duration("timeout"));
  if (waits && terminal.err_is_terminal) terminal.err << "\r\x1b[K" << std::flush;
  if (!survey.ok()) return cli::Fail(terminal.err, "status", survey.status());
  if (line.Text("format") == "json") {
    terminal.out << Dumped(StatusJson(*survey));
  } else {
    PrintStatus(*survey, line.Switch("shards"), terminal.out);
  }
  return cli::kDone;
}

}  // namespace ringfort::ctl

#include "tools/ctl/replica_findings.h"

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <tuple>
#include <utility>

#include "tools/cli/numbers.h"
#include "tools/ctl/cluster_text.h"

namespace ringfort::ctl {
namespace {

using Findings = std::vector<Finding>;

// Node and shard are enough: a damaged copy is repaired by itself, and the finding goes.
void AddDamaged(const std::string& node, const ReplicaView& replica, Findings* findings) {
  // What a node of an older release finds, only its sum says.
  const std::string& damage =
      replica.damage.empty() && replica.sum ? replica.sum->error : replica.damage;
  if (damage.empty()) return;
  std::string next = "it votes, serves no reads, and is being repaired from the shard's primary";
  if (!replica.repair_waits_for.empty()) {
    next = "it votes and serves no reads; its repair from the shard's primary waits for " +
           replica.repair_waits_for;
  }
  if (replica.repair_bytes > 0) {
    next += "; that takes " + cli::BytesText(replica.repair_bytes) +
            " of disk beside the reserve of " + node;
  }
  findings->push_back(
      {Severity::kCritical,
       "the copy of shard " + std::to_string(replica.shard) + " on " + node + " is damaged", damage,
       next});
}

// Many at about the same time are no few bad blocks.
void AddManyDamaged(const std::string& node, std::uint64_t damaged, std::size_t copies,
                    Findings* findings) {
  if (damaged <= 3 && (damaged < 2 || damaged * 20 <= copies)) return;
  findings->push_back(
      {Severity::kCritical,
       std::to_string(damaged) + " copies of " + node + " turned out damaged within ten minutes",
       "its disk is bad, or a fault of Ringfort calls whole copies damaged; they are repaired one "
       "at a time, and their old data are kept",
       "look at the disk (smartctl, the kernel's log) and replace the node if it is bad: "
       "ringfortctl node drain; if it is not, keep its data directory and report it"});
}

/// "WHAT (WHAT TO DO)" as nodes say it.
std::pair<std::string, std::string> WhyAndWhatToDo(const std::string& line) {
  const std::size_t at = line.find(" (");
  if (at == std::string::npos || !line.ends_with(")")) return {line, "look at its log"};
  return {line.substr(0, at), line.substr(at + 2, line.size() - at - 3)};
}

/// Stores that were quarantined at a start of the node, and are still there.
void AddSetAside(const survey::NodeReport& report, std::uint64_t number, Findings* findings) {
  const std::string name = "node " + std::to_string(report.node.id);
  const std::string dirs =
      "log.damaged-" + std::to_string(number) + " and data.damaged-" + std::to_string(number);
  if (!report.status->replicas.empty()) {
    findings->push_back({Severity::kNote, name + " has quarantined stores", dirs,
                         "delete the two in its data directory once every replica has caught up"});
    return;
  }
  findings->push_back(
      {Severity::kWarning, name + " has quarantined its log and data, and holds nothing",
       dirs + "; the other nodes fill it again, where a majority of each shard is left",
       "wait until it is filled; if that majority is lost and these two are whole after all, stop "
       "the "
       "node and run `ringfortd --data_dir=DIR --bring_back=" +
           std::to_string(number) + " --dry_run`, then without --dry_run"});
}

/// What counts for nothing is nothing wrong; that it is kept takes room, and stands in the way of
/// another copy there.
void AddVoid(const survey::NodeReport& report, std::size_t shard_count, Findings* findings) {
  const std::string node = std::to_string(report.node.id);
  std::vector<std::string> voids;
  std::vector<std::string> kept;
  for (const VoidCopyView& copy : report.status->void_copies) {
    const std::string shard = copy.shard == shard_count ? "meta" : std::to_string(copy.shard);
    (copy.data_only ? kept : voids).push_back(shard);
  }
  if (!voids.empty()) {
    findings->push_back({Severity::kWarning,
                         "node " + node + " keeps void copies of " + ShardNames(voids),
                         "they were begun anew without it: its copies count for nothing, and "
                         "another is not made there while it keeps them",
                         "ringfortctl shard " + voids.front() + " discard-void --node=" + node +
                             " deletes one, once the shard's copies are whole"});
  }
  if (!kept.empty()) {
    findings->push_back({Severity::kNote, "node " + node + " keeps old data of " + ShardNames(kept),
                         "they were begun anew from its copies, which stay as they were before",
                         "ringfortctl shard " + kept.front() + " discard-void --node=" + node +
                             " deletes one, once the shard's copies are whole"});
  }
}

void AddOfNode(const survey::NodeReport& report, std::size_t shard_count, Findings* findings) {
  const std::string name = "node " + std::to_string(report.node.id);
  std::vector<std::string> unsure;
  for (const ReplicaView& replica : report.status->replicas) {
    if (replica.unsure) unsure.push_back(std::to_string(replica.shard));
    AddDamaged(name, replica, findings);
  }
  if (report.status->meta_replica) AddDamaged(name, *report.status->meta_replica, findings);
  if (!unsure.empty()) {
    findings->push_back({Severity::kWarning,
                         name + " is unsure of its replica of " + ShardNames(unsure),
                         "its log may lack what it acknowledged before a crash, so it does not "
                         "vote there",
                         "wait until it has caught up; that needs a primary of the shard"});
  }
  AddVoid(report, shard_count, findings);
  for (const CounterView& counter : report.status->counters) {
    if (counter.name == "copies_damaged_lately") {
      AddManyDamaged(name, counter.value, report.status->replicas.size(), findings);
    }
    if (counter.value == 0) continue;
    if (counter.name == "stores_set_aside") AddSetAside(report, counter.value, findings);
    if (counter.name == "old_copy") {
      const auto [why, what_to_do] = WhyAndWhatToDo(report.status->waiting_for);
      findings->push_back({Severity::kCritical,
                           name + " runs from an old copy of its data directory", why, what_to_do});
    }
    if (counter.name != "replicas_set_aside") continue;
    findings->push_back({Severity::kWarning,
                         name + " has set aside " + Plural(counter.value, "replica"),
                         "their log lost something; they are built anew from the other replicas",
                         "look at its log and its disk; replace the disk if it goes on"});
  }
}

/// By the sums of the last verify, where replicas have one of the same log index.
void AddUnequal(const survey::ShardReport& shard, Findings* findings) {
  using Sum = std::tuple<std::uint64_t, std::uint64_t, std::uint64_t>;
  std::map<std::uint64_t, std::map<Sum, NodeIds>> by_index;
  for (const survey::ShardReplica& replica : shard.replicas) {
    if (!replica.view || !replica.view->sum || !replica.view->sum->error.empty()) continue;
    const SumView& sum = *replica.view->sum;
    by_index[sum.index][{sum.checksum, sum.entries, sum.bytes}].push_back(replica.node);
  }
  for (auto& [index, nodes_by_sum] : by_index) {
    if (nodes_by_sum.size() < 2) continue;
    std::string why;
    for (auto& [sum, nodes] : nodes_by_sum) {
      std::sort(nodes.begin(), nodes.end());
      why += (why.empty() ? "" : ", other data than ") + NodeNames(nodes);
    }
    const std::string name = std::to_string(shard.id);
    findings->push_back({Severity::kCritical, "the replicas of shard " + name + " differ",
                         "as of log index " + std::to_string(index) + " there is on " + why,
                         "ringfortctl verify --shard=" + name + " says what to do"});
  }
}

void AddCrowded(const survey::Survey& survey, Findings* findings) {
  const auto is_up = [&survey](std::uint32_t node) {
    return std::any_of(survey.nodes.begin(), survey.nodes.end(), [node](const auto& report) {
      return report.node.id == node && report.status.has_value();
    });
  };
  std::map<std::uint32_t, std::string> zone_of;
  std::set<std::string> open;  // Zones that can take replicas.
  for (const NodeView& node : survey.map.nodes) {
    const std::string zone =
        node.zone.empty() ? "node " + std::to_string(node.id) : "zone " + node.zone;
    zone_of[node.id] = zone;
    if (node.state == NodeState::kActive && is_up(node.id)) open.insert(zone);
  }
  std::vector<std::string> crowded;
  for (std::uint32_t id = 0; id < survey.map.shards.size(); ++id) {
    const ShardView& shard = survey.map.shards[id];
    const NodeIds& replicas = shard.moving_to.empty() ? shard.replicas : shard.moving_to;
    std::set<std::string> used;
    for (const std::uint32_t node : replicas) used.insert(zone_of[node]);
    const bool another_has_room = std::any_of(
        open.begin(), open.end(), [&](const auto& zone) { return !used.contains(zone); });
    if (used.size() < replicas.size() && another_has_room) crowded.push_back(std::to_string(id));
  }
  if (crowded.empty()) return;
  findings->push_back(
      {Severity::kWarning,
       ShardNames(crowded) + (crowded.size() == 1 ? " has" : " have") + " two replicas in one zone",
       "a failure of that zone takes both, and another zone has none",
       "ringfortctl rebalance spreads them"});
}

}  // namespace

std::vector<Finding> ReplicaFindings(const survey::Survey& survey) {
  Findings findings;
  for (const survey::NodeReport& report : survey.nodes) {
    if (report.status) AddOfNode(report, survey.map.shards.size(), &findings);
  }
  for (const survey::ShardReport& shard : survey.shards) AddUnequal(shard, &findings);
  AddCrowded(survey, &findings);
  return findings;
}

}  // namespace ringfort::ctl

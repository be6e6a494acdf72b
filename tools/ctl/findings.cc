#include "tools/ctl/findings.h"

#include <algorithm>
#include <chrono>
#include <iterator>
#include <map>
#include <utility>

#include "tools/cli/numbers.h"
#include "tools/ctl/cluster_text.h"
#include "tools/ctl/move_findings.h"
#include "tools/ctl/repair_text.h"
#include "tools/ctl/replica_findings.h"

namespace ringfort::ctl {
namespace {

using std::chrono::milliseconds;
using survey::SomeOf;

/// Clocks further apart than this are worth a word; nothing unsafe comes of it.
constexpr milliseconds kClockTolerance{1000};

bool IsOldCopy(const NodeStatusView& status) {
  return std::any_of(
      status.counters.begin(), status.counters.end(),
      [](const CounterView& counter) { return counter.name == "old_copy" && counter.value != 0; });
}

std::string NodeName(std::uint32_t node) {
  return "node " + std::to_string(node);
}

/// Who votes in a shard, and how many of them could agree now.
struct Votes {
  std::size_t voters = 0;
  std::size_t healthy = 0;

  [[nodiscard]] std::size_t majority() const { return voters / 2 + 1; }
};

class Diagnosis {
 public:
  explicit Diagnosis(const Evidence& evidence)
      : survey_(evidence.survey),
        state_(evidence.state.ok() ? &evidence.state.value() : nullptr),
        known_map_version_(evidence.known_map_version) {
    if (state_ == nullptr) NoMetaGroup(evidence.state.status().message());
  }

  std::vector<Finding> Take() {
    Nodes();
    Shards();
    AddAll(ReplicaFindings(survey_));
    Versions();
    if (state_ != nullptr) {
      AddAll(MoveFindings(*state_));
      Members();
      Lags();
    }
    std::stable_sort(findings_.begin(), findings_.end(),
                     [](const Finding& a, const Finding& b) { return a.severity < b.severity; });
    return std::move(findings_);
  }

 private:
  void Add(Severity severity, std::string what, std::string why, std::string what_to_do) {
    findings_.push_back({severity, std::move(what), std::move(why), std::move(what_to_do)});
  }

  void AddAll(std::vector<Finding> more) {
    std::move(more.begin(), more.end(), std::back_inserter(findings_));
  }

  /// Its members are named by what the nodes say of themselves; of those that are down nobody knows
  /// who is one.
  void NoMetaGroup(const std::string& why) {
    NodeIds members;
    NodeIds down;
    for (const survey::NodeReport& report : survey_.nodes) {
      if (report.node.state == NodeState::kGone) continue;
      if (!report.status) down.push_back(report.node.id);
      if (report.status && report.status->meta_replica) members.push_back(report.node.id);
    }
    std::string who = why;
    if (!members.empty()) who += "; of its members " + NodeNames(members) + " answered";
    if (!down.empty()) who += "; the others are among " + NodeNames(down) + ", down";
    const std::string what_to_do =
        down.empty() ? "look at the logs of " + NodeNames(members) + ": ringfortctl shard meta"
                     : "start " + NodeNames(down) +
                           ", or, if a majority of its members is lost for good, begin it anew "
                           "from one that is left: ringfortd --recover_cluster_from_this_copy";
    Add(Severity::kCritical, "the meta group does not answer", who,
        what_to_do + "; until then nothing moves or is repaired");
  }

  const NodeSummaryView* Summary(std::uint32_t node) const {
    return state_ == nullptr ? nullptr : FindNode(*state_, node);
  }

  void Nodes() {
    for (const survey::NodeReport& report : survey_.nodes) {
      if (report.node.state == NodeState::kGone) continue;
      if (!report.status) {
        Down(report);
        continue;
      }
      const NodeStatusView& status = *report.status;
      const NodeSummaryView* summary = Summary(report.node.id);
      if (summary != nullptr && !summary->alive) {
        Add(Severity::kWarning, NodeName(report.node.id) + " does not report to the meta group",
            "it answers here, and has been silent there for " + cli::DurationText(summary->silent),
            "look at the network between it and " + NodeName(state_->meta_primary));
      }
      if (!status.waiting_for.empty() && !IsOldCopy(status)) {  // Said with its replicas.
        Add(Severity::kWarning, NodeName(report.node.id) + " does not serve yet",
            status.waiting_for, "ringfortctl status --wait=1m waits for it");
      }
      if (status.disk_room == DiskRoom::kEnough) continue;
      Add(Severity::kCritical,
          "the disk of " + NodeName(report.node.id) + " is " + RoomName(status.disk_room),
          cli::BytesText(status.disk_free_bytes) + " are free, and it refuses " +
              (status.disk_room == DiskRoom::kFull ? "puts" : "all writes"),
          "free space on it, or give it a lower weight: ringfortctl node set-weight");
    }
  }

  void Down(const survey::NodeReport& report) {
    const NodeSummaryView* summary = Summary(report.node.id);
    std::string repair;
    if (summary != nullptr && summary->alive) {
      repair = "; the other nodes reach it, so look at the network from here";
    } else if (summary != nullptr) {
      repair = RepairText(*state_, *summary);
      if (!repair.empty()) repair.insert(0, "; ");
    }
    // To remove it needs the meta group.
    const std::string remove =
        state_ == nullptr
            ? ""
            : "; if it is lost for good: ringfortctl node remove " + std::to_string(report.node.id);
    Add(Severity::kWarning, NodeName(report.node.id) + " is down", report.down_reason + repair,
        "start it" + remove);
  }

  /// By the newest report of a shard's primary, else by what the nodes say of themselves.
  Votes VotesOf(const survey::ShardReport& shard) const {
    if (state_ != nullptr && shard.id < state_->shards.size()) {
      const ShardSummaryView& known = state_->shards[shard.id];
      if (known.primary != 0) return {known.voters.size(), known.healthy_voters.size()};
    }
    Votes votes{shard.replicas.size(), 0};
    for (const survey::ShardReplica& replica : shard.replicas) {
      if (replica.view && !replica.view->unsure) ++votes.healthy;
    }
    return votes;
  }

  void Shards() {
    std::vector<std::string> no_majority;
    std::vector<std::string> no_primary;
    std::vector<std::string> on_the_edge;
    std::map<std::size_t, std::vector<std::string>> few_copies;  // By how many there are.
    const auto sort = [&](const std::string& name, const Votes& votes, bool has_primary) {
      if (votes.healthy < votes.majority()) {
        no_majority.push_back(name);
      } else if (!has_primary) {
        no_primary.push_back(name);
      } else if (votes.healthy == votes.majority() && votes.healthy == votes.voters &&
                 votes.voters < Wanted(votes)) {
        few_copies[votes.voters].push_back(name);
      } else if (votes.healthy == votes.majority() && votes.healthy < Wanted(votes)) {
        on_the_edge.push_back(name);
      }
    };
    for (const survey::ShardReport& shard : survey_.shards) {
      sort(std::to_string(shard.id), VotesOf(shard), shard.primary != 0);
    }
    if (state_ != nullptr) {
      for (const ShardSummaryView& shard : state_->shards) {
        if (shard.shard != state_->shard_count) continue;
        sort("meta", {shard.voters.size(), shard.healthy_voters.size()}, shard.primary != 0);
      }
    }
    if (!no_majority.empty()) {
      Add(Severity::kCritical, ShardNames(no_majority) + " without a majority",
          "too few of the replicas are up and whole, so nothing is written there",
          "start the nodes that are down; if they are lost for good: ringfortctl recover "
          "--all-lost --dry-run");
    }
    if (!no_primary.empty()) {
      Add(Severity::kCritical, ShardNames(no_primary) + " without a primary",
          "a majority is up and has not elected one",
          "wait a second; if it stays, look at the logs of its nodes: ringfortctl shard SHARD");
    }
    for (const auto& [copies, names] : few_copies) FewCopies(copies, names);
    if (!on_the_edge.empty()) {
      Add(Severity::kWarning,
          ShardNames(on_the_edge) + (on_the_edge.size() == 1 ? " is" : " are") +
              " one failure from losing the majority",
          "other replicas are down or have not caught up",
          "start the nodes that are down, or wait until they have caught up");
    }
  }

  /// Of shards whose copies are all well, and too few.
  void FewCopies(std::size_t copies, const std::vector<std::string>& shards) {
    Add(Severity::kWarning,
        ShardNames(shards) + (shards.size() == 1 ? " has only " : " have only ") +
            (copies == 1 ? "1 copy" : std::to_string(copies) + " copies"),
        "the cluster wants " + std::to_string(state_->replicas) +
            ", and one failure stops the shard",
        ActiveNodes() < state_->replicas ? "ringfortctl node add"
                                         : "ringfortctl top shows whether more are being made; "
                                           "ringfortctl rebalance plans them");
  }

  std::size_t ActiveNodes() const {
    return static_cast<std::size_t>(
        std::count_if(state_->nodes.begin(), state_->nodes.end(),
                      [](const auto& node) { return node.node.state == NodeState::kActive; }));
  }

  /// How many healthy voters there should be.
  std::size_t Wanted(const Votes& votes) const {
    return state_ == nullptr ? votes.voters : std::max<std::size_t>(votes.voters, state_->replicas);
  }

  void Versions() {
    std::map<std::string, std::vector<std::string>> nodes_of;
    for (const survey::NodeReport& report : survey_.nodes) {
      if (!report.status) continue;
      nodes_of[report.status->version].push_back(std::to_string(report.node.id));
    }
    if (nodes_of.size() < 2) return Levels();
    std::string each;
    for (const auto& [version, nodes] : nodes_of) {
      each += (each.empty() ? "" : "; ") + version + " on node " + SomeOf(nodes);
    }
    Add(Severity::kWarning, "the nodes run different versions", each,
        "finish the upgrade: restart the others with the newest, one at a time");
  }

  /// All nodes run one release.
  void Levels() {
    if (state_ == nullptr || state_->features.next_level == 0) return;
    const FeatureView& features = state_->features;
    if (!features.waits_for.empty()) return;  // Those nodes are down, or on their way.
    Add(Severity::kNote, "the upgrade to release " + features.next_release + " can be finished",
        "every node knows feature level " + std::to_string(features.next_level) +
            ", and the cluster is at " + std::to_string(features.level),
        "ringfortctl upgrade finalize, when no node is to go back any more");
  }

  void Members() {
    for (const NodeSummaryView& node : state_->nodes) {
      if (node.node.state != NodeState::kDraining) continue;
      if (node.replicas == 0 && node.replicas_planned == 0) {
        Add(Severity::kNote, NodeName(node.node.id) + " is drained", "it holds nothing",
            "ringfortctl node remove or node undrain " + std::to_string(node.node.id));
      }
    }
    if (const std::size_t active = ActiveNodes(); active < state_->replicas) {
      Add(Severity::kWarning, "fewer nodes than replicas",
          std::to_string(active) + " active nodes for " + std::to_string(state_->replicas) +
              " replicas of each shard",
          "ringfortctl node add");
    }
  }

  void Lags() {
    for (const NodeSummaryView& node : state_->nodes) {
      if (!node.alive) continue;
      if (node.map_version != 0 && node.map_version < known_map_version_) {
        Add(Severity::kWarning, NodeName(node.node.id) + " has an old map",
            "version " + std::to_string(node.map_version) + ", and the newest is " +
                std::to_string(state_->map_version),
            "look at its log, and at the network between it and " + NodeName(state_->meta_primary));
      }
      const milliseconds apart = std::chrono::abs(node.clock_ahead);
      if (apart <= kClockTolerance) continue;
      Add(Severity::kWarning, "the clock of " + NodeName(node.node.id) + " is wrong",
          "it is " + cli::DurationText(apart) +
              (node.clock_ahead.count() > 0 ? " ahead of" : " behind") + " that of " +
              NodeName(state_->meta_primary),
          "synchronize both (NTP)");
    }
  }

  const survey::Survey& survey_;
  /// Null: the meta group does not answer.
  const ClusterStateView* state_;
  const std::uint64_t known_map_version_;
  std::vector<Finding> findings_;
};

}  // namespace

std::string SeverityName(Severity severity) {
  switch (severity) {
    case Severity::kCritical: return "critical";
    case Severity::kWarning: return "warning";
    case Severity::kNote: return "note";
  }
  return "unknown";
}

std::vector<Finding> Diagnose(const Evidence& evidence) {
  return Diagnosis(evidence).Take();
}

}  // namespace ringfort::ctl

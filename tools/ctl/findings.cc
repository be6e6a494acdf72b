#include "tools/ctl/findings.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <set>
#include <utility>

#include "tools/cli/numbers.h"
#include "tools/ctl/cluster_text.h"

namespace ringfort::ctl {
namespace {

using std::chrono::milliseconds;
using survey::SomeOf;

/// Clocks further apart than this are worth a word; nothing unsafe comes of it.
constexpr milliseconds kClockTolerance{1000};

std::string NodeName(std::uint32_t node) {
  return "node " + std::to_string(node);
}

/// "shard 3", "shards 3, 4 and 12 more"
std::string ShardNames(const std::vector<std::string>& shards) {
  return (shards.size() == 1 ? "shard " : "shards ") + SomeOf(shards);
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
    if (state_ == nullptr) {
      Add(Severity::kCritical, "the meta group does not answer", evidence.state.status().message(),
          "start its nodes; until then data is served, and nothing moves or is repaired");
    }
  }

  std::vector<Finding> Take() {
    Nodes();
    Shards();
    Replicas();
    Zones();
    Versions();
    if (state_ != nullptr) {
      Moves();
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
      if (!status.waiting_for.empty()) {
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
    } else if (summary != nullptr && summary->replicas_planned > 0) {
      repair = summary->repair_in.count() > 0
                   ? "; its " + Plural(summary->replicas_planned, "replica") +
                         " are rebuilt on others in " + cli::DurationText(summary->repair_in)
                   : "; " + Plural(summary->replicas_planned, "replica") +
                         " of it wait for a place on others";
    }
    Add(Severity::kWarning, NodeName(report.node.id) + " is down", report.down_reason + repair,
        "start it; if it is lost for good: ringfortctl node remove " +
            std::to_string(report.node.id));
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
    const auto sort = [&](const std::string& name, const Votes& votes, bool has_primary) {
      if (votes.healthy < votes.majority()) {
        no_majority.push_back(name);
      } else if (!has_primary) {
        no_primary.push_back(name);
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
          "start the nodes that are down");
    }
    if (!no_primary.empty()) {
      Add(Severity::kCritical, ShardNames(no_primary) + " without a primary",
          "a majority is up and has not elected one",
          "wait a second; if it stays, look at the logs of its nodes: ringfortctl shard SHARD");
    }
    if (!on_the_edge.empty()) {
      Add(Severity::kWarning,
          ShardNames(on_the_edge) + (on_the_edge.size() == 1 ? " is" : " are") +
              " one failure from losing the majority",
          "other replicas are down or have not caught up",
          "start the nodes that are down, or wait until they have caught up");
    }
  }

  /// How many healthy voters there should be.
  std::size_t Wanted(const Votes& votes) const {
    return state_ == nullptr ? votes.voters : std::max<std::size_t>(votes.voters, state_->replicas);
  }

  void Replicas() {
    for (const survey::NodeReport& report : survey_.nodes) {
      if (!report.status) continue;
      std::vector<std::string> unsure;
      for (const ReplicaView& replica : report.status->replicas) {
        if (replica.unsure) unsure.push_back(NameOf(replica.shard));
      }
      if (!unsure.empty()) {
        Add(Severity::kWarning,
            NodeName(report.node.id) + " is unsure of its replica of " + ShardNames(unsure),
            "its log may lack what it acknowledged before a crash, so it does not vote there",
            "wait until it has caught up; that needs a primary of the shard");
      }
      for (const CounterView& counter : report.status->counters) {
        if (counter.name != "replicas_set_aside" || counter.value == 0) continue;
        Add(Severity::kWarning,
            NodeName(report.node.id) + " has set aside " + Plural(counter.value, "replica"),
            "their files were damaged; they are built anew from the other replicas",
            "look at its log and its disk; replace the disk if it goes on");
      }
    }
  }

  std::string NameOf(std::uint32_t shard) const {
    return ShardName(shard, static_cast<std::uint32_t>(survey_.map.shards.size()));
  }

  void Zones() {
    std::map<std::uint32_t, std::string> zone_of;
    std::set<std::string> open;  // Zones that can take replicas.
    for (const NodeView& node : survey_.map.nodes) {
      const std::string zone = node.zone.empty() ? NodeName(node.id) : "zone " + node.zone;
      zone_of[node.id] = zone;
      if (node.state == NodeState::kActive && IsUp(node.id)) open.insert(zone);
    }
    std::vector<std::string> crowded;
    for (std::uint32_t id = 0; id < survey_.map.shards.size(); ++id) {
      const ShardView& shard = survey_.map.shards[id];
      const NodeIds& replicas = shard.moving_to.empty() ? shard.replicas : shard.moving_to;
      std::set<std::string> used;
      for (const std::uint32_t node : replicas) used.insert(zone_of[node]);
      const bool another_has_room = std::any_of(
          open.begin(), open.end(), [&](const auto& zone) { return !used.contains(zone); });
      if (used.size() < replicas.size() && another_has_room) crowded.push_back(NameOf(id));
    }
    if (crowded.empty()) return;
    Add(Severity::kWarning,
        ShardNames(crowded) + (crowded.size() == 1 ? " has" : " have") +
            " two replicas in one zone",
        "a failure of that zone takes both, and another zone has none",
        "ringfortctl rebalance spreads them");
  }

  bool IsUp(std::uint32_t node) const {
    return std::any_of(survey_.nodes.begin(), survey_.nodes.end(), [node](const auto& report) {
      return report.node.id == node && report.status.has_value();
    });
  }

  void Versions() {
    std::map<std::string, std::vector<std::string>> nodes_of;
    for (const survey::NodeReport& report : survey_.nodes) {
      if (!report.status) continue;
      nodes_of[report.status->version].push_back(std::to_string(report.node.id));
    }
    if (nodes_of.size() < 2) return;
    std::string each;
    for (const auto& [version, nodes] : nodes_of) {
      each += (each.empty() ? "" : "; ") + version + " on node " + SomeOf(nodes);
    }
    Add(Severity::kWarning, "the nodes run different versions", each,
        "finish the upgrade: restart the others with the newest, one at a time");
  }

  void Moves() {
    std::map<std::string, std::vector<std::string>> stuck;  // By reason.
    std::uint64_t left_bytes = 0;
    std::size_t waiting = 0;
    for (const MoveView& move : state_->moves) {
      if (!move.stuck.empty()) {
        stuck[move.stuck].push_back(ShardName(move.shard, state_->shard_count));
      }
      if (!move.begun) ++waiting;
      left_bytes += move.total_bytes - std::min(move.total_bytes, move.sent_bytes);
    }
    for (const auto& [reason, shards] : stuck) {
      Add(Severity::kWarning, "the move of " + ShardNames(shards) + " is stuck", reason,
          "ringfortctl shard SHARD shows it; ringfortctl rebalance --cancel gives it up");
    }
    if (state_->paused && waiting > 0) {
      Add(Severity::kWarning, "moves are paused and " + cli::CountText(waiting) + " wait",
          "somebody has paused them: ringfortctl events", "ringfortctl rebalance --resume");
    } else if (!state_->moves.empty() && stuck.empty()) {
      Add(Severity::kNote, Plural(state_->moves.size(), "shard") + " on the move",
          cli::BytesText(left_bytes) + " are left to copy", "ringfortctl top shows them");
    }
  }

  void Members() {
    std::size_t active = 0;
    for (const NodeSummaryView& node : state_->nodes) {
      if (node.node.state == NodeState::kActive) ++active;
      if (node.node.state != NodeState::kDraining) continue;
      if (node.replicas == 0 && node.replicas_planned == 0) {
        Add(Severity::kNote, NodeName(node.node.id) + " is drained", "it holds nothing",
            "ringfortctl node remove or node undrain " + std::to_string(node.node.id));
      }
    }
    if (active < state_->replicas) {
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

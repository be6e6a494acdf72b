#include "tools/ctl/cluster_text.h"

#include <algorithm>
#include <array>
#include <ctime>
#include <iterator>

#include "tools/cli/numbers.h"
#include "tools/survey/survey.h"

namespace ringfort::ctl {

std::string StateName(NodeState state) {
  switch (state) {
    case NodeState::kJoining: return "joining";
    case NodeState::kActive: return "active";
    case NodeState::kDraining: return "draining";
    case NodeState::kGone: return "gone";
  }
  return "unknown";
}

std::string CauseName(MoveCause cause) {
  switch (cause) {
    case MoveCause::kBalance: return "balance";
    case MoveCause::kDrain: return "drain";
    case MoveCause::kRepair: return "repair";
    case MoveCause::kReplace: return "replace";
  }
  return "unknown";
}

std::string RoleName(ReplicaRole role) {
  switch (role) {
    case ReplicaRole::kFollower: return "follower";
    case ReplicaRole::kCandidate: return "candidate";
    case ReplicaRole::kPrimary: return "primary";
    case ReplicaRole::kLearner: return "learner";
  }
  return "unknown";
}

std::string RoomName(DiskRoom room) {
  switch (room) {
    case DiskRoom::kEnough: return "enough";
    case DiskRoom::kFull: return "full";
    case DiskRoom::kExhausted: return "exhausted";
  }
  return "unknown";
}

std::string ShardName(std::uint32_t shard, std::uint32_t shard_count) {
  return shard == shard_count ? "meta" : std::to_string(shard);
}

std::string IdsText(const NodeIds& nodes) {
  if (nodes.empty()) return "none";
  std::string text;
  for (const std::uint32_t node : nodes) text += (text.empty() ? "" : " ") + std::to_string(node);
  return text;
}

std::string NodeNames(const NodeIds& nodes) {
  std::vector<std::string> names;
  for (const std::uint32_t node : nodes) names.push_back(std::to_string(node));
  return (nodes.size() == 1 ? "node " : "nodes ") + survey::SomeOf(names);
}

std::string ShardNames(const std::vector<std::string>& shards) {
  return (shards.size() == 1 ? "shard " : "shards ") + survey::SomeOf(shards);
}

std::string WayText(const NodeIds& from, const NodeIds& to) {
  return IdsText(from) + " -> " + IdsText(to);
}

std::string CauseText(MoveCause cause, const NodeIds& from, const NodeIds& to,
                      const NodeIds& emptied) {
  NodeIds leaving = Without(from, to);
  if (cause == MoveCause::kDrain || cause == MoveCause::kReplace) {
    std::erase_if(leaving, [&](std::uint32_t node) { return !Contains(emptied, node); });
  }
  const std::string nodes = (leaving.size() == 1 ? "node " : "nodes ") + IdsText(leaving) +
                            (leaving.size() == 1 ? " is" : " are");
  switch (cause) {
    case MoveCause::kBalance: return "every node gets its share";
    case MoveCause::kDrain: return leaving.empty() ? "a node is drained" : nodes + " drained";
    case MoveCause::kRepair: return leaving.empty() ? "a copy is missing" : nodes + " dead";
    case MoveCause::kReplace: return leaving.empty() ? "a node is replaced" : nodes + " replaced";
  }
  return "unknown";
}

std::string LoadText(std::chrono::nanoseconds load_per_second) {
  return cli::FixedText(static_cast<double>(load_per_second.count()) / 1e7, 1) + " %";
}

std::string Plural(std::uint64_t count, const std::string& what) {
  return cli::CountText(count) + " " + what + (count == 1 ? "" : "s");
}

std::string TimeText(std::chrono::system_clock::time_point at) {
  const std::time_t seconds = std::chrono::system_clock::to_time_t(at);
  std::tm parts{};
  std::array<char, 32> text{};
  ::gmtime_r(&seconds, &parts);
  std::strftime(text.data(), text.size(), "%Y-%m-%d %H:%M:%SZ", &parts);
  return text.data();
}

NodeIds Without(const NodeIds& a, const NodeIds& b) {
  NodeIds left;
  std::copy_if(a.begin(), a.end(), std::back_inserter(left),
               [&b](std::uint32_t node) { return !Contains(b, node); });
  return left;
}

bool Contains(const NodeIds& nodes, std::uint32_t node) {
  return std::find(nodes.begin(), nodes.end(), node) != nodes.end();
}

NodeIds DrainingIn(const ClusterView& map) {
  NodeIds nodes;
  for (const NodeView& node : map.nodes) {
    if (node.state == NodeState::kDraining) nodes.push_back(node.id);
  }
  return nodes;
}

const NodeSummaryView* FindNode(const ClusterStateView& state, std::uint32_t node) {
  const auto found = std::find_if(state.nodes.begin(), state.nodes.end(),
                                  [node](const NodeSummaryView& n) { return n.node.id == node; });
  return found == state.nodes.end() ? nullptr : &*found;
}

Json ShardJson(std::uint32_t shard, std::uint32_t shard_count) {
  return shard == shard_count ? Json("meta") : Json(shard);
}

Json NodeSummaryJson(const NodeSummaryView& node) {
  return {{"id", node.node.id},
          {"address", node.node.address},
          {"zone", node.node.zone},
          {"weight", node.node.weight},
          {"state", StateName(node.node.state)},
          {"alive", node.alive},
          {"silent_ms", node.silent.count()},
          {"repair_in_ms", node.repair_in.count()},
          {"leaving", node.leaving},
          {"ready", node.ready},
          {"replicas", node.replicas},
          {"replicas_planned", node.replicas_planned},
          {"primaries", node.primaries},
          {"primaries_planned", node.primaries_planned},
          {"data_bytes", node.data_bytes},
          {"disk_free_bytes", node.disk_free_bytes},
          {"disk_room", RoomName(node.disk_room)},
          {"load_ns", node.load.count()},
          {"map_version", node.map_version},
          {"clock_ahead_ms", node.clock_ahead.count()},
          {"release", node.release},
          {"knows_level", node.knows_level}};
}

Json MoveJson(const MoveView& move, std::uint32_t shard_count) {
  return {{"shard", ShardJson(move.shard, shard_count)},
          {"from", move.from},
          {"to", move.to},
          {"cause", CauseName(move.cause)},
          {"begun", move.begun},
          {"stage", move.stage},
          {"stuck", move.stuck},
          {"sent_bytes", move.sent_bytes},
          {"total_bytes", move.total_bytes}};
}

std::string Dumped(const Json& json) {
  return JsonText(json, 2) + "\n";
}

}  // namespace ringfort::ctl

#include "tools/survey/survey.h"

#include <algorithm>
#include <future>
#include <thread>
#include <utility>

namespace ringfort::survey {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds kPollInterval{50};
/// While waiting, a node that is frozen must not hold up each look at the others.
constexpr std::chrono::milliseconds kPollTimeout{1000};

const ReplicaView* FindReplica(const std::vector<NodeReport>& nodes, std::uint32_t node,
                               std::uint32_t shard) {
  for (const NodeReport& report : nodes) {
    if (report.node.id != node || !report.status) continue;
    for (const ReplicaView& replica : report.status->replicas) {
      if (replica.shard == shard) return &replica;
    }
  }
  return nullptr;
}

ShardReport SumUpShard(std::uint32_t id, const ShardView& view,
                       const std::vector<NodeReport>& nodes) {
  ShardReport shard{.id = id};
  for (std::uint32_t node : view.replicas) {
    ShardReplica& replica = shard.replicas.emplace_back();
    replica.node = node;
    const ReplicaView* found = FindReplica(nodes, node, id);
    if (found == nullptr) continue;
    replica.view = *found;
    shard.commit = std::max(shard.commit, found->commit);
    // An old primary may still believe in itself: the highest term counts.
    if (found->serving && found->term >= shard.term) shard.primary = node;
    if (found->term > shard.term) {
      shard.term = found->term;
      if (!found->serving) shard.primary = 0;
    }
  }
  return shard;
}

std::string SomeOf(const std::vector<std::uint32_t>& shards) {
  std::vector<std::string> items;
  for (const std::uint32_t shard : shards) items.push_back(std::to_string(shard));
  return survey::SomeOf(items);
}

void Add(std::string* list, const std::string& item) {
  *list += (list->empty() ? "" : "; ") + item;
}

}  // namespace

std::string SomeOf(const std::vector<std::string>& items) {
  constexpr std::size_t kShown = 5;
  std::string text;
  for (std::size_t i = 0; i < items.size() && i < kShown; ++i) {
    text += (i == 0 ? "" : ", ") + items[i];
  }
  if (items.size() > kShown) text += " and " + std::to_string(items.size() - kShown) + " more";
  return text;
}

std::size_t Survey::with_primary() const {
  return static_cast<std::size_t>(std::count_if(
      shards.begin(), shards.end(), [](const ShardReport& shard) { return shard.primary != 0; }));
}

std::uint64_t Survey::worst_lag() const {
  std::uint64_t worst = 0;
  for (const ShardReport& shard : shards) {
    for (const ShardReplica& replica : shard.replicas) worst = std::max(worst, replica.lag);
  }
  return worst;
}

bool Survey::caught_up() const {
  return MissingReplicas(*this).empty();
}

std::size_t Survey::primaries_of(std::uint32_t node) const {
  return static_cast<std::size_t>(
      std::count_if(shards.begin(), shards.end(),
                    [node](const ShardReport& shard) { return shard.primary == node; }));
}

Survey SumUp(ClusterView map, std::vector<NodeReport> nodes, const Survey* earlier) {
  Survey survey{std::move(map), std::move(nodes), {}};
  for (std::uint32_t id = 0; id < survey.map.shards.size(); ++id) {
    ShardReport shard = SumUpShard(id, survey.map.shards[id], survey.nodes);
    const bool compare = earlier != nullptr && id < earlier->shards.size();
    const std::uint64_t wanted = compare ? earlier->shards[id].commit : shard.commit;
    for (ShardReplica& replica : shard.replicas) {
      if (!replica.view) continue;
      replica.lag = shard.commit - std::min(shard.commit, replica.view->applied);
      replica.caught_up = !replica.view->unsure && replica.view->applied >= wanted;
    }
    survey.shards.push_back(std::move(shard));
  }
  return survey;
}

std::vector<NodeReport> Ask(Client& client, const std::vector<NodeView>& nodes,
                            std::chrono::milliseconds timeout, bool hot_keys) {
  std::vector<std::future<Result<NodeStatusView>>> answers;
  for (const NodeView& node : nodes) {
    answers.push_back(std::async(std::launch::async, [&client, timeout, hot_keys, id = node.id] {
      return client.NodeStatus(id, {.timeout = timeout, .hot_keys = hot_keys});
    }));
  }
  std::vector<NodeReport> reports;
  for (std::size_t i = 0; i < answers.size(); ++i) {
    Result<NodeStatusView> answer = answers[i].get();
    NodeReport& report = reports.emplace_back();
    report.node = nodes[i];
    if (answer.ok()) {
      report.status = std::move(answer).value();
    } else {
      report.down_reason = answer.status().message();
    }
  }
  return reports;
}

Result<Survey> Take(Client& client, std::chrono::milliseconds timeout, const Survey* earlier,
                    bool hot_keys) {
  Result<ClusterView> map = client.Map({.timeout = timeout});
  if (!map.ok()) return map.status();
  std::vector<NodeReport> reports = Ask(client, map->nodes, timeout, hot_keys);
  return SumUp(std::move(map).value(), std::move(reports), earlier);
}

std::string MissingPrimaries(const Survey& survey) {
  std::vector<std::uint32_t> without;
  for (const ShardReport& shard : survey.shards) {
    if (shard.primary == 0) without.push_back(shard.id);
  }
  std::string missing;
  if (!without.empty()) {
    missing = std::to_string(without.size()) + " of " + std::to_string(survey.shards.size()) +
              " shards have no primary: " + SomeOf(without);
  }
  if (survey.shards.empty()) missing = "the cluster has no shards yet";
  if (missing.empty()) return missing;
  for (const NodeReport& report : survey.nodes) {
    const std::string name = "node " + std::to_string(report.node.id);
    if (!report.status) Add(&missing, name + " is down");
    if (report.status && !report.status->waiting_for.empty()) {
      Add(&missing, name + " waits: " + report.status->waiting_for);
    }
  }
  return missing;
}

std::string MissingReplicas(const Survey& survey) {
  std::string missing = MissingPrimaries(survey);
  for (const NodeReport& report : survey.nodes) {
    const std::string name = "node " + std::to_string(report.node.id);
    if (!report.status) {
      if (survey.has_primaries()) Add(&missing, name + " is down: " + report.down_reason);
      continue;
    }
    if (!report.status->waiting_for.empty() && survey.has_primaries()) {
      Add(&missing, name + " waits: " + report.status->waiting_for);
    }
    std::vector<std::uint32_t> behind;
    for (const ShardReport& shard : survey.shards) {
      for (const ShardReplica& replica : shard.replicas) {
        if (replica.node == report.node.id && !replica.caught_up) behind.push_back(shard.id);
      }
    }
    if (!behind.empty()) {
      Add(&missing, name + " has not caught up in " + std::to_string(behind.size()) +
                        " shards: " + SomeOf(behind));
    }
  }
  return missing;
}

Result<Survey> Wait(Client& client, std::chrono::milliseconds limit,
                    std::string (*missing)(const Survey&),
                    const std::function<void(const Survey&)>& progress) {
  const Clock::time_point deadline = Clock::now() + limit;
  std::optional<Survey> earlier;
  std::string last;
  while (true) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now());
    const auto timeout = std::clamp(left, std::chrono::milliseconds(1), kPollTimeout);
    Result<Survey> survey = Take(client, timeout, earlier ? &*earlier : nullptr);
    if (survey.ok()) {
      last = missing(*survey);
      if (last.empty()) return survey;
      if (progress) progress(*survey);
      earlier = std::move(survey).value();
    } else {
      last = survey.status().message();
    }
    if (Clock::now() + kPollInterval >= deadline) {
      return Status(
          Code::kDeadlineExceeded,
          "after " + std::to_string(limit.count()) + " ms " + last +
              " (look at the logs of the nodes that are named; wait longer if they get on)");
    }
    std::this_thread::sleep_for(kPollInterval);
  }
}

}  // namespace ringfort::survey

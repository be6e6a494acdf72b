#include "tools/ctl/shard_facts.h"

#include <algorithm>
#include <utility>

#include "tools/ctl/cluster_text.h"

namespace ringfort::ctl {
namespace {

std::string VoteOf(const ShardSummaryView& summary, std::uint32_t node) {
  if (Contains(summary.learners, node)) return "learner";
  if (Contains(summary.voters, node)) return "voter";
  // Without a primary nobody has said who the members are.
  if (summary.voters.empty() && Contains(summary.replicas, node)) return "voter";
  return Contains(summary.replicas, node) ? "removed" : "not yet";
}

NodeIds NodesOf(const ShardFacts& facts) {
  NodeIds nodes;
  const auto add = [&nodes](const NodeIds& more) {
    for (const std::uint32_t node : more) {
      if (!Contains(nodes, node)) nodes.push_back(node);
    }
  };
  add(facts.summary.replicas);
  add(facts.summary.voters);
  add(facts.summary.learners);
  if (facts.move) add(facts.move->to);
  return nodes;
}

void AddMember(survey::NodeReport report, ShardFacts* facts) {
  Member& member = facts->members.emplace_back();
  member.vote = VoteOf(facts->summary, report.node.id);
  member.report = std::move(report);
  if (!member.report.status) return;
  const NodeStatusView& status = *member.report.status;
  if (facts->shard == facts->shard_count) member.view = status.meta_replica;
  for (const ReplicaView& view : status.replicas) {
    if (view.shard == facts->shard) member.view = view;
  }
  if (!member.view) return;
  facts->term = std::max(facts->term, member.view->term);
  facts->commit = std::max(facts->commit, member.view->commit);
}

void CountLags(ShardFacts* facts) {
  for (Member& member : facts->members) {
    if (member.view) member.lag = facts->commit - std::min(facts->commit, member.view->applied);
  }
}

}  // namespace

ShardFacts GatherFacts(Client& client, const ClusterStateView& state, std::uint32_t shard,
                       std::chrono::milliseconds timeout) {
  ShardFacts facts{.shard = shard, .shard_count = state.shard_count};
  for (const ShardSummaryView& each : state.shards) {
    if (each.shard == shard) facts.summary = each;
  }
  for (const MoveView& move : state.moves) {
    if (move.shard == shard) facts.move = move;
  }
  for (const NodeSummaryView& node : state.nodes) {
    if (node.node.state == NodeState::kDraining) facts.emptied.push_back(node.node.id);
  }
  std::vector<NodeView> nodes;
  for (const std::uint32_t id : NodesOf(facts)) {
    const NodeSummaryView* known = FindNode(state, id);
    nodes.push_back(known != nullptr ? known->node : NodeView{id, "", "", 0});
  }
  for (survey::NodeReport& report : survey::Ask(client, nodes, timeout)) {
    AddMember(std::move(report), &facts);
  }
  CountLags(&facts);
  return facts;
}

ShardFacts GatherFacts(const survey::Survey& survey, std::uint32_t shard) {
  const auto shard_count = static_cast<std::uint32_t>(survey.shards.size());
  ShardFacts facts{.shard = shard, .shard_count = shard_count, .meta_answers = false};
  facts.summary.shard = shard;
  facts.emptied = DrainingIn(survey.map);
  if (shard < shard_count) {
    const ShardView& view = survey.map.shards[shard];
    facts.summary.primary = survey.shards[shard].primary;
    facts.summary.replicas = view.replicas;
    if (!view.moving_to.empty()) {
      MoveView& move = facts.move.emplace();
      move.shard = shard;
      move.from = view.replicas;
      move.to = view.moving_to;
      move.cause = view.move_cause;
      move.begun = true;
      move.stage = "how far it is, only the meta group knows";
    }
  }
  const NodeIds nodes = NodesOf(facts);
  for (const survey::NodeReport& report : survey.nodes) {
    if (report.node.state == NodeState::kGone) continue;
    const bool of_meta = shard == shard_count && (!report.status || report.status->meta_replica);
    if (!of_meta && !Contains(nodes, report.node.id)) continue;
    AddMember(report, &facts);
    Member& member = facts.members.back();
    if (of_meta) member.vote = report.status ? "voter" : "perhaps";
    if (member.view) {
      facts.summary.data_bytes = std::max(facts.summary.data_bytes, member.view->data_bytes);
      if (of_meta && member.view->serving) facts.summary.primary = report.node.id;
    }
  }
  CountLags(&facts);
  return facts;
}

}  // namespace ringfort::ctl

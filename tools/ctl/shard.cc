#include "tools/ctl/shard.h"

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "ringfort/admin.h"
#include "tools/cli/errors.h"
#include "tools/cli/numbers.h"
#include "tools/ctl/cluster_text.h"
#include "tools/ctl/key_words.h"
#include "tools/ctl/node_words.h"
#include "tools/ctl/text_table.h"
#include "tools/survey/survey.h"

namespace ringfort::ctl {
namespace {

struct Member {
  survey::NodeReport report;
  /// None: the node is down or has no replica of the shard.
  std::optional<ReplicaView> view;
  /// "voter", "learner", "removed", or "not yet" of where it moves to.
  std::string vote;
  std::uint64_t lag = 0;
};

/// What the meta group knows of it and what each node that has to do with it says.
struct ShardFacts {
  std::uint32_t shard = 0;
  std::uint32_t shard_count = 0;
  ShardSummaryView summary;
  std::optional<MoveView> move;
  std::vector<Member> members;
  /// The highest of all members.
  std::uint64_t term = 0;
  std::uint64_t commit = 0;
};

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

ShardFacts Gather(Client& client, const ClusterStateView& state, std::uint32_t shard,
                  std::chrono::milliseconds timeout) {
  ShardFacts facts;
  facts.shard = shard;
  facts.shard_count = state.shard_count;
  for (const ShardSummaryView& each : state.shards) {
    if (each.shard == shard) facts.summary = each;
  }
  for (const MoveView& move : state.moves) {
    if (move.shard == shard) facts.move = move;
  }
  std::vector<NodeView> nodes;
  for (const std::uint32_t id : NodesOf(facts)) {
    const NodeSummaryView* known = FindNode(state, id);
    nodes.push_back(known != nullptr ? known->node : NodeView{id, "", "", 0});
  }
  for (survey::NodeReport& report : survey::Ask(client, nodes, timeout)) {
    Member& member = facts.members.emplace_back();
    member.vote = VoteOf(facts.summary, report.node.id);
    member.report = std::move(report);
    if (!member.report.status) continue;
    const NodeStatusView& status = *member.report.status;
    if (shard == state.shard_count) member.view = status.meta_replica;
    for (const ReplicaView& view : status.replicas) {
      if (view.shard == shard) member.view = view;
    }
    if (!member.view) continue;
    facts.term = std::max(facts.term, member.view->term);
    facts.commit = std::max(facts.commit, member.view->commit);
  }
  for (Member& member : facts.members) {
    if (member.view) member.lag = facts.commit - std::min(facts.commit, member.view->applied);
  }
  return facts;
}

/// Beyond its row; empty when there is nothing to say.
std::string NoteOn(const Member& member) {
  if (!member.report.status) return "down: " + member.report.down_reason;
  if (!member.view) return "the node has no replica of it";
  if (member.view->unsure) {
    return "unsure: its log may lack what it acknowledged before a crash; it does not vote until it"
           " has caught up";
  }
  if (!member.report.status->waiting_for.empty()) {
    return "waits: " + member.report.status->waiting_for;
  }
  return "";
}

void PrintMove(const MoveView& move, std::ostream& out) {
  out << "moves " << WayText(move.from, move.to) << " because "
      << CauseText(move.cause, move.from, move.to) << ": "
      << (move.begun ? move.stage : "waits for its turn");
  if (move.total_bytes > 0) {
    out << ", " << cli::BytesText(move.sent_bytes) << " of " << cli::BytesText(move.total_bytes);
  }
  out << "\n";
  if (!move.stuck.empty()) out << "is stuck: " << move.stuck << "\n";
}

void PrintShard(const ShardFacts& facts, std::ostream& out) {
  const std::uint32_t primary = facts.summary.primary;
  out << "shard " << ShardName(facts.shard, facts.shard_count) << ": "
      << (primary == 0 ? "no primary" : "primary " + std::to_string(primary)) << ", term "
      << facts.term << ", commit " << facts.commit << ", "
      << cli::BytesText(facts.summary.data_bytes) << ", load " << LoadText(facts.summary.load)
      << "\n\n";
  TextTable table({">node", "zone", "vote", "role", ">term", ">applied", ">last", ">lag", ">data"});
  for (const Member& member : facts.members) {
    std::vector<std::string> cells = {std::to_string(member.report.node.id),
                                      member.report.node.zone, member.vote};
    if (member.view) {
      const ReplicaView& view = *member.view;
      cells.insert(cells.end(), {RoleName(view.role), std::to_string(view.term),
                                 std::to_string(view.applied), std::to_string(view.last),
                                 cli::CountText(member.lag), cli::BytesText(view.data_bytes)});
    } else {
      cells.insert(cells.end(), {"missing", "-", "-", "-", "-", "-"});
    }
    table.Add(std::move(cells));
    if (const std::string note = NoteOn(member); !note.empty()) table.AddNote(note);
  }
  table.Print(out);
  out << "\n";
  if (facts.move) {
    PrintMove(*facts.move, out);
  } else {
    out << "it does not move\n";
  }
}

Json MemberJson(const Member& member) {
  Json json = {{"node", member.report.node.id},
               {"zone", member.report.node.zone},
               {"vote", member.vote},
               {"up", member.report.status.has_value()},
               {"role", member.view ? RoleName(member.view->role) : "missing"},
               {"note", NoteOn(member)}};
  if (!member.view) return json;
  json["term"] = member.view->term;
  json["commit"] = member.view->commit;
  json["applied"] = member.view->applied;
  json["first_log_index"] = member.view->first_log_index;
  json["last"] = member.view->last;
  json["lag"] = member.lag;
  json["serving"] = member.view->serving;
  json["lease_valid"] = member.view->lease_valid;
  json["unsure"] = member.view->unsure;
  json["data_bytes"] = member.view->data_bytes;
  json["sessions"] = member.view->sessions;
  return json;
}

Json FactsJson(const ShardFacts& facts) {
  Json json = {{"shard", ShardJson(facts.shard, facts.shard_count)},
               {"primary", facts.summary.primary},
               {"term", facts.term},
               {"commit", facts.commit},
               {"data_bytes", facts.summary.data_bytes},
               {"load_ns", facts.summary.load.count()},
               {"replicas", facts.summary.replicas},
               {"voters", facts.summary.voters},
               {"healthy_voters", facts.summary.healthy_voters},
               {"learners", facts.summary.learners},
               {"members", Json::array()},
               {"move", nullptr}};
  for (const Member& member : facts.members) json["members"].push_back(MemberJson(member));
  if (facts.move) json["move"] = MoveJson(*facts.move, facts.shard_count);
  return json;
}

}  // namespace

int RunShard(const cli::CommandLine& line, Client& client, Terminal& terminal) {
  const std::string what = WhatOf(line);
  const Result<ClusterStateView> state = client.ClusterState();
  if (!state.ok()) return cli::Fail(terminal.err, what, state.status());
  const Result<std::uint32_t> shard = ShardWord(line.words()[0], state->shard_count);
  if (!shard.ok()) return cli::Fail(terminal.err, what, shard.status());
  const ShardFacts facts = Gather(client, *state, *shard, line.Duration("timeout"));
  if (line.Text("format") == "json") {
    terminal.out << Dumped(FactsJson(facts));
  } else {
    PrintShard(facts, terminal.out);
  }
  return cli::kDone;
}

}  // namespace ringfort::ctl

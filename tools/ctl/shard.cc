#include "tools/ctl/shard.h"

#include <chrono>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "ringfort/admin.h"
#include "tools/cli/errors.h"
#include "tools/cli/numbers.h"
#include "tools/ctl/cluster_text.h"
#include "tools/ctl/key_words.h"
#include "tools/ctl/node_words.h"
#include "tools/ctl/recover.h"
#include "tools/ctl/shard_facts.h"
#include "tools/ctl/text_table.h"
#include "tools/survey/survey.h"

namespace ringfort::ctl {
namespace {

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

void PrintMove(const MoveView& move, const NodeIds& emptied, std::ostream& out) {
  out << "moves " << WayText(move.from, move.to) << " because "
      << CauseText(move.cause, move.from, move.to, emptied) << ": "
      << (move.begun ? move.stage : "waits for its turn");
  if (move.total_bytes > 0) {
    out << ", " << cli::BytesText(move.sent_bytes) << " of " << cli::BytesText(move.total_bytes);
  }
  out << "\n";
  if (!move.stuck.empty()) out << "is stuck: " << move.stuck << "\n";
}

void PrintShard(const ShardFacts& facts, std::ostream& out) {
  const std::uint32_t primary = facts.summary.primary;
  if (!facts.meta_answers) {
    out << "the meta group does not answer; this is what the nodes say of themselves\n";
  }
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
    PrintMove(*facts.move, facts.emptied, out);
  } else if (facts.meta_answers || facts.shard != facts.shard_count) {
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
               {"meta_answers", facts.meta_answers},
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
  if (line.words().size() > 1) {
    const std::string& verb = line.words()[1];
    if (verb == "recover") return RunRecoverShard(line, client, terminal);
    if (verb == "discard-void") return RunDiscardVoid(line, client, terminal);
    return cli::Fail(terminal.err, what,
                     {Code::kInvalidArgument, "\"" + verb +
                                                  "\" is nothing that is done with a shard (say "
                                                  "recover or discard-void, or nothing)"});
  }
  const std::chrono::milliseconds timeout = line.Duration("timeout");
  const Result<ClusterStateView> state = client.ClusterState({.timeout = timeout});
  std::optional<survey::Survey> survey;
  if (!state.ok()) {
    // A shard is looked at above all when something is wrong.
    Result<survey::Survey> taken = survey::Take(client, timeout);
    if (!taken.ok()) return cli::Fail(terminal.err, what, state.status());
    survey = std::move(taken).value();
  }
  const auto shard_count =
      survey ? static_cast<std::uint32_t>(survey->shards.size()) : state->shard_count;
  const Result<std::uint32_t> shard = ShardWord(line.words()[0], shard_count);
  if (!shard.ok()) return cli::Fail(terminal.err, what, shard.status());
  const ShardFacts facts =
      survey ? GatherFacts(*survey, *shard) : GatherFacts(client, *state, *shard, timeout);
  if (line.Text("format") == "json") {
    terminal.out << Dumped(FactsJson(facts));
  } else {
    PrintShard(facts, terminal.out);
  }
  return cli::kDone;
}

}  // namespace ringfort::ctl

#include "tools/ctl/recover.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "ringfort/admin.h"
#include "tools/cli/errors.h"
#include "tools/cli/numbers.h"
#include "tools/ctl/cluster_text.h"
#include "tools/ctl/key_words.h"
#include "tools/ctl/node_words.h"
#include "tools/ctl/plan_output.h"
#include "tools/ctl/text_table.h"
#include "tools/survey/survey.h"

namespace ringfort::ctl {
namespace {

using std::chrono::milliseconds;

/// All data of the shard are copied on the node, at the pace of its disk.
constexpr milliseconds kCopyMax = std::chrono::hours(12);
constexpr milliseconds kAskLeast{4000};

milliseconds AskTimeout(const cli::CommandLine& line) {
  return std::max<milliseconds>(line.Duration("timeout"), kAskLeast);
}

std::string Copies(std::size_t count) {
  return std::to_string(count) + (count == 1 ? " copy" : " copies");
}

std::string CopyText(const ShardCopyView& copy, std::uint32_t newest) {
  if (copy.is_void) return "void";
  if (!copy.damage.empty()) return "damaged";
  return copy.node == newest ? "newest" : "other";
}

std::string NoteOn(const ShardCopyView& copy) {
  if (!copy.damage.empty()) return "its data cannot be read: " + copy.damage;
  if (copy.has_primary) return "it leads, or hears a primary";
  if (copy.unsure) return "its log was torn: it may lack what it acknowledged before a crash";
  return "";
}

void PrintCopies(const ShardRecoveryView& found, const std::string& name, std::ostream& out) {
  out << "shard " << name << ": " << Copies(found.copies.size())
      << (found.copies.size() == 1 ? " answers" : " answer");
  if (!found.silent.empty()) out << "; no answer from " << NodeNames(found.silent);
  out << "\n";
  TextTable table({">node", "copy", ">epoch", ">term", ">last term", ">last", ">applied", ">data"});
  for (const ShardCopyView& copy : found.copies) {
    table.Add({std::to_string(copy.node), CopyText(copy, found.newest), std::to_string(copy.epoch),
               std::to_string(copy.term), std::to_string(copy.last_term), std::to_string(copy.last),
               std::to_string(copy.applied), cli::BytesText(copy.data_bytes)});
    if (const std::string note = NoteOn(copy); !note.empty()) table.AddNote(note);
  }
  if (!found.copies.empty()) table.Print(out);
}

Json CopiesJson(const ShardRecoveryView& found, std::uint32_t shard, std::uint32_t shard_count,
                std::uint32_t node, bool done) {
  Json json = {{"shard", ShardJson(shard, shard_count)},
               {"node", node},
               {"newest", found.newest},
               {"silent", found.silent},
               {"can_have_primary", found.can_have_primary},
               {"refused", found.refused},
               {"epoch", found.epoch},
               {"replica", found.replica},
               {"term", found.term},
               {"index", found.index},
               {"unconfirmed", found.unconfirmed},
               {"done", done},
               {"copies", Json::array()}};
  for (const ShardCopyView& copy : found.copies) {
    json["copies"].push_back({{"node", copy.node},
                              {"replica", copy.replica},
                              {"epoch", copy.epoch},
                              {"term", copy.term},
                              {"last_term", copy.last_term},
                              {"last", copy.last},
                              {"applied", copy.applied},
                              {"unsure", copy.unsure},
                              {"damage", copy.damage},
                              {"has_primary", copy.has_primary},
                              {"void", copy.is_void},
                              {"data_bytes", copy.data_bytes}});
  }
  return json;
}

/// What the shard's copies are, and what would become of the one on `node`.
struct Prospect {
  std::uint32_t node = 0;
  ShardRecoveryView found;
};

/// The nodes that may have a copy first.
NodeIds NodesToAsk(const ClusterView& map, std::uint32_t shard) {
  NodeIds nodes;
  if (shard < map.shards.size()) nodes = map.shards[shard].replicas;
  for (const NodeView& node : map.nodes) {
    if (node.state != NodeState::kGone && !Contains(nodes, node.id)) nodes.push_back(node.id);
  }
  return nodes;
}

/// Of the newest copy where no node is named. Any node that answers finds all copies.
Result<Prospect> Look(Client& client, const ClusterView& map, std::uint32_t shard,
                      std::optional<std::uint32_t> node, const RecoverShardOptions& asked) {
  RecoverShardOptions options = asked;
  options.dry_run = true;
  Status last(Code::kUnavailable, "no node of the cluster answers (start those that are left)");
  for (const std::uint32_t asks : node ? NodeIds{*node} : NodesToAsk(map, shard)) {
    Result<ShardRecoveryView> found = client.RecoverShard(shard, asks, options);
    if (!found.ok()) {
      last = found.status();
      if (last.code() == Code::kUnsupported) return last;
      continue;
    }
    const std::uint32_t chosen = node ? *node : found->newest;
    if (chosen == 0 || chosen == asks) return Prospect{chosen, *std::move(found)};
    found = client.RecoverShard(shard, chosen, options);
    if (!found.ok()) return found.status();
    return Prospect{chosen, *std::move(found)};
  }
  return last;
}

std::string WillText(const Prospect& prospect, bool done) {
  const ShardRecoveryView& found = prospect.found;
  const std::string is = done ? "is" : "would be";
  std::string text = "it " + is + " begun anew from the copy on node " +
                     std::to_string(prospect.node) + ", as epoch " + std::to_string(found.epoch) +
                     ": replica " + std::to_string(found.replica) + ", term " +
                     std::to_string(found.term) + ", index " + std::to_string(found.index) + "\n";
  if (found.unconfirmed > 0) {
    text += "of its last entries " + std::to_string(found.unconfirmed) +
            " may never have been committed, and " + (done ? "were" : "would be") + " taken\n";
  }
  return text + "what only other copies have " + is +
         " lost, writes that are open end as unknown, "
         "and all other replicas " +
         (done ? "are" : "would be") + " void\n";
}

Status NeedsYes(const std::string& what) {
  return {Code::kConditionFailed, "nothing was changed: " + what};
}

}  // namespace

std::vector<cli::Flag> RecoverFlags() {
  using cli::FlagKind;
  return {
      {.name = "node",
       .kind = FlagKind::kNumber,
       .help = "recover: from the copy there (default: the newest); discard-void: there",
       .min = 1,
       .max = UINT32_MAX},
      {.name = "accept-loss",
       .kind = FlagKind::kSwitch,
       .help = "recover: though another copy is newer; discard-void: though copies are missing"},
      {.name = "dry-run",
       .kind = FlagKind::kSwitch,
       .help = "recover: say what would happen, and change nothing"},
      {.name = "yes",
       .kind = FlagKind::kSwitch,
       .help = "recover, discard-void: do it; without it they only say what they would do"}};
}

int RunRecoverShard(const cli::CommandLine& line, Client& client, Terminal& terminal) {
  const std::string what = "shard " + line.words()[0] + " recover";
  const Result<ClusterView> map = client.Map();
  if (!map.ok()) return cli::Fail(terminal.err, what, map.status());
  const auto shard_count = static_cast<std::uint32_t>(map->shards.size());
  const Result<std::uint32_t> shard = ShardWord(line.words()[0], shard_count);
  if (!shard.ok()) return cli::Fail(terminal.err, what, shard.status());
  std::optional<std::uint32_t> node;
  if (line.Has("node")) node = static_cast<std::uint32_t>(line.Number("node"));
  const bool dry_run = line.Switch("dry-run");
  const bool as_json = line.Text("format") == "json";
  const RecoverShardOptions options = {.timeout = AskTimeout(line),
                                       .accept_loss = line.Switch("accept-loss")};
  Result<Prospect> prospect = Look(client, *map, *shard, node, options);
  if (!prospect.ok()) return cli::Fail(terminal.err, what, prospect.status());
  const std::string name = ShardName(*shard, shard_count);
  if (!as_json) PrintCopies(prospect->found, name, terminal.out);
  Status refused;
  if (prospect->node == 0) {
    refused = {Code::kConditionFailed,
               "no copy that can be read is left (bring back a node's disk)"};
  } else if (!prospect->found.refused.empty()) {
    refused = {Code::kConditionFailed, prospect->found.refused};
  }
  const bool does = refused.ok() && !dry_run && line.Switch("yes");
  if (does) {
    const RecoverShardOptions real = {.timeout = kCopyMax, .accept_loss = options.accept_loss};
    Result<ShardRecoveryView> done = client.RecoverShard(*shard, prospect->node, real);
    if (!done.ok()) return FailChange(terminal, what, done.status());
    prospect->found = *std::move(done);
  }
  if (as_json) {
    terminal.out << Dumped(CopiesJson(prospect->found, *shard, shard_count, prospect->node, does));
  } else if (refused.ok()) {
    terminal.out << WillText(*prospect, does);
  }
  if (!refused.ok()) return cli::Fail(terminal.err, what, refused);
  if (!does && !dry_run) {
    return cli::Fail(terminal.err, what,
                     NeedsYes("be sure that the other copies are gone for good, then say --yes"));
  }
  return cli::kDone;
}

int RunRecoverLost(const cli::CommandLine& line, Client& client, Terminal& terminal) {
  const std::string what = "recover";
  if (!line.Switch("all-lost")) {
    return cli::Fail(terminal.err, what,
                     {Code::kInvalidArgument,
                      "say --all-lost for every shard that has lost its majority (one of them: "
                      "ringfortctl shard SHARD recover)"});
  }
  const Result<survey::Survey> survey = survey::Take(client, line.Duration("timeout"));
  if (!survey.ok()) return cli::Fail(terminal.err, what, survey.status());
  const auto shard_count = static_cast<std::uint32_t>(survey->shards.size());
  const bool does = line.Switch("yes") && !line.Switch("dry-run");
  const bool as_json = line.Text("format") == "json";
  Json json = Json::array();
  std::size_t lost = 0;
  std::vector<std::string> failed;
  for (const survey::ShardReport& shard : survey->shards) {
    if (shard.primary != 0) continue;
    Result<Prospect> prospect =
        Look(client, survey->map, shard.id, std::nullopt, {.timeout = AskTimeout(line)});
    if (!prospect.ok()) return cli::Fail(terminal.err, what, prospect.status());
    if (prospect->found.can_have_primary) continue;  // It is about to elect one.
    const bool possible = prospect->node != 0 && prospect->found.refused.empty();
    lost += possible ? 1 : 0;
    if (possible && does) {
      Result<ShardRecoveryView> done =
          client.RecoverShard(shard.id, prospect->node, {.timeout = kCopyMax});
      if (!done.ok())
        return FailChange(terminal, what + " of shard " + std::to_string(shard.id), done.status());
      prospect->found = *std::move(done);
    }
    if (!possible) failed.push_back(std::to_string(shard.id));
    if (as_json) {
      json.push_back(
          CopiesJson(prospect->found, shard.id, shard_count, prospect->node, does && possible));
      continue;
    }
    PrintCopies(prospect->found, std::to_string(shard.id), terminal.out);
    terminal.out << (possible ? WillText(*prospect, does)
                              : "it is left as it is: " +
                                    (prospect->node == 0 ? "no copy that can be read is left"
                                                         : prospect->found.refused) +
                                    "\n");
  }
  if (as_json) terminal.out << Dumped(json);
  if (!as_json && lost == 0 && failed.empty()) {
    terminal.out << "every shard has a primary, or can still elect one\n";
  }
  if (lost > 0 && !does && !line.Switch("dry-run")) {
    return cli::Fail(terminal.err, what,
                     NeedsYes("be sure that the other copies are gone for good, then say --yes"));
  }
  if (failed.empty()) return cli::kDone;
  return cli::Fail(terminal.err, what,
                   {Code::kConditionFailed, ShardNames(failed) + " without a primary " +
                                                (failed.size() == 1 ? "was" : "were") +
                                                " left as before (the lines above say why)"});
}

namespace {

/// Ok when as many copies as the cluster wants are whole, so that nobody needs what is void.
Status CheckWhole(Client& client, std::uint32_t shard, milliseconds timeout) {
  const Result<ClusterStateView> state = client.ClusterState({.timeout = timeout});
  if (!state.ok()) return state.status();
  for (const ShardSummaryView& each : state->shards) {
    if (each.shard != shard) continue;
    const std::size_t whole = each.healthy_voters.size();
    if (each.primary != 0 && whole >= state->replicas) return {};
    return {Code::kConditionFailed,
            "of the " + std::to_string(state->replicas) + " copies that the cluster wants of it, " +
                std::to_string(whole) +
                " are whole (wait until the others are; where no other "
                "node can take them, --accept-loss deletes what is void before that)"};
  }
  return {Code::kConditionFailed, "the meta group does not know the shard (try again)"};
}

}  // namespace

int RunDiscardVoid(const cli::CommandLine& line, Client& client, Terminal& terminal) {
  const std::string what = "shard " + line.words()[0] + " discard-void";
  const Result<ClusterView> map = client.Map();
  if (!map.ok()) return cli::Fail(terminal.err, what, map.status());
  const auto shard_count = static_cast<std::uint32_t>(map->shards.size());
  const Result<std::uint32_t> shard = ShardWord(line.words()[0], shard_count);
  if (!shard.ok()) return cli::Fail(terminal.err, what, shard.status());
  if (!line.Has("node")) {
    return cli::Fail(terminal.err, what,
                     {Code::kInvalidArgument,
                      "say on which node: --node=N (ringfortctl doctor "
                      "names those that keep void copies)"});
  }
  const auto node = static_cast<std::uint32_t>(line.Number("node"));
  if (!line.Switch("accept-loss")) {
    const Status whole = CheckWhole(client, *shard, line.Duration("timeout"));
    if (!whole.ok()) return cli::Fail(terminal.err, what, whole);
  }
  if (!line.Switch("yes")) {
    return cli::Fail(terminal.err, what,
                     NeedsYes("what node " + std::to_string(node) +
                              " keeps of it would be deleted for ever (say --yes)"));
  }
  const Result<std::uint32_t> copies =
      client.DiscardVoid(*shard, node, {.timeout = line.Duration("timeout")});
  if (!copies.ok()) return FailChange(terminal, what, copies.status());
  if (line.Text("format") == "json") {
    terminal.out << Dumped(
        {{"shard", ShardJson(*shard, shard_count)}, {"node", node}, {"discarded", *copies}});
  } else {
    terminal.out << "node " << node << " has deleted " << Copies(*copies) << " of shard "
                 << ShardName(*shard, shard_count) << " that counted for nothing\n";
  }
  return cli::kDone;
}

}  // namespace ringfort::ctl

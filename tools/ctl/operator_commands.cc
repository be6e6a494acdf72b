#include "tools/ctl/operator_commands.h"

#include <string>
#include <utility>

#include "tools/ctl/doctor.h"
#include "tools/ctl/events.h"
#include "tools/ctl/node_add.h"
#include "tools/ctl/node_change.h"
#include "tools/ctl/node_words.h"
#include "tools/ctl/nodes.h"
#include "tools/ctl/ordered_change.h"
#include "tools/ctl/rebalance.h"
#include "tools/ctl/recover.h"
#include "tools/ctl/shard.h"
#include "tools/ctl/top.h"
#include "tools/ctl/transfer.h"
#include "tools/ctl/upgrade.h"

namespace ringfort::ctl {
namespace {

using cli::Flag;
using cli::FlagKind;

const Flag kDryRun = {.name = "dry-run",
                      .kind = FlagKind::kSwitch,
                      .help = "say what would happen, and change nothing"};

std::vector<Flag> With(std::vector<Flag> flags, const std::vector<Flag>& more) {
  flags.insert(flags.end(), more.begin(), more.end());
  return flags;
}

/// A change of one node, which the server refuses where it is dangerous.
CtlCommand NodeCommand(const std::string& verb, const std::string& words, std::size_t count,
                       const std::string& summary) {
  const std::vector<Flag> flags = {
      kDryRun,
      {.name = "accept-fewer-copies",
       .kind = FlagKind::kSwitch,
       .help = "though shards will have fewer copies than the cluster wants"}};
  return {{.name = "node " + verb,
           .words = words,
           .words_min = count,
           .words_max = count,
           .summary = summary,
           .details = "What would leave shards with too few copies is refused, and says which flag"
                      " accepts that.",
           .flags = With(flags, WaitFlags())},
          RunNodeChange};
}

std::vector<CtlCommand> NodeCommands() {
  const std::vector<Flag> add_flags = {
      {.name = "listen",
       .help = "where the others and clients reach the node",
       .placeholder = "HOST:PORT"},
      {.name = "data_dir", .help = "its data directory, empty or new", .placeholder = "DIR"},
      {.name = "zone", .help = "none: a zone of its own", .placeholder = "ZONE"},
      {.name = "weight",
       .kind = FlagKind::kNumber,
       .help = "its share against the others'",
       .min = 1,
       .max = kWeightMax}};
  return {
      {{.name = "nodes", .summary = "Lists the nodes: state, replicas, primaries, data, load."},
       RunNodes},
      {{.name = "node add",
        .words = "[ID]",
        .words_min = 0,
        .words_max = 1,
        .summary = "Tells how to start a node that joins; can wait until it has its share.",
        .details = "Prints the line to type on the node's machine: nodes are started there, and"
                   " join by themselves. Without ID it takes the next free one.",
        .flags = With(add_flags, WaitFlags())},
       RunNodeAdd},
      NodeCommand("drain", "ID", 1, "Empties a node; it stays a member."),
      NodeCommand("undrain", "ID", 1, "Lets a drained node take replicas again."),
      NodeCommand("remove", "ID", 1, "Empties a node and lets it go; a dead one is rebuilt."),
      NodeCommand("replace", "OLD NEW", 2, "Moves all of a node to another, and lets it go."),
      NodeCommand("set-weight", "ID WEIGHT", 2, "Changes a node's share against the others'."),
      NodeCommand("set-zone", "ID ZONE", 2,
                  "Changes a node's zone; an empty one is a zone of its own."),
  };
}

std::vector<CtlCommand> MoveCommands() {
  const std::vector<Flag> rebalance_flags = {
      kDryRun,
      {.name = "pause", .kind = FlagKind::kSwitch, .help = "no further move begins"},
      {.name = "resume", .kind = FlagKind::kSwitch, .help = "after --pause"},
      {.name = "cancel",
       .kind = FlagKind::kSwitch,
       .help = "what has not begun does not begin; what has goes back where that is safe"}};
  return {
      {{.name = "plan", .summary = "Shows what a rebalance would move, how many bytes, and why."},
       RunPlan},
      {{.name = "rebalance",
        .summary = "Moves shards until every node has its share; pauses, resumes, cancels.",
        .flags = With(rebalance_flags, WaitFlags())},
       RunRebalance},
      {{.name = "transfer",
        .words = "SHARD NODE",
        .words_min = 2,
        .words_max = 2,
        .summary = "Lets another of its replicas lead a shard.",
        .details = "SHARD is a number, or meta for the meta group.",
        .flags = {{.name = "wait", .kind = FlagKind::kSwitch, .help = "until it leads"},
                  {.name = "timeout",
                   .kind = FlagKind::kDuration,
                   .default_value = "10s",
                   .help = "for each request, and for the wait"}}},
       RunTransfer},
      {{.name = "upgrade finalize",
        .summary = "Raises the cluster's feature level, once every node runs the new release.",
        .details = "New formats are in use from then on, and no node can go back to an older"
                   " release. Refused, with the names, while a node does not know the next level.",
        .flags = {kDryRun}},
       RunUpgradeFinalize},
  };
}

std::vector<CtlCommand> LookCommands() {
  return {
      {{.name = "shard",
        .words = "SHARD [recover|discard-void]",
        .words_min = 1,
        .words_max = 2,
        .summary = "Shows one shard: its members, who leads, who lags, and its move.",
        .details =
            "SHARD is a number, or meta for the meta group.\n"
            "recover lists its copies and, with --yes, begins it anew from one of them, when a "
            "majority of its voters is gone for good: what only the others have is lost, and they "
            "are void.\n"
            "discard-void deletes what a node keeps of it and no longer counts.",
        .flags = RecoverFlags()},
       RunShard},
      {{.name = "recover",
        .summary = "Begins all shards anew that have lost their majority for good.",
        .details = "Each from its newest copy, as ringfortctl shard SHARD recover does. The meta "
                   "group comes first: ringfortd --recover_cluster_from_this_copy.",
        .flags = {{.name = "all-lost",
                   .kind = FlagKind::kSwitch,
                   .help = "every shard that cannot have a primary any more"},
                  kDryRun,
                  {.name = "yes",
                   .kind = FlagKind::kSwitch,
                   .help = "do it; without it, it only says what it would do"}}},
       RunRecoverLost},
      {{.name = "doctor",
        .summary = "Says what is wrong, why, and what to do; exits 1 when something is."},
       RunDoctor},
      {{.name = "top",
        .summary = "Shows nodes, moves and the busiest shards; on a terminal again and again.",
        .details = "Ctrl-C ends it. What is not a terminal, or asks for JSON, gets it once.",
        .flags = {{.name = "once", .kind = FlagKind::kSwitch, .help = "only once"},
                  {.name = "interval",
                   .kind = FlagKind::kDuration,
                   .default_value = "1s",
                   .help = "from one look to the next"}}},
       RunTop},
      {{.name = "events",
        .summary = "Lists who changed what in the cluster, and when.",
        .details = "With --follow and --format=json, one object a line.",
        .flags = {{.name = "after",
                   .kind = FlagKind::kNumber,
                   .default_value = "0",
                   .help = "only those with a higher number"},
                  {.name = "limit",
                   .kind = FlagKind::kNumber,
                   .help = "at most N; --follow ends after them",
                   .min = 1,
                   .max = UINT32_MAX},
                  {.name = "follow",
                   .kind = FlagKind::kSwitch,
                   .help = "go on and print new ones as they come"}}},
       RunEvents},
  };
}

}  // namespace

std::vector<CtlCommand> OperatorCommands() {
  std::vector<CtlCommand> commands = NodeCommands();
  for (CtlCommand& command : MoveCommands()) commands.push_back(std::move(command));
  for (CtlCommand& command : LookCommands()) commands.push_back(std::move(command));
  return commands;
}

}  // namespace ringfort::ctl

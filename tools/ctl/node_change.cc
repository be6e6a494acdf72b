#include "tools/ctl/node_change.h"

#include <algorithm>
#include <array>
#include <string>

#include "ringfort/admin.h"
#include "tools/cli/errors.h"
#include "tools/ctl/key_words.h"
#include "tools/ctl/node_words.h"
#include "tools/ctl/ordered_change.h"

namespace ringfort::ctl {
namespace {

/// A command, what it does, and what it says then of "node N".
struct Change {
  const char* command;
  NodeChange::Kind kind;
  const char* done;
};
constexpr std::array<Change, 6> kChanges = {{
    {"node drain", NodeChange::Kind::kDrain, "is being drained"},
    {"node undrain", NodeChange::Kind::kUndrain, "takes replicas again"},
    {"node remove", NodeChange::Kind::kRemove, "is being removed"},
    {"node replace", NodeChange::Kind::kReplace, "is being replaced"},
    {"node set-weight", NodeChange::Kind::kSetWeight, "has another weight"},
    {"node set-zone", NodeChange::Kind::kSetZone, "has another zone"},
}};

/// What the words and flags ask for.
Result<NodeChange> ReadChange(const cli::CommandLine& line, NodeChange::Kind kind) {
  NodeChange change{.kind = kind};
  const Result<std::uint32_t> node = NodeWord(line.words()[0]);
  if (!node.ok()) return node.status();
  change.node = *node;
  if (kind == NodeChange::Kind::kReplace) {
    const Result<std::uint32_t> replacement = NodeWord(line.words()[1]);
    if (!replacement.ok()) return replacement.status();
    change.replacement = *replacement;
  }
  if (kind == NodeChange::Kind::kSetWeight) {
    const Result<std::uint32_t> weight = WeightWord(line.words()[1]);
    if (!weight.ok()) return weight.status();
    change.weight = *weight;
  }
  if (kind == NodeChange::Kind::kSetZone) change.zone = line.words()[1];
  change.dry_run = line.Switch("dry-run");
  change.accept_fewer_copies = line.Switch("accept-fewer-copies");
  return change;
}

bool Empties(NodeChange::Kind kind) {
  return kind == NodeChange::Kind::kDrain || kind == NodeChange::Kind::kRemove ||
         kind == NodeChange::Kind::kReplace;
}

WaitGoal GoalOf(const NodeChange& change) {
  switch (change.kind) {
    case NodeChange::Kind::kDrain: return Emptied(change.node);
    case NodeChange::Kind::kRemove:
    case NodeChange::Kind::kReplace: return Gone(change.node);
    default: return NothingMoves();
  }
}

}  // namespace

int RunNodeChange(const cli::CommandLine& line, Client& client, Terminal& terminal) {
  const Change& made = *std::find_if(kChanges.begin(), kChanges.end(), [&line](const Change& each) {
    return line.command() == each.command;
  });
  const std::string what = WhatOf(line);
  const Result<NodeChange> change = ReadChange(line, made.kind);
  if (!change.ok()) return cli::Fail(terminal.err, what, change.status());
  OrderedChange ordered = {.what = what,
                           .done = "node " + std::to_string(change->node) + " " + made.done,
                           .goal = GoalOf(*change)};
  if (Empties(made.kind)) ordered.emptied = {change->node};
  return FinishChange(line, client, terminal, ordered, client.ChangeNode(*change));
}

}  // namespace ringfort::ctl

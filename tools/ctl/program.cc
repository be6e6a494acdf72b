#include "tools/ctl/program.h"

#include <algorithm>
#include <chrono>
#include <string>
#include <thread>
#include <utility>

#include "tools/cli/cluster_flags.h"
#include "tools/cli/errors.h"
#include "tools/ctl/data_commands.h"
#include "tools/ctl/debug_log.h"
#include "tools/ctl/export.h"
#include "tools/ctl/import.h"
#include "tools/ctl/operator_commands.h"
#include "tools/ctl/ring.h"
#include "tools/ctl/shards.h"
#include "tools/ctl/status.h"
#include "tools/ctl/verify.h"

namespace ringfort::ctl {
namespace {

using cli::Flag;
using cli::FlagKind;

const Flag kSortKey = {
    .name = "sort-key", .help = "the entry's sort key; none: empty", .placeholder = "S"};
const Flag kHex = {.name = "hex",
                   .kind = FlagKind::kSwitch,
                   .help = "keys and values are written in hexadecimal, given and printed"};
const Flag kIfVersion = {.name = "if-version",
                         .kind = FlagKind::kNumber,
                         .help = "only if the entry's version is N",
                         .min = 1};
const Flag kConsistency = {.name = "consistency",
                           .kind = FlagKind::kChoice,
                           .default_value = "linearizable",
                           .help = "any-replica may be old, and answers while there is no primary",
                           .choices = {"linearizable", "any-replica"}};
const Flag kEntryFormat = {.name = "format",
                           .kind = FlagKind::kChoice,
                           .default_value = "tsv",
                           .help = "of the entries",
                           .choices = {"tsv", "jsonl"}};
const Flag kColumns = {.name = "columns",
                       .kind = FlagKind::kChoice,
                       .default_value = "auto",
                       .help =
                           "of tsv; auto: key and value, with the sort key between where "
                           "there is one",
                       .choices = {"auto", "key,value", "key,sort_key,value"}};

constexpr const char* kFormats =
    "tsv: one entry a line, its columns apart by tabs. Inside a column a tab is written \\t, a "
    "line feed"
    " \\n, a carriage return \\r and a backslash \\\\; every other byte stands for itself.\n"
    "jsonl: one object a line, {\"key\": ..., \"sort_key\": ..., \"value\": ...}; what is not "
    "UTF-8 text"
    " stands as base64 under key_base64, sort_key_base64, value_base64.";

std::vector<CtlCommand> DataCommands() {
  return {
      {{.name = "put",
        .words = "KEY [VALUE]",
        .words_min = 1,
        .words_max = 2,
        .summary = "Writes an entry and prints its version.",
        .details =
            "A value that a command line cannot carry comes from a file or from standard input.",
        .flags = {kSortKey,
                  {.name = "if-absent",
                   .kind = FlagKind::kSwitch,
                   .help = "only if there is no such entry"},
                  kIfVersion,
                  {.name = "file",
                   .help = "its bytes are the value; - is standard input",
                   .placeholder = "FILE|-"},
                  kHex}},
       RunPut},
      {{.name = "get",
        .words = "KEY",
        .words_min = 1,
        .words_max = 1,
        .summary = "Prints an entry's value, its bytes unchanged.",
        .flags = {kSortKey, kHex, kConsistency}},
       RunGet},
      {{.name = "delete",
        .words = "KEY",
        .words_min = 1,
        .words_max = 1,
        .summary = "Deletes an entry; one that is not there is deleted already.",
        .flags = {kSortKey, kIfVersion, kHex}},
       RunDelete},
      {{.name = "scan",
        .words = "KEY",
        .words_min = 1,
        .words_max = 1,
        .summary = "Prints the entries of a shard key in the order of their sort keys.",
        .details =
            "One a line, sort key and value apart by a tab, with tab, line feed and backslash"
            " written \\t, \\n and \\\\.",
        .flags =
            {{.name = "begin", .help = "the first sort key", .placeholder = "S"},
             {.name = "end", .help = "the sort key before which to stop", .placeholder = "S"},
             {.name = "prefix", .help = "only sort keys that begin so", .placeholder = "S"},
             {.name = "reverse", .kind = FlagKind::kSwitch, .help = "from the end"},
             {.name = "limit", .kind = FlagKind::kNumber, .help = "at most N entries", .min = 1},
             kHex,
             kConsistency}},
       RunScan},
      {{.name = "import",
        .words = "FILE|-",
        .words_min = 1,
        .words_max = 1,
        .summary = "Writes the entries of a file, or of standard input.",
        .details =
            std::string(kFormats) +
            "\nEmpty lines are passed over. A line that is no entry is reported with its"
            " number, and the import goes on. Where a key stands twice, its later line stays.",
        .flags = {kEntryFormat,
                  kColumns,
                  {.name = "in_flight",
                   .kind = FlagKind::kNumber,
                   .default_value = "256",
                   .help = "writes on their way at the same time",
                   .min = 1,
                   .max = 1024}}},
       RunImport},
      {{.name = "export",
        .words = "[FILE]",
        .words_min = 0,
        .words_max = 1,
        .summary = "Writes every entry to a file, or to standard output.",
        .details =
            std::string(kFormats) +
            "\nThe file is FILE.partial until it is whole. Entries come shard by shard; what is"
            " written meanwhile may or may not be among them.\n"
            "With --consistency=any-replica each shard is read from the one copy, of those that"
            " answer, which has applied the most: also where no majority is left. What that copy"
            " lacks is not in the file; which node each shard was read from is said.",
        .flags = {kEntryFormat, kColumns, kConsistency}},
       RunExport},
  };
}

std::vector<CtlCommand> ClusterCommands() {
  const Flag wait = {.name = "wait",
                     .kind = FlagKind::kDuration,
                     .help = "until every node serves and every replica has caught up"};
  const Flag wait_primaries = {.name = "wait-primaries",
                               .kind = FlagKind::kDuration,
                               .help = "until every shard has a serving primary"};
  return {
      {{.name = "status",
        .summary = "Shows nodes, shards, primaries, terms and lag; can wait until all is well.",
        .flags = {wait,
                  wait_primaries,
                  {.name = "shards", .kind = FlagKind::kSwitch, .help = "a line for each shard"}}},
       RunStatus},
      {{.name = "shards",
        .summary = "Lists what each shard holds, is asked for and costs.",
        .details =
            "Rates are means of the last 10 s or so, of all the shard's replicas together; the"
            " time is that of event loops and blocking pools, in percent of one core.",
        .flags =
            {{.name = "hot",
              .kind = FlagKind::kSwitch,
              .help = "the busiest first, 10 unless --limit says more, with their hottest"
                      " shard keys by sampling"},
             {.name = "limit", .kind = FlagKind::kNumber, .help = "at most N shards", .min = 1}}},
       RunShards},
      {{.name = "verify",
        .summary = "Checks that all replicas of each shard hold the same data.",
        .details =
            "Each replica sums up its data as of one entry of the log, while reads and writes go"
            " on. Exits 1 and names the nodes when some differ, are damaged or were not checked.",
        .flags = {{.name = "shard",
                   .kind = FlagKind::kNumber,
                   .help = "only this shard",
                   .max = UINT32_MAX},
                  {.name = "wait",
                   .kind = FlagKind::kDuration,
                   .default_value = "5m",
                   .help = "how long the replicas of one shard may take"}}},
       RunVerify},
      {{.name = "ring", .summary = "Draws which node owns how much of the ring."}, RunRing},
      {{.name = "locate",
        .words = "KEY",
        .words_min = 1,
        .words_max = 1,
        .summary = "Shows where a shard key lives.",
        .flags = {kHex}},
       RunLocate},
      {{.name = "debug log",
        .words = "DIR",
        .words_min = 1,
        .words_max = 1,
        .summary = "Prints the log files of a node that does not run, and how the log ends.",
        .details =
            "DIR is the node's data directory or the folder of its log. Nothing is changed. Values"
            " are not printed.",
        .flags = {{.name = "shard",
                   .kind = FlagKind::kNumber,
                   .help = "only records of this shard",
                   .max = UINT32_MAX},
                  {.name = "limit", .kind = FlagKind::kNumber, .help = "print at most N records"},
                  {.name = "summary",
                   .kind = FlagKind::kSwitch,
                   .help = "no records, only counts and the verdict"}}},
       nullptr,
       RunDebugLog},
  };
}

/// As patient as the command: who waits for a cluster may be there before it.
Result<Client> Connect(const cli::CommandLine& line) {
  using Clock = std::chrono::steady_clock;
  constexpr std::chrono::milliseconds kPause{50};
  Clock::time_point deadline = Clock::now();
  if (line.command() == "status") {
    for (const char* flag : {"wait", "wait-primaries"}) {
      if (line.Has(flag)) deadline = std::max(deadline, Clock::now() + line.Duration(flag));
    }
  }
  while (true) {
    Result<Client> client = Client::Connect(cli::OptionsOf(line));
    const bool may_come = !client.ok() && client.status().code() == Code::kUnavailable;
    if (!may_come || Clock::now() + kPause >= deadline) return client;
    std::this_thread::sleep_for(kPause);
  }
}

}  // namespace

std::vector<CtlCommand> Commands() {
  std::vector<CtlCommand> commands = DataCommands();
  for (CtlCommand& command : ClusterCommands()) commands.push_back(std::move(command));
  for (CtlCommand& command : OperatorCommands()) commands.push_back(std::move(command));
  return commands;
}

cli::Program ProgramOf(const std::vector<CtlCommand>& commands) {
  cli::Program program{.name = "ringfortctl",
                       .summary = "Reads, writes and looks after a Ringfort cluster.",
                       .flags = cli::ClusterFlags(),
                       .commands = {}};
  for (const CtlCommand& command : commands) program.commands.push_back(command.words);
  return program;
}

int Main(const std::vector<std::string>& args, Terminal& terminal) {
  const std::vector<CtlCommand> commands = Commands();
  Result<cli::Parsed> parsed = cli::Parse(ProgramOf(commands), RINGFORT_VERSION, args);
  if (!parsed.ok()) {
    terminal.err << "error: " << parsed.status().message() << "\n";
    return cli::kWrongWords;
  }
  if (!parsed->print.empty()) {
    terminal.out << parsed->print;
    return cli::kDone;
  }
  const cli::CommandLine& line = parsed->line;
  const auto command = std::find_if(commands.begin(), commands.end(), [&line](const CtlCommand& c) {
    return c.words.name == line.command();
  });
  if (command->run_alone != nullptr) return command->run_alone(line, terminal);
  Result<Client> client = Connect(line);
  if (!client.ok()) return cli::Fail(terminal.err, line.command(), client.status());
  return command->run(line, *client, terminal);
}

}  // namespace ringfort::ctl

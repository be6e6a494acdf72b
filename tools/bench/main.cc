// ringfort-bench: the table of its commands.
#include <algorithm>
#include <iostream>
#include <string>
#include <vector>

#include "base/descriptors.h"
#include "tools/bench/ledger_command.h"
#include "tools/bench/load.h"
#include "tools/bench/probe.h"
#include "tools/cli/cluster_flags.h"
#include "tools/cli/command_line.h"
#include "tools/cli/errors.h"

namespace ringfort::bench {
namespace {

using cli::Flag;
using cli::FlagKind;

struct BenchCommand {
  cli::Command words;
  int (*run)(const cli::CommandLine&);
};

Flag Number(const char* name, const char* initial, const char* help, std::uint64_t min,
            std::uint64_t max) {
  return {.name = name,
          .kind = FlagKind::kNumber,
          .default_value = initial,
          .help = help,
          .min = min,
          .max = max};
}

Flag Seconds(const char* initial) {
  return {.name = "seconds",
          .kind = FlagKind::kDuration,
          .default_value = initial,
          .help = "for how long"};
}

std::vector<Flag> LoadFlags() {
  return {
      Number("outstanding", "64", "requests without an answer yet, over all clients", 1, 65'536),
      Number("clients", "1", "connections to the cluster, each with a thread of its own", 1, 256),
      Number("keys", "100000", "different keys", 1, 1'000'000'000),
      Number("value_bytes", "100", "of each value", 0, 8 << 20),
      Seconds("10s"),
      {.name = "warmup",
       .kind = FlagKind::kDuration,
       .default_value = "1s",
       .help = "before it counts"},
      {.name = "interval",
       .kind = FlagKind::kDuration,
       .help = "figures for each interval too; else at the end, which Ctrl-C brings about early"},
      Number("seed", "1", "of keys and values", 0, UINT64_MAX)};
}

std::vector<BenchCommand> LoadCommands() {
  std::vector<Flag> mixed = LoadFlags();
  mixed.push_back(Number("get-percent", "80", "of 100 requests, so many are gets", 1, 99));
  return {
      {{.name = "put",
        .summary = "Writes random keys and tells rate and latency.",
        .flags = LoadFlags()},
       RunLoadCommand},
      {{.name = "get", .summary = "Writes all keys, then reads random ones.", .flags = LoadFlags()},
       RunLoadCommand},
      {{.name = "mixed",
        .summary = "Writes all keys, then reads and writes random ones.",
        .flags = mixed},
       RunLoadCommand},
  };
}

std::vector<BenchCommand> Commands() {
  const Flag patient = {.name = "timeout",
                        .kind = FlagKind::kDuration,
                        .default_value = "10s",
                        .help = "for each request"};
  const Flag interval = Number("interval_ms", "5", "between two writes to a shard", 1, 60'000);
  const Flag file = {.name = "file", .help = "where the account is kept", .placeholder = "FILE"};
  Flag file_to_read = file;
  file_to_read.default_value = "ledger.txt";
  std::vector<BenchCommand> commands = LoadCommands();
  const std::vector<BenchCommand> more = {
      {{.name = "probe",
        .summary = "Writes to every shard and tells for how long writes failed or hung.",
        .details =
            "For each shard: the longest time from the end of one successful write to the end of"
            " the next, with one write outstanding. Nothing is taken off: on a healthy cluster it"
            " is the interval, or a write if that takes longer.",
        .flags = {Seconds("10s"), interval, patient}},
       RunProbe},
      {{.name = "failover",
        .summary = "Kills primaries of a local cluster, and tells how long writes failed.",
        .details =
            "Each time: wait until all is well, kill -9 the node that is primary for most shards,"
            " wait until every shard takes writes, start the node again.",
        .flags = {Number("kills", "20", "how often", 1, 10'000),
                  interval,
                  patient,
                  {.name = "cluster-script",
                   .default_value = "scripts/cluster",
                   .help = "what kills and restarts nodes",
                   .placeholder = "FILE"}}},
       RunFailover},
      {{.name = "ledger",
        .summary = "Writes, and keeps the account of every write.",
        .flags = {Seconds("10s"),
                  Number("clients", "8", "that write at the same time", 1, 256),
                  file,
                  {.name = "final-check",
                   .kind = FlagKind::kSwitch,
                   .help = "at the end, read every key and account for every acknowledged write"},
                  Number("seed", "1", "of what each client does", 0, UINT64_MAX)}},
       RunLedger},
      {{.name = "ledger-check",
        .summary = "Reads every key of an account, and judges what is there.",
        .flags = {file_to_read}},
       RunLedgerCheck},
  };
  commands.insert(commands.end(), more.begin(), more.end());
  return commands;
}

int Main(const std::vector<std::string>& args) {
  const std::vector<BenchCommand> commands = Commands();
  cli::Program program{
      .name = "ringfort-bench",
      .summary = "Measures a Ringfort cluster, and checks its promises under load.",
      .flags = cli::ClusterFlags(),
      .commands = {}};
  for (const BenchCommand& command : commands) program.commands.push_back(command.words);
  const Result<cli::Parsed> parsed = cli::Parse(program, RINGFORT_VERSION, args);
  if (!parsed.ok()) {
    std::cerr << "error: " << parsed.status().message() << "\n";
    return cli::kWrongWords;
  }
  if (!parsed->print.empty()) {
    std::cout << parsed->print;
    return cli::kDone;
  }
  const auto command = std::find_if(
      commands.begin(), commands.end(),
      [&parsed](const BenchCommand& c) { return c.words.name == parsed->line.command(); });
  return command->run(parsed->line);
}

}  // namespace
}  // namespace ringfort::bench

int main(int argc, char** argv) {
  ringfort::OpenStandardDescriptors();
  return ringfort::bench::Main(std::vector<std::string>(argv + 1, argv + argc));
}

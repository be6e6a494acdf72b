// ringfort-sim: runs the simulated cluster from a seed, or from many.
#include <gflags/gflags.h>

#include <cinttypes>
#include <cstdio>

#include "tests/sim/cluster/world.h"

DEFINE_uint64(seed, 1, "what the run is drawn from; the first, with --runs");
DEFINE_uint64(runs, 1, "how many seeds in a row are run");
DEFINE_uint32(seconds, 20, "simulated seconds in which things go wrong");
DEFINE_uint32(nodes, 3, "nodes of the cluster, at least 1");
DEFINE_bool(trace, false, "print what happens");

int main(int argc, char** argv) {
  gflags::ParseCommandLineFlags(&argc, &argv, true);
  int failures = 0;
  for (std::uint64_t i = 0; i < FLAGS_runs; ++i) {
    ringfort::sim::WorldOptions options;
    options.seed = FLAGS_seed + i;
    options.nodes = FLAGS_nodes;
    options.safety_phase = std::chrono::seconds(FLAGS_seconds);
    options.trace = FLAGS_trace;
    std::printf("seed %" PRIu64 ": ", options.seed);
    std::fflush(stdout);  // Seen even if the run ends in a failed check.
    if (FLAGS_trace) std::printf("\n");
    const ringfort::sim::Outcome outcome = ringfort::sim::RunWorld(options);
    std::printf("%s, %" PRIu64 " writes, %" PRIu64 " reads, %" PRIu64 " failed, %" PRIu64
                " states compared, trace %016" PRIx64 "\n",
                outcome.wrong.empty() ? "ok" : "WRONG", outcome.writes, outcome.reads,
                outcome.failed, outcome.states_compared, outcome.trace_hash);
    for (const std::string& line : outcome.wrong) std::printf("  %s\n", line.c_str());
    if (outcome.wrong.empty()) continue;
    ++failures;
    std::printf("  again: %s\n", ringfort::sim::RepeatCommand(options).c_str());
  }
  return failures == 0 ? 0 : 1;
}

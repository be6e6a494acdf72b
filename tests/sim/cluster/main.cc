// ringfort-sim: runs the simulated cluster from a seed, or from many.
#include <gflags/gflags.h>
#include <unistd.h>

#include <atomic>
#include <charconv>
#include <chrono>
#include <cinttypes>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <mutex>
#include <optional>
#include <sstream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "tests/sim/cluster/world.h"

DEFINE_uint64(seed, 1, "what the run is drawn from; the first, with --runs");
DEFINE_uint64(runs, 1, "how many seeds in a row are run");
DEFINE_uint32(seconds, 20, "simulated seconds in which things go wrong");
DEFINE_string(nodes, "3",
              "nodes of the cluster, at least 1; several sizes (3,5) are run with every seed");
DEFINE_string(spares, "0",
              "nodes that may join; with any, operators are at work, and nodes stay away until "
              "they are replaced; several numbers (0,2) are run with every seed");
DEFINE_uint32(jobs, 1, "runs at a time, each on a thread of its own");
DEFINE_bool(stop, false, "stop at the first violation");
DEFINE_bool(trace, false, "print what happens");

namespace {

using ringfort::sim::Outcome;
using ringfort::sim::WorldOptions;

/// For a run that ends the process: a failed check in the code. Whose check fails, aborts.
thread_local char g_again[256];

void OnAbort(int signal) {
  // Only what is allowed in a handler; when the write fails there is nobody to tell.
  [[maybe_unused]] const ssize_t written = write(STDERR_FILENO, g_again, std::strlen(g_again));
  std::signal(signal, SIG_DFL);
  std::raise(signal);
}

double Seconds(std::chrono::nanoseconds duration) {
  return std::chrono::duration<double>(duration).count();
}

[[noreturn]] void RefuseFlag(const char* flag, const std::string& value, std::uint32_t least,
                             std::uint32_t most) {
  std::fprintf(stderr, "error: --%s=%s: not a number from %" PRIu32 " to %" PRIu32 "\n", flag,
               value.c_str(), least, most);
  std::exit(2);
}

/// Numbers with commas between them.
std::vector<std::uint32_t> Numbers(const char* flag, const std::string& value, std::uint32_t least,
                                   std::uint32_t most) {
  std::vector<std::uint32_t> numbers;
  std::istringstream list(value);
  for (std::string item; std::getline(list, item, ',');) {
    std::uint32_t number = 0;
    const char* const end = item.data() + item.size();
    const auto [parsed, error] = std::from_chars(item.data(), end, number);
    if (error != std::errc() || parsed != end || number < least || number > most) {
      RefuseFlag(flag, item, least, most);
    }
    numbers.push_back(number);
  }
  if (numbers.empty()) RefuseFlag(flag, value, least, most);
  return numbers;
}

/// Over all runs: what they were, and how fast they go.
class Progress {
 public:
  explicit Progress(std::uint64_t planned) : planned_(planned) {}

  void Add(const Outcome& outcome) {
    ++done_;
    wrong_ += !outcome.wrong.empty();
    simulated_ += outcome.simulated;
    calls_ += outcome.writes + outcome.reads;
    requests_taken_ += outcome.requests_taken;
    moves_ += outcome.moves;
    repairs_ += outcome.repairs;
    begun_anew_ += outcome.begun_anew;
  }
  /// A line that replaces itself on a terminal, one every few seconds elsewhere.
  void Show() {
    const auto now = std::chrono::steady_clock::now();
    if (planned_ == 1 || now - shown_at_ < (terminal_ ? 0.2 : 5.0) * std::chrono::seconds(1))
      return;
    shown_at_ = now;
    const double elapsed = Seconds(now - began_at_);
    const double left =
        done_ == 0 ? 0
                   : elapsed / static_cast<double>(done_) * static_cast<double>(planned_ - done_);
    std::printf("%s%" PRIu64 " of %" PRIu64 " runs, %.0f simulated s/s, %" PRIu64
                " wrong, %.0f s left%s",
                terminal_ ? "\r\033[K" : "", done_, planned_, Seconds(simulated_) / elapsed, wrong_,
                left, terminal_ ? "" : "\n");
    std::fflush(stdout);
  }
  void Clear() const {
    if (terminal_ && planned_ > 1) std::printf("\r\033[K");
  }
  void Finish() const {
    Clear();
    const double busy = static_cast<double>(std::clock()) / CLOCKS_PER_SEC;
    std::printf("%" PRIu64 " runs, %" PRIu64
                " calls, %.0f simulated s in %.1f s, %.0f a CPU second, %" PRIu64 " wrong\n",
                done_, calls_, Seconds(simulated_),
                Seconds(std::chrono::steady_clock::now() - began_at_), Seconds(simulated_) / busy,
                wrong_);
    std::printf("%" PRIu64 " requests of operators taken, %" PRIu64 " moves, %" PRIu64
                " of them repairs, %" PRIu64 " shards begun anew\n",
                requests_taken_, moves_, repairs_, begun_anew_);
  }
  [[nodiscard]] bool any_wrong() const { return wrong_ != 0; }

 private:
  const std::uint64_t planned_;
  const bool terminal_ = isatty(STDOUT_FILENO) != 0;
  const std::chrono::steady_clock::time_point began_at_ = std::chrono::steady_clock::now();
  std::chrono::steady_clock::time_point shown_at_ = began_at_;
  std::uint64_t done_ = 0;
  std::uint64_t wrong_ = 0;
  std::uint64_t calls_ = 0;
  std::uint64_t requests_taken_ = 0;
  std::uint64_t moves_ = 0;
  std::uint64_t repairs_ = 0;
  std::uint64_t begun_anew_ = 0;
  std::chrono::nanoseconds simulated_{0};
};

/// All the runs that were asked for, in their order: which is next?
class Runs {
 public:
  Runs(std::vector<std::uint32_t> nodes, std::vector<std::uint32_t> spares)
      : nodes_(std::move(nodes)), spares_(std::move(spares)) {}

  [[nodiscard]] std::uint64_t count() const { return FLAGS_runs * nodes_.size() * spares_.size(); }
  /// Nothing when all have begun. Thread-safe.
  std::optional<WorldOptions> Next() {
    const std::uint64_t number = begun_++;
    if (number >= count()) return std::nullopt;
    WorldOptions options;
    options.seed = FLAGS_seed + number / (nodes_.size() * spares_.size());
    options.nodes = nodes_[number / spares_.size() % nodes_.size()];
    options.spares = spares_[number % spares_.size()];
    options.safety_phase = std::chrono::seconds(FLAGS_seconds);
    options.stop_at_first = FLAGS_stop;
    options.trace = FLAGS_trace;
    return options;
  }
  void Stop() { begun_ = count(); }

 private:
  const std::vector<std::uint32_t> nodes_;
  const std::vector<std::uint32_t> spares_;
  std::atomic<std::uint64_t> begun_{0};
};

void Report(const WorldOptions& options, const Outcome& outcome) {
  std::printf("seed %" PRIu64 ", %" PRIu32 " nodes: %s, %" PRIu64 " writes, %" PRIu64
              " reads, %" PRIu64 " failed, %" PRIu64 " states compared, trace %016" PRIx64 "\n",
              options.seed, options.nodes, outcome.wrong.empty() ? "ok" : "WRONG", outcome.writes,
              outcome.reads, outcome.failed, outcome.states_compared, outcome.trace_hash);
  for (const std::string& line : outcome.wrong) std::printf("  %s\n", line.c_str());
  if (!outcome.wrong.empty()) {
    std::printf("  again: %s\n", ringfort::sim::RepeatCommand(options).c_str());
  }
  std::fflush(stdout);
}

}  // namespace

int main(int argc, char** argv) {
  gflags::SetUsageMessage(
      "runs a cluster of simulated nodes and clients amid faults; equal seeds give equal runs");
  gflags::ParseCommandLineFlags(&argc, &argv, true);
  Runs runs(Numbers("nodes", FLAGS_nodes, 1, 50), Numbers("spares", FLAGS_spares, 0, 50));
  if (FLAGS_jobs < 1 || FLAGS_jobs > 256) RefuseFlag("jobs", std::to_string(FLAGS_jobs), 1, 256);
  std::signal(SIGABRT, OnAbort);
  Progress progress(runs.count());
  std::mutex printing;
  const auto work = [&] {
    while (const std::optional<WorldOptions> options = runs.Next()) {
      std::snprintf(g_again, sizeof(g_again), "  again: %s\n",
                    ringfort::sim::RepeatCommand(*options).c_str());
      const Outcome outcome = ringfort::sim::RunWorld(*options);
      const std::lock_guard<std::mutex> lock(printing);
      progress.Add(outcome);
      if (runs.count() == 1 || !outcome.wrong.empty()) {
        progress.Clear();
        Report(*options, outcome);
      }
      if (FLAGS_stop && progress.any_wrong()) runs.Stop();
      progress.Show();
    }
  };
  {
    std::vector<std::jthread> others;
    for (std::uint32_t i = 1; i < FLAGS_jobs; ++i) others.emplace_back(work);
    work();
  }
  progress.Finish();
  return progress.any_wrong() ? 1 : 0;
}

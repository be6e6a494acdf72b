// What a group commit costs: batches of 64 entries of 100 bytes, synced, as in design section 3.
// `wal_benchmark --benchmark_counters_tabular=true`; TMPDIR names the disk.
#include <benchmark/benchmark.h>
#include <stdlib.h>
#include <time.h>

#include <filesystem>
#include <future>
#include <string>
#include <vector>

#include "base/check.h"
#include "wal/wal.h"

namespace ringfort::wal {
namespace {

constexpr std::uint32_t kShards = 64;

double ProcessCpuSeconds() {
  timespec now{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

/// One batch: an entry for each of 64 shards, each appended on its own, as replicas do.
void BM_GroupCommit(benchmark::State& state) {
  std::string dir = (std::filesystem::temp_directory_path() / "ringfort-bench-XXXXXX").string();
  RF_CHECK(::mkdtemp(dir.data()) != nullptr);
  Options options;
  options.dir = dir;
  options.incarnation = {1, 2};
  options.durability = state.range(0) != 0 ? Durability::kSynced : Durability::kRelaxed;
  Result<std::unique_ptr<Wal>> wal = Wal::Open(options);
  RF_CHECK(wal.ok()) << wal.status().ToString();
  const SharedBytes data(std::string(100, 'x'));
  std::uint64_t index = 0;
  const double cpu_before = ProcessCpuSeconds();
  for (auto iteration : state) {
    ++index;
    std::vector<storage::LogUpdate> updates(kShards);
    for (std::uint32_t shard = 0; shard < kShards; ++shard) {
      updates[shard].shard = ShardId(shard);
      updates[shard].entries.push_back({Term(1), LogIndex(index), raft::EntryKind::kCommand, data});
    }
    std::promise<Status> outcome;
    (*wal)->Append(std::move(updates),
                   [&outcome](Status status) { outcome.set_value(std::move(status)); });
    RF_CHECK(outcome.get_future().get().ok());
    if (index % 4096 == 0) {
      for (std::uint32_t shard = 0; shard < kShards; ++shard) {
        (*wal)->Cut(ShardId(shard), LogIndex(index), Term(1), {});
      }
    }
  }
  const double cpu = ProcessCpuSeconds() - cpu_before;
  const auto entries = static_cast<double>(state.iterations()) * kShards;
  state.SetItemsProcessed(state.iterations() * kShards);
  state.counters["cpu_us_per_entry"] = 1e6 * cpu / entries;
  wal->reset();
  std::filesystem::remove_all(dir);
}
BENCHMARK(BM_GroupCommit)
    ->ArgName("synced")
    ->Arg(1)
    ->Arg(0)
    ->UseRealTime()
    ->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace ringfort::wal

BENCHMARK_MAIN();

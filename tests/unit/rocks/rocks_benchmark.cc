// What a replica pays for its data: Apply of small batches, and Get from memory, by one thread, as
// a replica's loop does it; and what the others pay while a replica is made and dropped.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/check.h"
#include "base/random.h"
#include "storage/encoding.h"
#include "tests/unit/rocks/scratch_dir.h"

namespace ringfort::rocks {
namespace {

using storage::Generation;
using storage::Mutation;
using storage::ReadDepth;
using storage::ShardData;
using storage::ShardStore;

constexpr std::uint64_t kKeys = 100'000;

std::string Key(std::uint64_t i) {
  return storage::EncodeDataKey("user-" + std::to_string(i), "");
}

class Shard {
 public:
  Shard() : store_(RocksStore::Open(scratch_.options()).value()) {
    const ShardStore::Name name{ShardId(0), Generation(1)};
    RF_CHECK(store_->Create({name}).ok());
    data_ = store_->Open(name).value();
  }

  void Put(std::uint64_t puts, Random* random) {
    std::vector<Mutation> mutations(puts);
    for (Mutation& mutation : mutations) {
      mutation.key = Key(random->Below(kKeys));
      mutation.value = storage::EncodeValue(LogIndex(applied_ + 1), std::string(100, 'v'));
    }
    ++applied_;
    const Status applied = data_->Apply(mutations, {LogIndex(applied_), Term(1)}, true);
    RF_CHECK(applied.ok()) << applied.ToString();
  }

  [[nodiscard]] ShardData& data() { return *data_; }

 private:
  ScratchDir scratch_;
  std::unique_ptr<RocksStore> store_;
  std::shared_ptr<ShardData> data_;
  std::uint64_t applied_ = 0;
};

void Apply(benchmark::State& state) {
  Shard shard;
  Random random(1);
  for (auto _ : state) shard.Put(static_cast<std::uint64_t>(state.range(0)), &random);
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(Apply)->Arg(1)->Arg(16)->ArgName("puts")->UseRealTime();

void GetFromMemory(benchmark::State& state) {
  Shard shard;
  Random random(1);
  for (int i = 0; i < 10'000; ++i) shard.Put(16, &random);
  const bool flushed = state.range(0) != 0;
  if (flushed) {
    RF_CHECK(shard.data().Flush().ok());
    for (std::uint64_t i = 0; i < kKeys; ++i) {  // Fills the block cache.
      RF_CHECK(shard.data().Get(Key(i), ReadDepth::kDisk).ok());
    }
  }
  for (auto _ : state) {
    const auto got = shard.data().Get(Key(random.Below(kKeys)), ReadDepth::kMemory);
    RF_CHECK(got.ok()) << got.status().ToString();
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(GetFromMemory)->Arg(0)->Arg(1)->ArgName("flushed");

/// The worst wait of a writer, beside the time that it takes itself.
void MakeAndDrop(benchmark::State& state) {
  const ScratchDir scratch;
  const std::unique_ptr<RocksStore> store = RocksStore::Open(scratch.options()).value();
  std::vector<ShardStore::Name> names;
  for (std::uint32_t i = 0; i < static_cast<std::uint32_t>(state.range(0)); ++i) {
    names.push_back({ShardId(i), Generation(1)});
  }
  RF_CHECK(store->Create(names).ok());
  const std::shared_ptr<ShardData> data = store->Open(names.front()).value();
  std::atomic<bool> stop = false;
  std::chrono::nanoseconds worst{0};
  std::thread writer([&] {
    for (std::uint64_t index = 1; !stop; ++index) {
      const auto begin = std::chrono::steady_clock::now();
      RF_CHECK(data->Apply({}, {LogIndex(index), Term(1)}, true).ok());
      worst = std::max<std::chrono::nanoseconds>(worst, std::chrono::steady_clock::now() - begin);
    }
  });
  for (auto _ : state) {
    const ShardStore::Name name{ShardId(0), Generation(2)};
    RF_CHECK(store->Create({name}).ok());
    RF_CHECK(store->Drop(name).ok());
  }
  stop = true;
  writer.join();
  state.counters["worst_write_ms"] = std::chrono::duration<double, std::milli>(worst).count();
}
BENCHMARK(MakeAndDrop)->Arg(64)->Arg(1024)->ArgName("replicas")->Iterations(20)->UseRealTime();

}  // namespace
}  // namespace ringfort::rocks

BENCHMARK_MAIN();

// What a replica pays for its data: Apply of small batches, and Get from memory. One thread, as a
// replica's loop does it.
#include <benchmark/benchmark.h>

#include <memory>
#include <string>
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

}  // namespace
}  // namespace ringfort::rocks

BENCHMARK_MAIN();

// The whims of the simulator's shard store; what it has in common with the real one is tested in
// tests/contract/shard_store.
#include "tests/sim/shard_store/memory_shard_store.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace ringfort::sim {
namespace {

using storage::Applied;
using storage::Generation;
using storage::Mutation;
using storage::ReadDepth;
using storage::ShardData;
using storage::ShardStore;

constexpr ShardStore::Name kName{ShardId(1), Generation(1)};

std::shared_ptr<ShardData> MakeAndOpen(MemoryShardStore* store) {
  EXPECT_TRUE(store->Create({kName}).ok());
  return store->Open(kName).value();
}

TEST(MemoryShardStore, FlushesUnaskedSoThatACrashFallsAnywhere) {
  MemoryShardStore store(7, {.flush_one_in = 5});
  std::shared_ptr<ShardData> data = MakeAndOpen(&store);
  int behind = 0;
  int even = 0;
  for (std::uint64_t i = 1; i <= 200; ++i) {
    ASSERT_TRUE(data->Apply({}, {LogIndex(i), Term(1)}, true).ok());
    (data->flushed_applied().value() == data->applied() ? even : behind)++;
  }
  EXPECT_GT(even, 10);
  EXPECT_GT(behind, 100);
}

TEST(MemoryShardStore, MissesOnlyInMemory) {
  MemoryShardStore store(7, {.miss_one_in = 3});
  const std::shared_ptr<ShardData> data = MakeAndOpen(&store);
  int missed = 0;
  for (int i = 0; i < 100; ++i) {
    const Status get = data->Get("a", ReadDepth::kMemory).status();
    const Status range = data->Range({}, ReadDepth::kMemory).status();
    for (const Status& status : {get, range}) {
      if (status.ok()) continue;
      EXPECT_EQ(status.code(), Code::kUnavailable);
      ++missed;
    }
    ASSERT_TRUE(data->Get("a", ReadDepth::kDisk).ok());
    ASSERT_TRUE(data->Range({}, ReadDepth::kDisk).ok());
  }
  EXPECT_GT(missed, 30);
  EXPECT_LT(missed, 110);
}

TEST(MemoryShardStore, OverloadedChangesNothing) {
  MemoryShardStore store(7, {.overload_one_in = 2});
  const std::shared_ptr<ShardData> data = MakeAndOpen(&store);
  int refused = 0;
  for (std::uint64_t i = 1; i <= 100; ++i) {
    const Applied before = data->applied();
    const Mutation put{.key = "k", .value = std::to_string(i)};
    const Status applied = data->Apply({put}, {LogIndex(i), Term(1)}, /*may_wait=*/false);
    if (applied.ok()) continue;
    EXPECT_EQ(applied.code(), Code::kOverloaded);
    EXPECT_EQ(data->applied(), before);
    ++refused;
    ASSERT_TRUE(data->Apply({put}, {LogIndex(i), Term(1)}, /*may_wait=*/true).ok());
    EXPECT_EQ(data->Get("k", ReadDepth::kDisk).value(), std::to_string(i));
  }
  EXPECT_GT(refused, 20);
}

TEST(MemoryShardStore, EqualSeedsGiveEqualWhims) {
  std::vector<bool> runs[2];
  for (std::vector<bool>& run : runs) {
    MemoryShardStore store(99, {.miss_one_in = 2});
    const std::shared_ptr<ShardData> data = MakeAndOpen(&store);
    for (int i = 0; i < 64; ++i) run.push_back(data->Get("a", ReadDepth::kMemory).ok());
  }
  EXPECT_EQ(runs[0], runs[1]);
}

}  // namespace
}  // namespace ringfort::sim

// Sums of replicas' data, on the real store and on the simulator's: equal where the contents are,
// however they came to be, and another for every difference.
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/random.h"
#include "replica/shard_summer.h"
#include "storage/encoding.h"
#include "storage/shard_store.h"
#include "tests/contract/shard_store/shard_store_worlds.h"

namespace ringfort::storage {
namespace {

constexpr std::size_t kEntries = 300;

std::string DataKey(std::size_t i) {
  return EncodeDataKey("user:" + std::to_string(i % 7), std::to_string(i));
}

std::string ValueOf(std::size_t i) {
  return EncodeValue(LogIndex(i + 1), std::string(i % 50, 'v') + std::to_string(i));
}

Mutation Put(std::string key, std::string value) {
  return {Mutation::Kind::kPut, std::move(key), std::move(value)};
}

Mutation Delete(std::string key) {
  return {Mutation::Kind::kDelete, std::move(key), {}};
}

raft::Members MembersOn(std::vector<std::uint32_t> nodes) {
  raft::Members members;
  for (const std::uint32_t node : nodes) {
    members.voters.push_back({ReplicaId(node), NodeId(node), {}});
  }
  return members;
}

class ShardSumContract : public testing::TestWithParam<NamedWorld> {
 protected:
  ShardSumContract() : world_(GetParam().make()) {}

  /// A map of its own.
  std::shared_ptr<ShardData> NewMap() { return NewMapIn(world_->store()); }
  std::shared_ptr<ShardData> NewMapIn(ShardStore& store) {
    const ShardStore::Name name{ShardId(++maps_), Generation(1)};
    EXPECT_TRUE(store.Create({name}).ok());
    return store.Open(name).value();
  }
  /// The entries and a session, in one batch.
  static std::vector<Mutation> Contents() {
    std::vector<Mutation> contents{Put(EncodeSessionKey(SessionId(1)), "a session")};
    for (std::size_t i = 0; i < kEntries; ++i) contents.push_back(Put(DataKey(i), ValueOf(i)));
    return contents;
  }
  static void Apply(ShardData& data, const std::vector<Mutation>& mutations) {
    const LogIndex next = data.applied().index + 1;
    const Status applied = data.Apply(mutations, {next, Term(1)}, true);
    ASSERT_TRUE(applied.ok()) << applied.ToString();
  }
  static replica::ShardSum SumOf(const std::shared_ptr<ShardData>& data,
                                 const raft::Members& members = MembersOn({1, 2, 3})) {
    replica::ShardSummer summer(LogIndex(9), members, data, data->OpenCursor());
    while (!summer.done()) summer.Step();
    EXPECT_EQ(summer.sum().error, "");
    return summer.sum();
  }
  /// The sum of the contents and then that.
  replica::ShardSum SumAfter(const std::vector<Mutation>& mutations) {
    const std::shared_ptr<ShardData> data = NewMap();
    Apply(*data, Contents());
    Apply(*data, mutations);
    return SumOf(data);
  }

  std::unique_ptr<ShardStoreWorld> world_;
  std::uint32_t maps_ = 0;
};

TEST_P(ShardSumContract, EqualContentsHaveEqualSumsHoweverTheyCameToBe) {
  const std::shared_ptr<ShardData> once = NewMap();
  Apply(*once, Contents());
  const replica::ShardSum sum = SumOf(once);
  EXPECT_EQ(sum.entries, kEntries);
  EXPECT_GT(sum.bytes, 0U);

  Random random(7);
  const std::shared_ptr<ShardData> slowly = NewMap();
  Apply(*slowly, {Put(DataKey(kEntries + 5), "gone"), Put(DataKey(3), "overwritten")});
  std::vector<Mutation> contents = Contents();
  std::shuffle(contents.begin(), contents.end(), random);
  for (const Mutation& mutation : contents) {
    Apply(*slowly, {mutation});
    if (random.OneIn(60)) {
      ASSERT_TRUE(slowly->Flush().ok());
    }
  }
  Apply(*slowly, {Delete(DataKey(kEntries + 5))});
  EXPECT_EQ(SumOf(slowly), sum);

  for (const NamedWorld& other : {RocksWorld(), MemoryWorld()}) {
    const std::unique_ptr<ShardStoreWorld> world = other.make();
    const std::shared_ptr<ShardData> data = NewMapIn(world->store());
    Apply(*data, Contents());
    EXPECT_EQ(SumOf(data), sum) << other.name;
  }
}

TEST_P(ShardSumContract, EveryDifferenceShows) {
  const replica::ShardSum sum = SumAfter({});
  std::string flipped = ValueOf(123);
  flipped.back() = static_cast<char>(flipped.back() ^ 1);
  EXPECT_NE(SumAfter({Put(DataKey(123), flipped)}).checksum, sum.checksum);
  EXPECT_NE(SumAfter({Delete(DataKey(0))}).checksum, sum.checksum);
  EXPECT_NE(SumAfter({Put(DataKey(kEntries), "")}).checksum, sum.checksum);
  EXPECT_NE(SumAfter({Put(EncodeSessionKey(SessionId(1)), "another")}).checksum, sum.checksum);
  EXPECT_NE(SumAfter({Put(MarkKey("session-time"), "12345678")}).checksum, sum.checksum);
  // Two values that changed places: nothing is lost, and yet.
  EXPECT_NE(SumAfter({Put(DataKey(4), ValueOf(5)), Put(DataKey(5), ValueOf(4))}).checksum,
            sum.checksum);
  const std::shared_ptr<ShardData> same = NewMap();
  Apply(*same, Contents());
  EXPECT_NE(SumOf(same, MembersOn({1, 2, 4})).checksum, SumOf(same).checksum);
}

TEST_P(ShardSumContract, WhatAReplicaNotesAboutItselfDoesNotCount) {
  const replica::ShardSum sum = SumAfter({});
  EXPECT_EQ(SumAfter({Put(MarkKey("local"), "here")}), sum);
}

INSTANTIATE_TEST_SUITE_P(Stores, ShardSumContract, testing::Values(RocksWorld(), MemoryWorld()),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace ringfort::storage

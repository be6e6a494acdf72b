// What storage/shard_store.h promises, on the real store and on the simulator's.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <optional>
#include <ostream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/random.h"
#include "storage/encoding.h"
#include "storage/shard_store.h"
#include "tests/contract/shard_store/shard_store_worlds.h"

namespace ringfort::storage {

std::ostream& operator<<(std::ostream& out, const Applied& applied) {
  return out << "(index " << applied.index << ", term " << applied.term << ")";
}

namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

constexpr ShardStore::Name kFirst{ShardId(3), Generation(1)};
constexpr ShardStore::Name kSecond{ShardId(3), Generation(2)};
constexpr ShardStore::Name kOther{ShardId(12), Generation(1)};

using Entries = std::vector<std::pair<std::string, std::string>>;

Mutation Put(std::string key, std::string value) {
  return {Mutation::Kind::kPut, std::move(key), std::move(value)};
}
Mutation Delete(std::string key) {
  return {Mutation::Kind::kDelete, std::move(key), {}};
}
Applied At(std::uint64_t index, std::uint64_t term = 1) {
  return {LogIndex(index), Term(term)};
}

std::optional<std::string> Get(const ShardData& data, std::string_view key) {
  return data.Get(key, ReadDepth::kDisk).value();
}

Entries EntriesOf(const RangePage& page) {
  Entries entries;
  for (const RangeEntry& entry : page.entries) entries.emplace_back(entry.key, entry.value);
  return entries;
}

Entries Range(const ShardData& data, const RangeQuery& query) {
  return EntriesOf(data.Range(query, ReadDepth::kDisk).value());
}

class ShardStoreContract : public testing::TestWithParam<NamedWorld> {
 protected:
  ShardStoreContract() : world_(GetParam().make()) {}

  ShardStore& store() { return world_->store(); }
  void Crash() { world_->Crash(); }

  std::shared_ptr<ShardData> Open(ShardStore::Name name) {
    const Status created = store().Create({name});
    EXPECT_TRUE(created.ok()) << created.ToString();
    return store().Open(name).value();
  }

 private:
  std::unique_ptr<ShardStoreWorld> world_;
};

TEST_P(ShardStoreContract, ANewMapIsEmpty) {
  const auto data = Open(kFirst);
  EXPECT_EQ(data->applied(), Applied{});
  EXPECT_EQ(data->flushed_applied().value(), Applied{});
  EXPECT_EQ(Get(*data, "a"), std::nullopt);
  EXPECT_THAT(Range(*data, {}), IsEmpty());
}

TEST_P(ShardStoreContract, AppliesPutsAndDeletesInOrder) {
  const auto data = Open(kFirst);
  const std::string zeros("\0\0z\xff", 4);
  ASSERT_TRUE(data->Apply({Put("a", "1"), Put("b", ""), Put(zeros, zeros)}, At(1), true).ok());
  ASSERT_TRUE(data->Apply({Put("a", "2"), Delete("b"), Delete("never"), Put("c", "3"), Delete("c"),
                           Put("c", "4")},
                          At(2), false)
                  .ok());
  EXPECT_EQ(Get(*data, "a"), "2");
  EXPECT_EQ(Get(*data, "b"), std::nullopt);
  EXPECT_EQ(Get(*data, "c"), "4");
  EXPECT_EQ(Get(*data, zeros), zeros);
  EXPECT_EQ(data->applied(), At(2));
}

TEST_P(ShardStoreContract, TheAppliedMarkMovesWithoutMutationsToo) {
  const auto data = Open(kFirst);
  ASSERT_TRUE(data->Apply({}, At(7, 3), true).ok());
  EXPECT_EQ(data->applied(), At(7, 3));
  EXPECT_EQ(data->flushed_applied().value(), Applied{});
  ASSERT_TRUE(data->Flush().ok());
  EXPECT_EQ(data->flushed_applied().value(), At(7, 3));
}

TEST_P(ShardStoreContract, FreshWritesAreReadFromMemory) {
  const auto data = Open(kFirst);
  ASSERT_TRUE(data->Apply({Put("a", "1")}, At(1), true).ok());
  EXPECT_EQ(data->Get("a", ReadDepth::kMemory).value(), "1");
  EXPECT_THAT(EntriesOf(data->Range({.begin = "a", .end = "b"}, ReadDepth::kMemory).value()),
              ElementsAre(Pair("a", "1")));
}

TEST_P(ShardStoreContract, RangesKeepTheirBoundsBothWays) {
  const auto data = Open(kFirst);
  ASSERT_TRUE(
      data->Apply({Put("a", "1"), Put("b", "2"), Put("c", "3"), Put("d", "4")}, At(1), true).ok());
  EXPECT_THAT(Range(*data, {.begin = "b", .end = "d"}),
              ElementsAre(Pair("b", "2"), Pair("c", "3")));
  EXPECT_THAT(Range(*data, {.begin = "b", .end = "d", .reverse = true}),
              ElementsAre(Pair("c", "3"), Pair("b", "2")));
  EXPECT_THAT(Range(*data, {.begin = "aa", .end = "bb"}), ElementsAre(Pair("b", "2")));
  EXPECT_THAT(Range(*data, {.begin = "c", .end = "c"}), IsEmpty());
  EXPECT_THAT(Range(*data, {.begin = "d", .end = "a"}), IsEmpty());
  EXPECT_THAT(Range(*data, {.begin = "d", .end = "a", .reverse = true}), IsEmpty());
  EXPECT_THAT(Range(*data, {.begin = "c", .end = ""}), IsEmpty());
}

TEST_P(ShardStoreContract, PagesSayWhetherMoreFollows) {
  const auto data = Open(kFirst);
  ASSERT_TRUE(data->Apply({Put("a", "111"), Put("b", "222"), Put("c", "333")}, At(1), true).ok());
  RangeQuery query{.begin = "a", .end = "d", .entries_max = 2};
  RangePage page = data->Range(query, ReadDepth::kDisk).value();
  EXPECT_THAT(EntriesOf(page), ElementsAre(Pair("a", "111"), Pair("b", "222")));
  EXPECT_TRUE(page.more);

  query.begin = KeyAfter(page.entries.back().key);
  page = data->Range(query, ReadDepth::kDisk).value();
  EXPECT_THAT(EntriesOf(page), ElementsAre(Pair("c", "333")));
  EXPECT_FALSE(page.more);

  // Entries outside the range are not "more"; nor are they looked at in reverse.
  page = data->Range({.begin = "a", .end = "c", .entries_max = 2}, ReadDepth::kDisk).value();
  EXPECT_FALSE(page.more);
  page =
      data->Range({.begin = "b", .end = "d", .reverse = true, .entries_max = 2}, ReadDepth::kDisk)
          .value();
  EXPECT_THAT(EntriesOf(page), ElementsAre(Pair("c", "333"), Pair("b", "222")));
  EXPECT_FALSE(page.more);
  page =
      data->Range({.begin = "a", .end = "d", .reverse = true, .entries_max = 2}, ReadDepth::kDisk)
          .value();
  EXPECT_TRUE(page.more);
}

TEST_P(ShardStoreContract, PagesAreLimitedInBytesButHoldAnEntry) {
  const auto data = Open(kFirst);
  ASSERT_TRUE(
      data->Apply({Put("a", "1111"), Put("b", "2222"), Put("c", "3333")}, At(1), true).ok());
  RangeQuery query{.begin = "a", .end = "d", .bytes_max = 10};
  EXPECT_THAT(Range(*data, query), ElementsAre(Pair("a", "1111"), Pair("b", "2222")));
  query.bytes_max = 9;
  EXPECT_THAT(Range(*data, query), ElementsAre(Pair("a", "1111")));
  query.bytes_max = 1;
  EXPECT_THAT(Range(*data, query), ElementsAre(Pair("a", "1111")));
  EXPECT_TRUE(data->Range(query, ReadDepth::kDisk).value().more);
}

// The run of protocols 4: the log is cut by what is flushed, so a crash must give back exactly
// that.
TEST_P(ShardStoreContract, ACrashForgetsWhatWasNotFlushedAndTheMarkAgrees) {
  auto data = Open(kFirst);
  ASSERT_TRUE(data->Apply({Put("a", "1"), Put("b", "1")}, At(1, 1), true).ok());
  ASSERT_TRUE(data->Flush().ok());
  ASSERT_TRUE(data->Apply({Put("a", "2"), Delete("b"), Put("c", "2")}, At(2, 2), true).ok());
  EXPECT_EQ(data->applied(), At(2, 2));
  EXPECT_EQ(data->flushed_applied().value(), At(1, 1));
  data.reset();
  Crash();

  data = store().Open(kFirst).value();
  EXPECT_EQ(data->applied(), At(1, 1));
  EXPECT_EQ(data->flushed_applied().value(), At(1, 1));
  EXPECT_EQ(Get(*data, "a"), "1");
  EXPECT_EQ(Get(*data, "b"), "1");
  EXPECT_EQ(Get(*data, "c"), std::nullopt);
  // Replay goes on from there.
  ASSERT_TRUE(data->Apply({Put("a", "2"), Delete("b"), Put("c", "2")}, At(2, 2), true).ok());
  EXPECT_EQ(Get(*data, "c"), "2");
}

TEST_P(ShardStoreContract, MapsAreFlushedOneByOne) {
  auto first = Open(kFirst);
  auto other = Open(kOther);
  ASSERT_TRUE(first->Apply({Put("a", "1")}, At(1), true).ok());
  ASSERT_TRUE(other->Apply({Put("a", "1")}, At(5), true).ok());
  ASSERT_TRUE(other->Flush().ok());
  EXPECT_EQ(first->flushed_applied().value(), Applied{});
  EXPECT_EQ(other->flushed_applied().value(), At(5));
  first.reset();
  other.reset();
  Crash();
  EXPECT_EQ(store().Open(kFirst).value()->applied(), Applied{});
  EXPECT_EQ(store().Open(kOther).value()->applied(), At(5));
}

TEST_P(ShardStoreContract, CreatedMapsLastAndExistingOnesStayAsTheyAre) {
  EXPECT_THAT(store().List(), IsEmpty());
  auto data = Open(kFirst);
  ASSERT_TRUE(data->Apply({Put("a", "1")}, At(1), true).ok());
  ASSERT_TRUE(data->Flush().ok());
  ASSERT_TRUE(store().Create({kFirst, kSecond, kOther, kOther}).ok());
  EXPECT_EQ(Get(*data, "a"), "1");
  EXPECT_THAT(store().List(), testing::UnorderedElementsAre(kFirst, kSecond, kOther));
  data.reset();
  Crash();
  EXPECT_THAT(store().List(), testing::UnorderedElementsAre(kFirst, kSecond, kOther));
  EXPECT_EQ(Get(*store().Open(kFirst).value(), "a"), "1");
  EXPECT_EQ(store().Open(kOther).value()->applied(), Applied{});
}

TEST_P(ShardStoreContract, GenerationsAreSeparateMaps) {
  const auto first = Open(kFirst);
  const auto second = Open(kSecond);
  ASSERT_TRUE(first->Apply({Put("a", "old")}, At(1), true).ok());
  ASSERT_TRUE(second->Apply({Put("a", "new")}, At(9), true).ok());
  EXPECT_EQ(Get(*first, "a"), "old");
  EXPECT_EQ(Get(*second, "a"), "new");
  EXPECT_EQ(first->applied(), At(1));
  EXPECT_EQ(second->applied(), At(9));
}

TEST_P(ShardStoreContract, ADroppedMapIsGoneForGood) {
  auto data = Open(kFirst);
  ASSERT_TRUE(data->Apply({Put("a", "1")}, At(1), true).ok());
  ASSERT_TRUE(data->Flush().ok());
  EXPECT_EQ(store().Drop(kOther).code(), Code::kNotFound);
  data.reset();
  ASSERT_TRUE(store().Drop(kFirst).ok());
  EXPECT_EQ(store().Drop(kFirst).code(), Code::kNotFound);
  EXPECT_EQ(store().Open(kFirst).status().code(), Code::kNotFound);
  Crash();
  EXPECT_THAT(store().List(), IsEmpty());
  data = Open(kFirst);
  EXPECT_EQ(Get(*data, "a"), std::nullopt);
  EXPECT_EQ(data->applied(), Applied{});
}

TEST_P(ShardStoreContract, AMarkOfDamageIsSeenByTheNextProcessUntilTheMapIsDropped) {
  const Status damage(Code::kCorruption, "block 7 of it");
  EXPECT_EQ(store().MarkDamaged(kFirst, damage).code(), Code::kNotFound);
  auto data = Open(kFirst);
  ASSERT_TRUE(data->Apply({Put("a", "1")}, At(1), true).ok());
  ASSERT_TRUE(data->Flush().ok());
  ASSERT_TRUE(store().MarkDamaged(kFirst, damage).ok());
  ASSERT_TRUE(data->Apply({Put("b", "2")}, At(2), true).ok()) << "it is read and applied to";
  for (int life = 0; life < 2; ++life) {
    data.reset();
    Crash();
    data = store().Open(kFirst).value();
    EXPECT_EQ(data->damage().code(), Code::kCorruption);
    EXPECT_NE(data->damage().message().find("block 7 of it"), std::string::npos);
    EXPECT_EQ(Get(*data, "a"), "1");
  }
  data.reset();
  ASSERT_TRUE(store().Drop(kFirst).ok());
  Open(kFirst).reset();
  Crash();
  EXPECT_TRUE(store().Open(kFirst).value()->damage().ok());
}

TEST_P(ShardStoreContract, SizeGrowsWithTheData) {
  const auto data = Open(kFirst);
  const std::uint64_t empty = data->size_bytes();
  ASSERT_TRUE(data->Apply({Put("a", std::string(1 << 20, 'x'))}, At(1), true).ok());
  EXPECT_GE(data->size_bytes(), empty + (1 << 20));
}

// Every batch writes the same number to all keys and to the mark: a reader that sees two numbers in
// a page has seen half a batch.
TEST_P(ShardStoreContract, ACursorIsTheMomentWhenItWasOpened) {
  const auto data = Open(kFirst);
  ASSERT_TRUE(data->Apply({Put("a", "1"), Put("b", "2"), Put("c", "3")}, At(1), true).ok());
  const std::unique_ptr<Cursor> cursor = data->OpenCursor();
  ASSERT_TRUE(data->Apply({Put("a", "9"), Delete("b"), Put("aa", "9")}, At(2), true).ok());
  ASSERT_TRUE(data->Flush().ok());
  Entries seen;
  const auto visit = [&seen](std::string_view key, std::string_view value) {
    if (key != AppliedKey()) seen.emplace_back(key, value);
  };
  for (int pieces = 1;; ++pieces) {
    const auto more = cursor->Next(/*bytes_max=*/1, visit);
    ASSERT_TRUE(more.ok()) << more.status().ToString();
    EXPECT_LE(seen.size(), static_cast<std::size_t>(pieces));
    if (!*more) break;
  }
  EXPECT_THAT(seen, ElementsAre(Pair("a", "1"), Pair("b", "2"), Pair("c", "3")));
}

TEST_P(ShardStoreContract, ACursorOverAnEmptyMapEndsAtOnce) {
  const auto data = Open(kFirst);
  const auto more = data->OpenCursor()->Next(
      1, [](std::string_view, std::string_view) { ADD_FAILURE() << "an entry of nothing"; });
  ASSERT_TRUE(more.ok());
  EXPECT_FALSE(*more);
}

TEST_P(ShardStoreContract, ReadersSeeWholeBatchesWhileOthersAreApplied) {
  const auto data = Open(kFirst);
  constexpr int kKeys = 20;
  constexpr std::uint64_t kBatches = 500;
  std::atomic<bool> done = false;
  std::atomic<int> pages = 0;
  const auto read = [&](bool reverse) {
    do {
      const RangePage page =
          data->Range({.begin = "", .end = std::nullopt, .reverse = reverse}, ReadDepth::kDisk)
              .value();
      std::string seen;
      for (const RangeEntry& entry : page.entries) {
        const std::string number =
            entry.key == AppliedKey()
                ? std::to_string(DecodeApplied(entry.value).value().index.value())
                : entry.value;
        if (seen.empty()) seen = number;
        ASSERT_EQ(number, seen);
      }
      ASSERT_TRUE(page.entries.empty() || page.entries.size() == kKeys + 1);
      ASSERT_TRUE(data->Get("key-0", ReadDepth::kDisk).ok());
      ASSERT_GE(data->applied(), data->flushed_applied().value());
      ++pages;
    } while (!done);
  };
  std::thread forward(read, false);
  std::thread backward(read, true);
  for (std::uint64_t i = 1; i <= kBatches; ++i) {
    std::vector<Mutation> mutations;
    for (int k = 0; k < kKeys; ++k) {
      mutations.push_back(Put("key-" + std::to_string(k), std::to_string(i)));
    }
    ASSERT_TRUE(data->Apply(mutations, At(i), true).ok());
    if (i % 100 == 0) {
      ASSERT_TRUE(data->Flush().ok());
    }
  }
  done = true;
  forward.join();
  backward.join();
  EXPECT_GE(pages, 2);
}

std::string RandomKey(Random* random) {
  static constexpr std::string_view kBytes("\0\1ab\xff", 5);
  std::string key(1, '\1');  // Clear of the mark.
  for (std::uint64_t n = 1 + random->Below(3); n > 0; --n) {
    key.push_back(kBytes[random->Below(kBytes.size())]);
  }
  return key;
}

/// What a ShardData should be, done the obvious way.
struct PlainMap {
  std::map<std::string, std::string> entries;
  Applied applied;

  void Apply(const std::vector<Mutation>& mutations, Applied at) {
    for (const Mutation& mutation : mutations) {
      if (mutation.kind == Mutation::Kind::kPut) {
        entries[mutation.key] = mutation.value;
      } else {
        entries.erase(mutation.key);
      }
    }
    applied = at;
  }

  [[nodiscard]] std::pair<Entries, bool> Page(const RangeQuery& query) const {
    Entries page(entries.lower_bound(query.begin), entries.lower_bound(*query.end));
    if (query.reverse) std::reverse(page.begin(), page.end());
    const bool more = page.size() > query.entries_max;
    if (more) page.resize(query.entries_max);
    return {page, more};
  }
};

std::vector<Mutation> RandomMutations(Random* random, std::uint64_t step) {
  std::vector<Mutation> mutations;
  for (std::uint64_t n = random->Below(6); n > 0; --n) {
    mutations.push_back(random->OneIn(3) ? Delete(RandomKey(random))
                                         : Put(RandomKey(random), std::to_string(step)));
  }
  return mutations;
}

RangeQuery RandomQuery(Random* random) {
  RangeQuery query{.begin = RandomKey(random), .end = RandomKey(random)};
  if (*query.end < query.begin) std::swap(*query.end, query.begin);
  query.reverse = random->OneIn(2);
  query.entries_max = 1 + static_cast<std::uint32_t>(random->Below(20));
  return query;
}

class ShardStoreProperty : public ShardStoreContract {
 protected:
  void CompareWithAPlainMap(std::uint64_t seed) {
    Random random(seed);
    const ShardStore::Name name{ShardId(1), Generation(seed)};
    auto data = Open(name);
    PlainMap now;
    PlainMap flushed;
    for (std::uint64_t step = 1; step <= 300; ++step) {
      const std::vector<Mutation> mutations = RandomMutations(&random, step);
      const Applied at = At(step, 1 + step / 100);
      ASSERT_TRUE(data->Apply(mutations, at, random.OneIn(2)).ok());
      now.Apply(mutations, at);
      if (random.OneIn(40)) {
        ASSERT_TRUE(data->Flush().ok());
        flushed = now;
      }
      if (random.OneIn(60)) {
        data.reset();
        Crash();
        data = store().Open(name).value();
        now = flushed;
      }
      ASSERT_EQ(data->applied(), now.applied);
      ASSERT_EQ(data->flushed_applied().value(), flushed.applied);
      const RangeQuery query = RandomQuery(&random);
      const RangePage page = data->Range(query, ReadDepth::kDisk).value();
      ASSERT_EQ(std::pair(EntriesOf(page), page.more), now.Page(query)) << "step " << step;
    }
  }
};

TEST_P(ShardStoreProperty, DoesWhatAPlainMapDoes) {
  for (std::uint64_t seed = 1; seed <= 4 && !HasFatalFailure(); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    CompareWithAPlainMap(seed);
  }
}

std::string WorldName(const testing::TestParamInfo<NamedWorld>& info) {
  return info.param.name;
}

INSTANTIATE_TEST_SUITE_P(Stores, ShardStoreContract, testing::Values(RocksWorld(), MemoryWorld()),
                         WorldName);
INSTANTIATE_TEST_SUITE_P(Stores, ShardStoreProperty, testing::Values(RocksWorld(), MemoryWorld()),
                         WorldName);

}  // namespace
}  // namespace ringfort::storage

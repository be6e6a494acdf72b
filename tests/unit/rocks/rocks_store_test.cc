// What only the real store has: identity, files, locks, budgets. The rest of its behaviour is in
// tests/contract/shard_store.
#include "rocks/rocks_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <sys/resource.h>

#include "base/check.h"
#include "tests/unit/rocks/scratch_dir.h"

namespace ringfort::rocks {
namespace {

using storage::Applied;
using storage::Generation;
using storage::Mutation;
using storage::ReadDepth;
using storage::ShardData;
using storage::ShardStore;
using testing::HasSubstr;

constexpr ShardStore::Name kName{ShardId(12), Generation(3)};

Applied At(std::uint64_t index) {
  return {LogIndex(index), Term(1)};
}

std::unique_ptr<RocksStore> Open(const Options& options) {
  Result<std::unique_ptr<RocksStore>> store = RocksStore::Open(options);
  EXPECT_TRUE(store.ok()) << store.status().ToString();
  return *std::move(store);
}

Status OpenError(const Options& options) {
  return RocksStore::Open(options).status();
}

// RocksDB stops all writes while it writes that file, whenever a replica comes or goes.
TEST(RocksStore, NoOptionsFileIsWritten) {
  const ScratchDir scratch;
  for (int start = 0; start < 2; ++start) {
    const std::unique_ptr<RocksStore> store = Open(scratch.options());
    ASSERT_TRUE(store->Create({kName}).ok());
    ASSERT_TRUE(store->Drop(kName).ok());
    for (const auto& file : std::filesystem::directory_iterator(scratch.data())) {
      EXPECT_THAT(file.path().filename().string(), testing::Not(HasSubstr("OPTIONS")));
    }
  }
}

// With more tables than the table cache holds, as after a start of many shards: kBlockCacheTier
// then answers "may exist" for a table that is not open, with an empty value.
TEST(RocksStore, ATableThatIsNotOpenIsNoEmptyValue) {
  constexpr std::uint32_t kShards = 60;
  constexpr int kKeys = 20;
  const ScratchDir scratch;
  Options options = scratch.options();
  const auto name = [](std::uint32_t shard) {
    return ShardStore::Name{ShardId(shard), Generation(1)};
  };
  const auto key = [](int i) { return "\x01key" + std::to_string(i); };
  {
    const std::unique_ptr<RocksStore> store = Open(options);
    for (std::uint32_t shard = 0; shard < kShards; ++shard) {
      ASSERT_TRUE(store->Create({name(shard)}).ok());
      const auto data = store->Open(name(shard));
      ASSERT_TRUE(data.ok());
      std::vector<Mutation> puts;
      for (int i = 0; i < kKeys; ++i) puts.push_back({Mutation::Kind::kPut, key(i), "value"});
      ASSERT_TRUE((*data)->Apply(puts, At(1), true).ok());
      ASSERT_TRUE((*data)->Flush().ok());
    }
  }
  options.open_files_max = 20;
  options.expect_existing = true;
  const std::unique_ptr<RocksStore> store = Open(options);
  int not_in_memory = 0;
  for (int round = 0; round < 2; ++round) {
    for (std::uint32_t shard = 0; shard < kShards; ++shard) {
      const auto data = store->Open(name(shard));
      ASSERT_TRUE(data.ok());
      for (int i = 0; i < kKeys; ++i) {
        auto value = (*data)->Get(key(i), ReadDepth::kMemory);
        if (value.status().code() == Code::kUnavailable) {
          ++not_in_memory;
          value = (*data)->Get(key(i), ReadDepth::kDisk);
        }
        ASSERT_TRUE(value.ok()) << value.status().ToString();
        ASSERT_EQ(*value, "value") << "shard " << shard << ", key " << i;
      }
      storage::RangeQuery all;
      all.begin = key(0);
      all.end = "\x02";  // The applied mark is behind it.
      const auto page = (*data)->Range(all, ReadDepth::kMemory);
      if (page.ok()) {
        EXPECT_EQ(page->entries.size(), std::size_t{kKeys});
      } else {
        EXPECT_EQ(page.status().code(), Code::kUnavailable) << page.status().ToString();
      }
    }
  }
  EXPECT_GT(not_in_memory, 0) << "too few tables to show anything";
}

TEST(RocksStore, AnotherIncarnationIsRefused) {
  const ScratchDir scratch;
  Options options = scratch.options();
  Open(options).reset();
  options.incarnation = {.high = 0xa, .low = 0xc};
  const Status error = OpenError(options);
  EXPECT_EQ(error.code(), Code::kWrongCluster);
  EXPECT_THAT(error.message(),
              HasSubstr("belong to incarnation " + scratch.options().incarnation.ToString()));
  options.incarnation = scratch.options().incarnation;
  options.expect_existing = true;
  EXPECT_TRUE(Open(options)->health().ok());
}

TEST(RocksStore, AnEmptyDirectoryIsALossWhereDataAreExpected) {
  const ScratchDir scratch;
  Options options = scratch.options();
  options.expect_existing = true;
  const Status error = OpenError(options);
  EXPECT_EQ(error.code(), Code::kCorruption);
  EXPECT_THAT(error.message(), HasSubstr("are gone"));
  EXPECT_FALSE(std::filesystem::exists(scratch.data())) << "an error makes nothing";
}

TEST(RocksStore, DataThatDoNotSayWhoseTheyAreAreRefused) {
  const ScratchDir scratch;
  Options options = scratch.options();
  {
    rocksdb::Options plain;
    plain.create_if_missing = true;
    rocksdb::DB* db = nullptr;
    ASSERT_TRUE(rocksdb::DB::Open(plain, scratch.data(), &db).ok());
    delete db;
  }
  options.expect_existing = true;
  EXPECT_EQ(OpenError(options).code(), Code::kCorruption);
  // A creation that was cut short before it wrote the mark is finished.
  options.expect_existing = false;
  Open(options).reset();
  options.expect_existing = true;
  EXPECT_TRUE(Open(options)->health().ok());
}

TEST(RocksStore, AStrangersDatabaseIsRefused) {
  const ScratchDir scratch;
  {
    rocksdb::Options plain;
    plain.create_if_missing = true;
    rocksdb::DB* db = nullptr;
    rocksdb::ColumnFamilyHandle* family = nullptr;
    ASSERT_TRUE(rocksdb::DB::Open(plain, scratch.data(), &db).ok());
    ASSERT_TRUE(db->CreateColumnFamily({}, "shard-1-gen-", &family).ok());
    ASSERT_TRUE(db->DestroyColumnFamilyHandle(family).ok());
    delete db;
  }
  const Status error = OpenError(scratch.options());
  EXPECT_EQ(error.code(), Code::kCorruption);
  EXPECT_THAT(error.message(), HasSubstr("shard-1-gen-, which Ringfort did not make"));
}

TEST(RocksStore, OneProcessHasADirectoryAtATime) {
  const ScratchDir scratch;
  const auto store = Open(scratch.options());
  const Status error = OpenError(scratch.options());
  EXPECT_EQ(error.code(), Code::kIoError);
  EXPECT_EQ(error.message(), scratch.data() +
                                 " is in use by another process (stop it, or choose another data "
                                 "directory)");
}

TEST(RocksStore, AnUnusablePathIsOneClearLine) {
  const ScratchDir scratch;
  Options options = scratch.options();
  std::filesystem::create_directories(scratch.data());
  std::ofstream(scratch.data() + "/file") << "x";
  options.dir = scratch.data() + "/file/below";
  const Status error = OpenError(options);
  EXPECT_EQ(error.code(), Code::kIoError);
  EXPECT_THAT(error.message(), HasSubstr("cannot make the directory " + options.dir));
  EXPECT_THAT(error.message(), testing::Not(HasSubstr("\n")));
}

TEST(RocksStore, ClosingPolitelyFlushes) {
  const ScratchDir scratch;
  Options options = scratch.options();
  options.flush_on_close_for = std::chrono::minutes(1);
  auto store = Open(options);
  ASSERT_TRUE(store->Create({kName}).ok());
  ASSERT_TRUE(store->Open(kName).value()->Apply({}, At(5), true).ok());
  store.reset();
  store = Open(options);
  EXPECT_EQ(store->Open(kName).value()->applied(), At(5));
}

TEST(RocksStore, OpeningTwiceGivesTheSameData) {
  const ScratchDir scratch;
  const auto store = Open(scratch.options());
  ASSERT_TRUE(store->Create({kName}).ok());
  const auto first = store->Open(kName).value();
  EXPECT_EQ(first, store->Open(kName).value());
}

using RocksStoreDeathTest = testing::Test;

TEST(RocksStoreDeathTest, DataMustNotOutliveTheStore) {
  testing::FLAGS_gtest_death_test_style = "threadsafe";
  EXPECT_DEATH(
      {
        const ScratchDir scratch;
        auto store = Open(scratch.options());
        store->Create({kName}).IgnoreError();
        const auto data = store->Open(kName).value();
        store.reset();
      },
      "shard-12-gen-3 is still open");
}

// A node makes all its shards at once; one RocksDB call for each would write the options file anew
// every time.
TEST(RocksStore, ManyShardsAreMadeInOneGo) {
  const ScratchDir scratch;
  const auto store = Open(scratch.options());
  std::vector<ShardStore::Name> names;
  for (std::uint32_t shard = 0; shard < 64; ++shard) {
    names.push_back({ShardId(shard), Generation(1)});
  }
  const auto begin = std::chrono::steady_clock::now();
  ASSERT_TRUE(store->Create(names).ok());
  const auto took = std::chrono::steady_clock::now() - begin;
  RecordProperty(
      "milliseconds",
      static_cast<int>(std::chrono::duration_cast<std::chrono::milliseconds>(took).count()));
  EXPECT_EQ(store->List(), names);
}

/// While it lives, no file of this process grows beyond `bytes`: a disk that fails.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) {
    handler_ = std::signal(SIGXFSZ, SIG_IGN);
    RF_CHECK(::getrlimit(RLIMIT_FSIZE, &before_) == 0);
    const rlimit limit{.rlim_cur = bytes, .rlim_max = before_.rlim_max};
    RF_CHECK(::setrlimit(RLIMIT_FSIZE, &limit) == 0);
  }
  ~FileSizeLimit() {
    RF_CHECK(::setrlimit(RLIMIT_FSIZE, &before_) == 0);
    (void)std::signal(SIGXFSZ, handler_);
  }
  FileSizeLimit(const FileSizeLimit&) = delete;
  FileSizeLimit& operator=(const FileSizeLimit&) = delete;

 private:
  rlimit before_{};
  sighandler_t handler_;
};

// Design section 3: what an error left on disk is unknown, so it is the end of the store, for all
// shards, even if the disk comes back.
TEST(RocksStore, AFailedFlushIsFinal) {
  constexpr ShardStore::Name kOther{ShardId(13), Generation(1)};
  const ScratchDir scratch;
  auto store = Open(scratch.options());
  ASSERT_TRUE(store->Create({kName, kOther}).ok());
  auto data = store->Open(kName).value();
  auto other = store->Open(kOther).value();
  ASSERT_TRUE(data->Apply({}, At(1), true).ok());
  ASSERT_TRUE(data->Flush().ok());
  const Mutation large{.key = "a", .value = std::string(8 << 20, 'x')};
  ASSERT_TRUE(data->Apply({large}, At(2), true).ok());
  EXPECT_TRUE(store->health().ok());
  {
    const FileSizeLimit limit(1 << 20);
    const Status error = data->Flush();
    EXPECT_EQ(error.code(), Code::kIoError);
    EXPECT_EQ(error.effect(), Effect::kUnknown);
  }
  EXPECT_EQ(store->health().code(), Code::kIoError);
  EXPECT_THAT(store->health().message(), HasSubstr("the node must stop"));
  EXPECT_EQ(data->Flush().code(), Code::kIoError);
  EXPECT_EQ(data->Apply({}, At(3), true).code(), Code::kIoError);
  EXPECT_EQ(other->Apply({}, At(1), false).code(), Code::kIoError);
  EXPECT_EQ(data->flushed_applied().value(), At(1));

  data.reset();
  other.reset();
  store.reset();
  store = Open(scratch.options());
  EXPECT_EQ(store->Open(kName).value()->applied(), At(1));
}

// Small write buffers: what is written beyond twice the budget waits for flushes or is refused.
TEST(RocksStore, MemoryForWritesIsBounded) {
  const ScratchDir scratch;
  Options options = scratch.options();
  options.write_buffer_bytes = 1 << 20;
  const auto store = Open(options);
  std::vector<std::shared_ptr<ShardData>> shards;
  for (std::uint32_t shard = 0; shard < 4; ++shard) {
    const ShardStore::Name name{ShardId(shard), Generation(1)};
    ASSERT_TRUE(store->Create({name}).ok());
    shards.push_back(store->Open(name).value());
  }
  int refused = 0;
  for (std::uint64_t index = 1; index <= 100; ++index) {
    for (const auto& data : shards) {
      const Mutation put{.key = std::to_string(index), .value = std::string(100'000, 'x')};
      Status applied = data->Apply({put}, At(index), /*may_wait=*/false);
      if (applied.code() == Code::kOverloaded) {
        ++refused;
        ASSERT_EQ(data->applied(), At(index - 1));
        ASSERT_EQ(data->Get(put.key, ReadDepth::kDisk).value(), std::nullopt);
        applied = data->Apply({put}, At(index), /*may_wait=*/true);
      }
      ASSERT_TRUE(applied.ok()) << applied.ToString();
    }
  }
  EXPECT_GT(refused, 0);
  for (const auto& data : shards) EXPECT_GE(data->flushed_applied().value(), At(50));
}

// The run: a queue of a million entries, all consumed, is scanned: on a loop, which meanwhile
// misses its heartbeats.
TEST(RocksStore, ARunOfDeletedEntriesIsNotPassedOverInMemory) {
  const ScratchDir scratch;
  const auto store = Open(scratch.options());
  ASSERT_TRUE(store->Create({kName}).ok());
  const auto data = store->Open(kName).value();
  const auto key = [](int i) { return "k" + std::to_string(10'000 + i); };
  std::uint64_t index = 0;
  const auto apply = [&](Mutation::Kind kind, int first, int last) {
    std::vector<Mutation> mutations;
    for (int i = first; i < last; ++i) mutations.push_back({kind, key(i), {}});
    ASSERT_TRUE(data->Apply(mutations, At(++index), true).ok());
  };
  for (int version = 0; version < 100; ++version) apply(Mutation::Kind::kPut, 0, 20);
  apply(Mutation::Kind::kDelete, 5, 10);
  for (const bool reverse : {false, true}) {
    const storage::RangeQuery query{.begin = key(0), .end = key(1000), .reverse = reverse};
    // Few are deleted, and overwriting is no reason.
    EXPECT_EQ(data->Range(query, ReadDepth::kMemory).value().entries.size(), 15U);
  }
  apply(Mutation::Kind::kPut, 0, 1000);
  apply(Mutation::Kind::kDelete, 0, 1000);
  for (const bool reverse : {false, true}) {
    const storage::RangeQuery query{.begin = key(0), .end = key(1000), .reverse = reverse};
    EXPECT_EQ(data->Range(query, ReadDepth::kMemory).status().code(), Code::kUnavailable);
    EXPECT_TRUE(data->Range(query, ReadDepth::kDisk).value().entries.empty());
  }
}

// A node of many replicas has no more descriptors than another.
TEST(RocksStoreDescriptors, AreNoMoreForMoreReplicas) {
  const auto count = [] {
    const std::filesystem::directory_iterator open("/proc/self/fd");
    return std::distance(begin(open), end(open));
  };
  const ScratchDir scratch;
  const auto store = RocksStore::Open(scratch.options()).value();
  const auto before = count();
  std::vector<storage::ShardStore::Name> names;
  for (std::uint32_t i = 0; i < 100; ++i) names.push_back({ShardId(i), storage::Generation(1)});
  ASSERT_TRUE(store->Create(names).ok());
  EXPECT_LE(count(), before + 5);
}

}  // namespace
}  // namespace ringfort::rocks

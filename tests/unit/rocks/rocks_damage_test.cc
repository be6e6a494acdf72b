// Damaged data files: a read answers right or says kCorruption, and a range never ends early
// without a word (tried on RocksDB 7.8: its iterator does; protocols 5).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "rocks/rocks_store.h"
#include "storage/encoding.h"
#include "tests/unit/rocks/scratch_dir.h"

namespace ringfort::rocks {
namespace {

using namespace std::chrono_literals;  // NOLINT: durations

using storage::Generation;
using storage::Mutation;
using storage::RangePage;
using storage::RangeQuery;
using storage::ReadDepth;
using storage::ShardData;
using storage::ShardStore;

constexpr ShardStore::Name kName{ShardId(1), Generation(1)};
constexpr int kEntries = 20'000;

std::string Key(int i) {
  std::string digits = std::to_string(i);
  return storage::EncodeDataKey("key", std::string(8 - digits.size(), '0') + digits);
}
std::string Value(int i) {
  return "value " + std::to_string(i) + std::string(40, 'v');
}

void FlipByte(const std::string& path, std::uint64_t at) {
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekg(static_cast<std::streamoff>(at));
  const char byte = static_cast<char>(file.get() ^ 0x40);
  file.seekp(static_cast<std::streamoff>(at));
  file.put(byte);
  ASSERT_TRUE(file.good()) << path;
}

/// Reads a whole range page by page; ok only when all of it was there.
Status ReadAll(const ShardData& data, bool reverse, ReadDepth depth, int* entries) {
  storage::KeyRange space = storage::SpaceRange(storage::KeySpace::kData);
  RangeQuery query{.begin = space.begin, .end = space.end, .reverse = reverse, .entries_max = 700};
  while (true) {
    const Result<RangePage> page = data.Range(query, depth);
    if (!page.ok()) return page.status();
    for (const storage::RangeEntry& entry : page.value().entries) {
      const int i = reverse ? kEntries - 1 - *entries : *entries;
      EXPECT_EQ(entry.key, Key(i));
      EXPECT_EQ(entry.value, Value(i));
      ++*entries;
    }
    if (!page.value().more) return {};
    const std::string& last = page.value().entries.back().key;
    (reverse ? *query.end : query.begin) = reverse ? last : storage::KeyAfter(last);
  }
}

class RocksDamage : public testing::Test {
 protected:
  /// A flushed and compacted shard, closed.
  void SetUp() override {
    Open();
    ASSERT_TRUE(store_->Create({kName}).ok());
    data_ = store_->Open(kName).value();
    std::vector<Mutation> mutations;
    for (int i = 0; i < kEntries; ++i) {
      mutations.push_back({.key = Key(i), .value = Value(i)});
    }
    ASSERT_TRUE(data_->Apply(mutations, {LogIndex(1), Term(1)}, true).ok());
    ASSERT_TRUE(data_->Flush().ok());
    Close();
  }

  void Open() {
    Options options = scratch_.options();
    options.open_files_max = 100;
    store_ = RocksStore::Open(options).value();
  }
  void Close() {
    data_.reset();
    store_.reset();
  }

  /// The shard's file: the largest.
  [[nodiscard]] std::string file() const {
    std::string largest;
    for (const std::string& file : scratch_.data_files()) {
      if (largest.empty() ||
          std::filesystem::file_size(file) > std::filesystem::file_size(largest)) {
        largest = file;
      }
    }
    return largest;
  }

  ScratchDir scratch_;
  std::unique_ptr<RocksStore> store_;
  std::shared_ptr<ShardData> data_;
};

TEST_F(RocksDamage, WholeFilesAreReadWhole) {
  Open();
  data_ = store_->Open(kName).value();
  for (const bool reverse : {false, true}) {
    int entries = 0;
    const Status status = ReadAll(*data_, reverse, ReadDepth::kDisk, &entries);
    EXPECT_TRUE(status.ok()) << status.ToString();
    EXPECT_EQ(entries, kEntries);
  }
}

TEST_F(RocksDamage, ColdDataAreNotInMemoryUntilTheyAreReadFromDisk) {
  Open();
  data_ = store_->Open(kName).value();
  EXPECT_EQ(data_->Get(Key(77), ReadDepth::kMemory).status().code(), Code::kUnavailable);
  int entries = 0;
  EXPECT_EQ(ReadAll(*data_, false, ReadDepth::kMemory, &entries).code(), Code::kUnavailable);
  EXPECT_EQ(ReadAll(*data_, true, ReadDepth::kMemory, &entries).code(), Code::kUnavailable);
  EXPECT_EQ(entries, 0);

  EXPECT_EQ(data_->Get(Key(77), ReadDepth::kDisk).value(), Value(77));
  EXPECT_EQ(data_->Get(Key(77), ReadDepth::kMemory).value(), Value(77));
  // Warm at its beginning only: a range over all of it is refused, not cut short.
  EXPECT_EQ(ReadAll(*data_, false, ReadDepth::kMemory, &entries).code(), Code::kUnavailable);
}

TEST_F(RocksDamage, AFlippedByteIsReportedWhereverItIs) {
  const std::string path = file();
  const std::uint64_t size = std::filesystem::file_size(path);
  int reported = 0;
  constexpr int kPlaces = 40;
  for (int place = 0; place < kPlaces; ++place) {
    const std::uint64_t at = size * place / kPlaces + 17;
    SCOPED_TRACE("byte " + std::to_string(at) + " of " + std::to_string(size));
    FlipByte(path, at);
    Open();
    Result<std::shared_ptr<ShardData>> opened = store_->Open(kName);
    if (opened.ok()) {
      data_ = *std::move(opened);
      for (const bool reverse : {false, true}) {
        int entries = 0;
        const Status status = ReadAll(*data_, reverse, ReadDepth::kDisk, &entries);
        if (status.ok()) {
          EXPECT_EQ(entries, kEntries) << "the range ended early without a word";
        } else {
          EXPECT_EQ(status.code(), Code::kCorruption) << status.ToString();
          ++reported;
        }
      }
    } else {
      EXPECT_EQ(opened.status().code(), Code::kCorruption) << opened.status().ToString();
      ++reported;
    }
    Close();
    FlipByte(path, at);
  }
  EXPECT_GE(reported, 2 * (kPlaces - 2));
}

TEST_F(RocksDamage, ACursorOverADamagedBlockEndsInCorruption) {
  const std::string path = file();
  FlipByte(path, std::filesystem::file_size(path) / 2);
  Open();
  data_ = store_->Open(kName).value();
  const auto cursor = data_->OpenCursor();
  int entries = 0;
  const auto count = [&entries](std::string_view, std::string_view) { ++entries; };
  Result<bool> more = true;
  while (more.ok() && *more) more = cursor->Next(4096, count);
  EXPECT_EQ(more.status().code(), Code::kCorruption) << more.status().ToString();
  EXPECT_LT(entries, kEntries);
}

TEST_F(RocksDamage, AGetOfADamagedBlockIsCorruptionAndTheOthersGoOn) {
  const std::string path = file();
  FlipByte(path, std::filesystem::file_size(path) / 2);
  Open();
  data_ = store_->Open(kName).value();
  int right = 0;
  int damaged = 0;
  for (int i = 0; i < kEntries; ++i) {
    const Result<std::optional<std::string>> got = data_->Get(Key(i), ReadDepth::kDisk);
    if (got.ok()) {
      ASSERT_EQ(got.value(), Value(i)) << "a damaged entry must not be taken for an absent one";
      ++right;
    } else {
      ASSERT_EQ(got.status().code(), Code::kCorruption) << got.status().ToString();
      ++damaged;
    }
  }
  EXPECT_GT(damaged, 0);
  EXPECT_GT(right, kEntries / 2);
}

TEST_F(RocksDamage, AMissingFileIsNoticedWhenTheStoreOpens) {
  std::filesystem::remove(file());
  const Status error = RocksStore::Open(scratch_.options()).status();
  EXPECT_FALSE(error.ok());
  EXPECT_NE(error.message().find("cannot open the shard data"), std::string::npos)
      << error.ToString();
}

/// The run: RocksDB stops for good at a compaction that meets a damaged block, and would begin with
/// it again after every start.
TEST_F(RocksDamage, ADamagedCompactionStopsTheStoreOnceAndIsRememberedUntilTheDataAreDropped) {
  FlipByte(file(), std::filesystem::file_size(file()) / 2);
  Open();
  data_ = store_->Open(kName).value();
  EXPECT_TRUE(data_->damage().ok()) << "nobody has read it yet";
  std::uint64_t index = 1;
  const auto flush_some = [&] {
    for (int i = 0; i < 6 && store_->health().ok(); ++i) {
      const std::vector<Mutation> mutations = {{.key = Key(0), .value = Value(0)},
                                               {.key = Key(kEntries - 1), .value = Value(1)}};
      ++index;
      if (!data_->Apply(mutations, {LogIndex(index), Term(1)}, true).ok()) return;
      if (!data_->Flush().ok()) return;
    }
  };
  flush_some();
  for (int i = 0; i < 1000 && store_->health().ok(); ++i) std::this_thread::sleep_for(10ms);
  EXPECT_EQ(store_->health().code(), Code::kIoError) << "final, and not of this replica alone";
  EXPECT_THAT(store_->health().message(), testing::HasSubstr("repairs that copy"));
  Close();

  Open();
  data_ = store_->Open(kName).value();
  EXPECT_EQ(data_->damage().code(), Code::kCorruption);
  index = data_->applied().index.value();
  flush_some();
  std::this_thread::sleep_for(500ms);
  EXPECT_TRUE(store_->health().ok()) << store_->health().ToString();
  EXPECT_EQ(data_->Get(Key(0), ReadDepth::kDisk).value(), Value(0)) << "what is whole is served";
  Close();

  Open();
  ASSERT_TRUE(store_->Drop(kName).ok());
  ASSERT_TRUE(store_->Create({kName}).ok());
  Close();
  Open();
  data_ = store_->Open(kName).value();
  EXPECT_TRUE(data_->damage().ok()) << "these are other data";
}

// Whoever found the damage by a read: the process that runs compacts the files no more, either.
TEST_F(RocksDamage, AMarkKeepsTheFilesAsTheyAre) {
  FlipByte(file(), std::filesystem::file_size(file()) / 2);
  Open();
  data_ = store_->Open(kName).value();
  ASSERT_TRUE(store_->MarkDamaged(kName, Status(Code::kCorruption, "a bad block")).ok());
  for (std::uint64_t index = 2; index < 10; ++index) {
    const std::vector<Mutation> mutations = {{.key = Key(0), .value = Value(0)},
                                             {.key = Key(kEntries - 1), .value = Value(1)}};
    ASSERT_TRUE(data_->Apply(mutations, {LogIndex(index), Term(1)}, true).ok());
    ASSERT_TRUE(data_->Flush().ok());
  }
  // What comes after a compaction that was scheduled waits for it.
  ASSERT_TRUE(store_->Create({{ShardId(2), Generation(1)}}).ok());
  auto other = store_->Open({ShardId(2), Generation(1)}).value();
  for (std::uint64_t index = 1; index < 10; ++index) {
    ASSERT_TRUE(
        other->Apply({{.key = Key(0), .value = Value(0)}}, {LogIndex(index), Term(1)}, true).ok());
    ASSERT_TRUE(other->Flush().ok());
  }
  EXPECT_TRUE(store_->health().ok()) << store_->health().ToString();
  EXPECT_GE(scratch_.data_files().size(), 9U) << "none of the family's was merged";
  other.reset();
}

}  // namespace
}  // namespace ringfort::rocks

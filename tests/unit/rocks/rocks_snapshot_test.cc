// Snapshots on the disk: what crashes and damaged files do to them (protocols 5). What
// the simulator's store does alike is tested in tests/contract/shard_store.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <rocksdb/file_system.h>

#include "rocks/durable_links.h"
#include "rocks/rocks_store.h"
#include "storage/encoding.h"
#include "tests/unit/rocks/scratch_dir.h"

namespace ringfort::rocks {
namespace {

namespace fs = std::filesystem;

using storage::Generation;
using storage::Import;
using storage::Mutation;
using storage::ShardData;
using storage::ShardStore;
using storage::Snapshot;

constexpr ShardStore::Name kOld{ShardId(1), Generation(1)};
constexpr ShardStore::Name kNew{ShardId(1), Generation(2)};

void FlipByte(const std::string& path, std::uint64_t at) {
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekg(static_cast<std::streamoff>(at));
  const char byte = static_cast<char>(file.get() ^ 0x40);
  file.seekp(static_cast<std::streamoff>(at));
  file.put(byte);
  ASSERT_TRUE(file.good()) << path;
}

std::size_t FilesBelow(const std::string& dir) {
  std::size_t files = 0;
  for (const auto& entry : fs::recursive_directory_iterator(dir)) {
    if (entry.is_regular_file()) ++files;
  }
  return files;
}

/// What kill -9 leaves at this moment, opened by a new process. The incarnation and the options are
/// the store's.
class Copy {
 public:
  explicit Copy(const Options& options) : options_(options) {
    options_.dir = scratch_.data();
    fs::copy(options.dir, options_.dir, fs::copy_options::recursive);
    store_ = RocksStore::Open(options_).value();
  }
  [[nodiscard]] RocksStore& store() { return *store_; }
  [[nodiscard]] std::string snapshots() const { return options_.dir + "/snapshots"; }

 private:
  ScratchDir scratch_;
  Options options_;
  std::unique_ptr<RocksStore> store_;
};

class RocksSnapshots : public testing::Test {
 protected:
  void SetUp() override {
    here_ = RocksStore::Open(here_dir_.options()).value();
    there_ = RocksStore::Open(there_dir_.options()).value();
    ASSERT_TRUE(here_->Create({kOld}).ok());
    data_ = here_->Open(kOld).value();
    std::vector<Mutation> mutations;
    for (int i = 0; i < 5000; ++i) {
      mutations.push_back({.key = storage::EncodeDataKey("key", std::to_string(i)),
                           .value = std::string(40, 'v') + std::to_string(i)});
    }
    ASSERT_TRUE(data_->Apply(mutations, {LogIndex(9), Term(2)}, true).ok());
  }

  static Status Carry(const Snapshot& from, Import* to) {
    while (to->position().file < from.files().size()) {
      const Import::Position at = to->position();
      const Result<std::string> bytes = from.Read(at.file, at.offset, 64 << 10);
      if (!bytes.ok()) return bytes.status();
      if (Status written = to->Write(at, *bytes); !written.ok()) return written;
    }
    return {};
  }

  ScratchDir here_dir_;
  ScratchDir there_dir_;
  std::unique_ptr<RocksStore> here_;
  std::unique_ptr<RocksStore> there_;
  std::shared_ptr<ShardData> data_;
};

TEST_F(RocksSnapshots, ReleasingOneRemovesItsFiles) {
  const std::string place = here_dir_.data() + "/snapshots";
  std::shared_ptr<Snapshot> snapshot = here_->Export(kOld).value();
  std::shared_ptr<Snapshot> second = here_->Export(kOld).value();
  EXPECT_EQ(FilesBelow(place), snapshot->files().size() + second->files().size());
  snapshot.reset();
  EXPECT_EQ(FilesBelow(place), second->files().size());
  auto import = there_->BeginImport(kNew, second->applied(), second->files()).value();
  ASSERT_TRUE(Carry(*second, import.get()).ok());
  EXPECT_EQ(FilesBelow(there_dir_.data() + "/snapshots"), second->files().size());
  import.reset();
  EXPECT_EQ(FilesBelow(there_dir_.data() + "/snapshots"), 0U);
  second.reset();
  EXPECT_TRUE(fs::is_empty(place));
}

// Run: 60 GiB are to come where 40 are free; or twice 25 from two peers. The disk is filled to its
// last byte, the next flush fails, and the node stops.
TEST_F(RocksSnapshots, ImportsTogetherLeaveTheReserveFree) {
  there_.reset();
  Options options = there_dir_.options();
  options.disk_reserve_bytes = ~std::uint64_t{0};
  there_ = RocksStore::Open(options).value();
  const fs::space_info space = fs::space(there_dir_.data());
  const std::uint64_t spare = space.available - space.capacity / 10;
  const auto begin = [&](std::uint64_t bytes) {
    return there_->BeginImport(kNew, {LogIndex(9), Term(2)}, {{bytes / 2, 1}, {bytes / 2, 2}});
  };
  EXPECT_EQ(begin(space.available).status().code(), Code::kDiskFull);
  EXPECT_EQ(begin(~std::uint64_t{0}).status().code(), Code::kDiskFull);
  EXPECT_EQ(there_->BeginImport(kNew, {}, {{~std::uint64_t{0}, 1}, {2, 2}}).status().code(),
            Code::kDiskFull);
  EXPECT_EQ(FilesBelow(there_dir_.data() + "/snapshots"), 0U);

  auto first = begin(spare / 10 * 6);
  ASSERT_TRUE(first.ok()) << first.status().ToString();
  EXPECT_EQ(begin(spare / 10 * 6).status().code(), Code::kDiskFull);
  ASSERT_TRUE((*first)->Write({0, 0}, "what is written needs no more room").ok());
  (*first).reset();
  EXPECT_TRUE(begin(spare / 10 * 6).ok());
}

// A crash at each step: the store opens, with the old map and, from Finish on, the new one, and
// what was under way is wiped.
TEST_F(RocksSnapshots, AKillAtAnyStepLeavesTheOldOrTheNew) {
  ASSERT_TRUE(there_->Create({kOld}).ok());
  const std::shared_ptr<Snapshot> snapshot = here_->Export(kOld).value();
  const auto after_kill = [&](const std::vector<ShardStore::Name>& wanted) {
    Copy copy(there_dir_.options());
    EXPECT_EQ(copy.store().List(), wanted);
    EXPECT_TRUE(fs::is_empty(copy.snapshots()));
    for (const ShardStore::Name& name : wanted) {
      EXPECT_EQ(copy.store().Open(name).value()->applied(),
                name == kNew ? snapshot->applied() : storage::Applied{});
    }
  };
  auto import = there_->BeginImport(kNew, snapshot->applied(), snapshot->files()).value();
  after_kill({kOld});
  while (import->position().file < snapshot->files().size()) {
    const Import::Position at = import->position();
    ASSERT_TRUE(import->Write(at, snapshot->Read(at.file, at.offset, 100 << 10).value()).ok());
    after_kill({kOld});
  }
  ASSERT_TRUE(import->Finish().ok());
  after_kill({kOld, kNew});
  import.reset();
  after_kill({kOld, kNew});
}

// A checksum that the sender makes of a damaged table is right: only RocksDB's own tells, and the
// replica that is damaged must learn of it.
TEST_F(RocksSnapshots, DamageOnTheSendersDiskIsFoundByTheExport) {
  ASSERT_TRUE(data_->Flush().ok());
  std::string largest;
  for (const std::string& file : here_dir_.data_files()) {
    if (largest.empty() || fs::file_size(file) > fs::file_size(largest)) largest = file;
  }
  const std::uint64_t bytes = fs::file_size(largest);
  for (int place = 0; place < 20; ++place) {
    const std::uint64_t at = bytes * place / 20 + 17;
    SCOPED_TRACE("byte " + std::to_string(at) + " of " + std::to_string(bytes));
    FlipByte(largest, at);
    EXPECT_EQ(here_->Export(kOld).status().code(), Code::kCorruption);
    FlipByte(largest, at);
  }
  EXPECT_TRUE(here_->Export(kOld).ok());
  EXPECT_TRUE(here_->health().ok()) << "a damaged replica is not a failing disk";
}

TEST_F(RocksSnapshots, DamageOnTheReceiversDiskIsFoundBeforeItCounts) {
  const std::shared_ptr<Snapshot> snapshot = here_->Export(kOld).value();
  for (std::size_t file = 0; file < snapshot->files().size(); ++file) {
    SCOPED_TRACE("file " + std::to_string(file));
    auto import = there_->BeginImport(kNew, snapshot->applied(), snapshot->files()).value();
    ASSERT_TRUE(Carry(*snapshot, import.get()).ok());
    for (const auto& entry : fs::recursive_directory_iterator(there_dir_.data() + "/snapshots")) {
      if (entry.path().stem() == std::to_string(file) && entry.is_regular_file()) {
        FlipByte(entry.path(), entry.file_size() / 2);
      }
    }
    EXPECT_EQ(import->Finish().code(), Code::kCorruption);
    EXPECT_TRUE(there_->List().empty());
  }
}

/// Notes the order of what it is asked.
class Noting : public rocksdb::FileSystemWrapper {
 public:
  explicit Noting(std::vector<std::string>* notes)
      : FileSystemWrapper(rocksdb::FileSystem::Default()), notes_(notes) {}
  [[nodiscard]] const char* Name() const override { return "Noting"; }
  rocksdb::IOStatus LinkFile(const std::string& /*from*/, const std::string& to,
                             const rocksdb::IOOptions& /*options*/,
                             rocksdb::IODebugContext* /*context*/) override {
    notes_->push_back("link " + to);
    return {};
  }
  rocksdb::IOStatus NewDirectory(const std::string& name, const rocksdb::IOOptions& /*options*/,
                                 std::unique_ptr<rocksdb::FSDirectory>* made,
                                 rocksdb::IODebugContext* /*context*/) override {
    class Directory : public rocksdb::FSDirectory {
     public:
      Directory(std::vector<std::string>* notes, std::string name)
          : notes_(notes), name_(std::move(name)) {}
      rocksdb::IOStatus Fsync(const rocksdb::IOOptions& /*options*/,
                              rocksdb::IODebugContext* /*context*/) override {
        notes_->push_back("sync " + name_);
        return {};
      }

     private:
      std::vector<std::string>* notes_;
      std::string name_;
    };
    *made = std::make_unique<Directory>(notes_, name);
    return {};
  }

 private:
  std::vector<std::string>* notes_;
};

TEST(DurableLinks, SyncsTheDirectoryThatItIsForAfterEachLinkIntoIt) {
  std::vector<std::string> notes;
  DurableLinks links(std::make_shared<Noting>(&notes), "/store");
  ASSERT_TRUE(links.LinkFile("/store/snapshots/1/0.sst", "/store/7.sst", {}, nullptr).ok());
  ASSERT_TRUE(links.LinkFile("/store/7.sst", "/store/snapshots/2/7.sst", {}, nullptr).ok());
  EXPECT_EQ(notes, (std::vector<std::string>{"link /store/7.sst", "sync /store",
                                             "link /store/snapshots/2/7.sst"}));
}

}  // namespace
}  // namespace ringfort::rocks

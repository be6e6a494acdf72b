// Damaged stores are moved aside, never deleted, and a crash between any two steps of that comes to
// the same end (protocols 4). Absent ones are left as they are.
#include "server/stores.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <future>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "base/check.h"
#include "tests/unit/server/scratch_stores.h"

namespace ringfort::server {
namespace {

using testing::HasSubstr;

/// Until its file is synced, keeps what each write replaced, and puts it back when the power fails.
class UnpluggedDisk final : public wal::Disk {
 public:
  ~UnpluggedDisk() override {
    Forget([](const Write&) { return true; });
  }
  ssize_t Pwrite(int fd, const char* bytes, std::size_t count, off_t offset) override {
    const std::lock_guard lock(mutex_);
    if (!powered_) return static_cast<ssize_t>(count);
    Write write{::dup(fd), offset, std::string(count, '\0')};
    const ssize_t had = ::pread(fd, write.before.data(), count, offset);
    RF_CHECK(write.fd >= 0 && had >= 0);
    write.before.resize(static_cast<std::size_t>(had));
    unsynced_.push_back(std::move(write));
    return Disk::Pwrite(fd, bytes, count, offset);
  }
  int Fdatasync(int fd) override {
    const std::lock_guard lock(mutex_);
    if (fails) {
      errno = EIO;
      return -1;
    }
    Forget([file = FileOf(fd)](const Write& write) { return FileOf(write.fd) == file; });
    return 0;
  }
  /// From now on nothing more reaches the disk.
  void FailPower() {
    const std::lock_guard lock(mutex_);
    powered_ = false;
    for (auto write = unsynced_.rbegin(); write != unsynced_.rend(); ++write) {
      RF_CHECK(::pwrite(write->fd, write->before.data(), write->before.size(), write->at) >= 0);
    }
  }

  /// Syncs fail.
  std::atomic<bool> fails{false};

 private:
  struct Write {
    int fd;
    off_t at;
    std::string before;
  };
  static ino_t FileOf(int fd) {
    struct stat found {};
    RF_CHECK(::fstat(fd, &found) == 0);
    return found.st_ino;
  }
  template <typename Which>
  void Forget(const Which& which) {
    std::erase_if(unsynced_,
                  [&](const Write& write) { return which(write) && ::close(write.fd) == 0; });
  }

  std::mutex mutex_;
  bool powered_ = true;
  std::vector<Write> unsynced_;
};

/// Stores of which the log acknowledges what it has written, with ten entries applied.
class RelaxedStoresTest : public StoresTest {
 protected:
  RelaxedStoresTest() {
    OpenDir();
    wal::Options options;
    options.durability = wal::Durability::kRelaxed;
    options.disk = &disk_;
    auto stores = Open(options);
    EXPECT_TRUE(stores.ok()) << stores.status().ToString();
    stores_ = *std::move(stores);
    for (std::uint64_t index = 1; index <= 10; ++index) {
      storage::LogUpdate update;
      update.shard = ShardId(3);
      update.entries = {{Term(1), LogIndex(index), raft::EntryKind::kCommand, SharedBytes("x")}};
      std::promise<Status> written;
      stores_.log->Append({update}, [&](Status status) { written.set_value(std::move(status)); });
      EXPECT_TRUE(written.get_future().get().ok());
    }
    data_ = stores_.shards->Open({ShardId(3), storage::Generation(1)}).value();
    EXPECT_TRUE(data_->Apply({}, {LogIndex(10), Term(1)}, /*may_wait=*/true).ok());
  }
  ~RelaxedStoresTest() override { Close(); }
  void Close() {
    data_.reset();
    stores_.shards.reset();
    stores_.log.reset();
  }
  /// After a power cut: as far as the log and the data of the shard reach.
  std::pair<LogIndex, LogIndex> Ends() {
    Close();
    OpenDir();
    stores_ = Open().value();
    data_ = stores_.shards->Open({ShardId(3), storage::Generation(1)}).value();
    return {stores_.log->TakeRecovery().shards.at(0).last, data_->applied().index};
  }

  UnpluggedDisk disk_;
  Stores stores_;
  std::shared_ptr<storage::ShardData> data_;
};

TEST_F(StoresTest, AreOpenedAsTheyWereLeft) {
  OpenDir();
  auto stores = Open();
  ASSERT_TRUE(stores.ok()) << stores.status().ToString();
  EXPECT_EQ(stores->damage, "");
  EXPECT_EQ(stores->log->TakeRecovery().shards.size(), 1U);
  EXPECT_EQ(stores->shards->List().size(), 1U);
  EXPECT_EQ(dir_->identity().boot(), 4U);
}

TEST_F(StoresTest, AFlippedByteInTheLog) {
  DamageLog();
  ExpectSetAside();
  EXPECT_TRUE(fs::exists(path_ / "log.damaged-4/segment-00000000000000000001"));
  EXPECT_TRUE(fs::exists(path_ / "data.damaged-4/CURRENT"));
}

// The run: the logs of all nodes are damaged at once. Each would move the last copies aside.
TEST_F(StoresTest, DamagedStoresStayUntilTheOtherNodesServe) {
  DamageLog();
  rules_.others_serve = [] { return Status(Code::kUnavailable, "nobody else serves 3"); };
  OpenDir();
  const auto stores = Open();
  EXPECT_EQ(stores.status().code(), Code::kUnavailable);
  EXPECT_THAT(stores.status().message(), HasSubstr("segment-00000000000000000001"));
  EXPECT_THAT(stores.status().message(), HasSubstr("nobody else serves 3"));
  EXPECT_FALSE(dir_->setting_aside());
  EXPECT_TRUE(fs::exists(path_ / "log/segment-00000000000000000001"));
  EXPECT_FALSE(fs::exists(path_ / "log.damaged-4"));
  rules_.others_serve = [] { return Status::Ok(); };
  ExpectSetAside();
}

// Each start draws a number of its own: two lives from one state differ in it.
TEST_F(StoresTest, TwoStartsFromOneStateCanBeToldApart) {
  const fs::path copy = scratch_ / "copy";
  fs::copy(path_, copy, fs::copy_options::recursive);
  OpenDir();
  ASSERT_TRUE(Open().ok());
  const proto::Lineage first = dir_->identity().lineage();
  EXPECT_EQ(first.lives_size(), 4);
  dir_.reset();
  fs::remove_all(path_);
  fs::rename(copy, path_);
  OpenDir();
  ASSERT_TRUE(Open().ok());
  const proto::Lineage& second = dir_->identity().lineage();
  ASSERT_EQ(second.lives_size(), 4);
  EXPECT_EQ(first.lives(3).boot(), second.lives(3).boot());
  EXPECT_NE(first.lives(3).nonce(), second.lives(3).nonce());
  EXPECT_EQ(first.lives(2).nonce(), second.lives(2).nonce());
}

// The run: an operator brings back last week's copy of the log alone. It is whole by itself.
TEST_F(StoresTest, AnOldCopyOfTheLog) {
  fs::copy(path_ / "log", scratch_ / "copy", fs::copy_options::recursive);
  for (int boot = 0; boot < 2; ++boot) {
    OpenDir();
    auto stores = Open();
    ASSERT_TRUE(stores.ok());
    storage::LogUpdate vote;
    vote.shard = ShardId(3);
    vote.hard_state = raft::HardState{Term(9), ReplicaId(2), false};
    stores->log->Append({vote}, [](const Status&) {});
    ASSERT_TRUE(stores->log->Sync().ok());
  }
  fs::remove_all(path_ / "log");
  fs::rename(scratch_ / "copy", path_ / "log");
  OpenDir();
  auto stores = Open();
  ASSERT_TRUE(stores.ok()) << stores.status().ToString();
  EXPECT_THAT(stores->damage, HasSubstr("log.damaged-6"));
  EXPECT_TRUE(stores->log->TakeRecovery().shards.empty());
}

TEST_F(StoresTest, AFileOfTheDataThatIsDamagedOrGone) {
  for (const std::string prefix : {"MANIFEST-", "CURRENT"}) {
    for (const bool gone : {false, true}) {
      SCOPED_TRACE(prefix + (gone ? " is gone" : " is damaged"));
      const fs::path good = scratch_ / "good";
      fs::remove_all(good);
      fs::copy(path_, good, fs::copy_options::recursive);
      for (const auto& entry : fs::directory_iterator(path_ / "data")) {
        if (!entry.path().filename().string().starts_with(prefix)) continue;
        gone ? static_cast<void>(fs::remove(entry.path())) : FlipByte(entry.path(), 8);
      }
      ExpectSetAside();
      dir_.reset();
      fs::remove_all(path_);
      fs::rename(good, path_);
    }
  }
}

// Every state that a crash can leave between the note and the end: for each of the two stores, the
// damaged one in its place, moved, or moved with an empty one in its place.
TEST_F(StoresTest, ACrashBetweenAnyTwoSteps) {
  DamageLog();
  const fs::path good = scratch_ / "good";
  fs::copy(path_, good, fs::copy_options::recursive);
  enum class Step { kInPlace, kMoved, kMade };
  for (const Step log : {Step::kInPlace, Step::kMoved, Step::kMade}) {
    for (const Step data : {Step::kInPlace, Step::kMoved, Step::kMade}) {
      SCOPED_TRACE(std::to_string(static_cast<int>(log)) + std::to_string(static_cast<int>(data)));
      fs::remove_all(path_);
      fs::copy(good, path_, fs::copy_options::recursive);
      OpenDir();
      ASSERT_TRUE(dir_->SetStoresAside().ok());
      auto leave = [&](Step step, const fs::path& store, const std::function<void()>& make) {
        if (step == Step::kInPlace) fs::rename(store.string() + ".damaged-4", store);
        if (step == Step::kMade) make();
      };
      leave(log, path_ / "log", [&] {
        wal::Options options;
        options.dir = dir_->log_dir();
        options.incarnation = dir_->incarnation();
        options.segment_bytes = 64 << 10;
        EXPECT_TRUE(wal::Wal::Open(options).ok());
      });
      leave(data, path_ / "data", [&] {
        rocks::Options options;
        options.dir = dir_->data_dir();
        options.incarnation = dir_->incarnation();
        EXPECT_TRUE(rocks::RocksStore::Open(options).ok());
      });
      ExpectSetAside();
      EXPECT_TRUE(fs::exists(path_ / "log.damaged-4/segment-00000000000000000001"));
      EXPECT_TRUE(fs::exists(path_ / "data.damaged-4/CURRENT"));
    }
  }
}

// Otherwise the next start would take what was half moved for a node that never was.
TEST_F(StoresTest, NothingIsMovedBeforeTheNoteOfItLasts) {
  DamageLog();
  fs::create_directory(path_ / "identity.new");  // Where the note is written first.
  OpenDir();
  EXPECT_EQ(Open().status().code(), Code::kIoError);
  EXPECT_TRUE(fs::exists(path_ / "log/segment-00000000000000000001"));
  EXPECT_TRUE(fs::exists(path_ / "data/CURRENT"));
  EXPECT_FALSE(fs::exists(path_ / "log.damaged-4"));
}

TEST_F(StoresTest, TheOnlyCopyIsLeftAsItIs) {
  OpenDir();
  proto::Identity identity = dir_->identity();
  identity.mutable_record()->set_replicas(1);
  ASSERT_TRUE(dir_->Save(identity.SerializeAsString()).ok());
  DamageLog();
  OpenDir();
  const auto stores = Open();
  EXPECT_EQ(stores.status().code(), Code::kCorruption);
  EXPECT_THAT(stores.status().message(), HasSubstr("bring back"));
  EXPECT_TRUE(fs::exists(path_ / "log/segment-00000000000000000001"));
  EXPECT_FALSE(dir_->setting_aside());
}

// It may be the right one, put in the wrong place.
TEST_F(StoresTest, AnotherNodesLogIsNotMoved) {
  fs::remove_all(path_ / "log");
  wal::Options options;
  options.dir = (path_ / "log").string();
  options.incarnation = Incarnation{1, 2};
  ASSERT_TRUE(wal::Wal::Open(options).ok());
  OpenDir();
  EXPECT_EQ(Open().status().code(), Code::kWrongCluster);
  EXPECT_FALSE(dir_->setting_aside());
}

// The run: a majority of nodes whose data are ahead of their logs after a power cut set the shard
// aside, and nothing repairs it (protocols 4: a flush first syncs the log).
TEST_F(RelaxedStoresTest, AFlushDoesNotGetAheadOfTheLog) {
  ASSERT_TRUE(data_->Flush().ok());
  disk_.FailPower();
  EXPECT_EQ(Ends(), std::pair(LogIndex(10), LogIndex(10)));
}

// The same after SIGTERM, which flushes what is in memory.
TEST_F(RelaxedStoresTest, NorDoesTheFlushAtClosing) {
  data_.reset();
  stores_.shards.reset();
  disk_.FailPower();
  EXPECT_EQ(Ends(), std::pair(LogIndex(10), LogIndex(10)));
}

TEST_F(RelaxedStoresTest, ALogThatCannotBeSyncedStopsTheNodeBeforeTheFlush) {
  disk_.fails = true;
  EXPECT_TRUE(fatal_.ok());
  EXPECT_TRUE(data_->Flush().ok());  // It goes on here, where nothing stops.
  EXPECT_EQ(fatal_.code(), Code::kIoError);
  EXPECT_THAT(fatal_.message(), HasSubstr("the log takes no more"));
}

}  // namespace
}  // namespace ringfort::server

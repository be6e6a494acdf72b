// A data directory with stores in it, for tests of what a start makes of them.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <utility>

#include "base/check.h"
#include "server/stores.h"

namespace ringfort::server {

namespace fs = std::filesystem;

/// A data directory of a member of a cluster whose third boot has ended well: the log knows shard
/// 3, the data hold a map of it.
class StoresTest : public testing::Test {
 protected:
  StoresTest() {
    std::string name = (fs::temp_directory_path() / "ringfort-stores-XXXXXX").string();
    RF_CHECK(::mkdtemp(name.data()) != nullptr);
    scratch_ = name;
    path_ = scratch_ / "node";
    for (int boot = 1; boot <= 3; ++boot) {
      OpenDir();
      auto stores = Open();
      EXPECT_TRUE(stores.ok()) << stores.status().ToString();
      if (boot == 1) Fill(*stores);
      proto::Identity identity = dir_->identity();
      identity.mutable_record()->set_replicas(3);
      identity.set_replicas_made(true);
      for (int i = 0; i < 3; ++i) identity.mutable_record()->add_nodes();
      EXPECT_TRUE(dir_->Save(identity.SerializeAsString()).ok());
    }
    dir_.reset();
  }
  ~StoresTest() override {
    dir_.reset();
    fs::remove_all(scratch_);
  }

  void OpenDir() {
    dir_.reset();
    auto dir = DataDir::Open(path_.string(), NodeId(1), "test");
    ASSERT_TRUE(dir.ok()) << dir.status().ToString();
    dir_ = *std::move(dir);
  }
  Result<Stores> Open(wal::Options log_options = {}) {
    log_options.segment_bytes = 64 << 10;
    return OpenStores(
        dir_.get(), log_options, {}, [this](const Status& why) { fatal_ = why; }, rules_);
  }
  static void Fill(Stores& stores) {
    EXPECT_TRUE(stores.shards->Create({{ShardId(3), storage::Generation(1)}}).ok());
    storage::LogUpdate update;
    update.shard = ShardId(3);
    update.base = raft::LogBase();
    update.generation = storage::Generation(1);
    stores.log->Append({update}, [](const Status&) {});
    EXPECT_TRUE(stores.log->Sync().ok());
  }
  static void FlipByte(const fs::path& path, std::uint64_t at) {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekg(static_cast<std::streamoff>(at));
    const char byte = static_cast<char>(file.get() ^ 0x40);
    file.seekp(static_cast<std::streamoff>(at));
    file.put(byte);
    ASSERT_TRUE(file.good()) << path;
  }
  void DamageLog() { FlipByte(path_ / "log/segment-00000000000000000001", 4096 + 60); }

  /// What has to stand at the end of boot 4.
  void ExpectSetAside() {
    OpenDir();
    auto stores = Open();
    ASSERT_TRUE(stores.ok()) << stores.status().ToString();
    EXPECT_THAT(stores->damage, testing::HasSubstr((path_ / "log.damaged-4").string()));
    EXPECT_THAT(stores->damage, testing::HasSubstr((path_ / "data.damaged-4").string()));
    EXPECT_EQ(stores->damage.find('\n'), std::string::npos);
    EXPECT_TRUE(stores->log->TakeRecovery().shards.empty());
    EXPECT_TRUE(stores->shards->List().empty());
    EXPECT_EQ(dir_->identity().boot(), 4U);
    EXPECT_TRUE(dir_->identity().replicas_made());
    EXPECT_FALSE(dir_->setting_aside());
    stores->shards.reset();
    stores->log.reset();
    // The next start finds a healthy node.
    OpenDir();
    auto next = Open();
    ASSERT_TRUE(next.ok()) << next.status().ToString();
    EXPECT_EQ(next->damage, "");
    EXPECT_EQ(dir_->identity().boot(), 5U);
    EXPECT_FALSE(fs::exists(path_ / "log.damaged-5"));
  }

  fs::path scratch_;
  fs::path path_;
  std::unique_ptr<DataDir> dir_;
  GiveUpRules rules_{.others_serve = [] { return Status::Ok(); }};
  /// Why the node would have had to stop.
  Status fatal_;
};

}  // namespace ringfort::server

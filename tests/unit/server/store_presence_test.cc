// What is absent is not damaged, and what is whole is not given up.
#include "server/store_presence.h"

#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <vector>

#include "tests/unit/server/scratch_stores.h"

namespace ringfort::server {
namespace {

using testing::HasSubstr;

/// A way in which a store is not there, and the word for it.
struct Absence {
  std::string word;
  std::function<void(const fs::path& store)> make;
};
const std::vector<Absence>& Absences() {
  static const std::vector<Absence> absences = {
      {"is not there", [](const fs::path&) {}},
      {"is empty", [](const fs::path& store) { fs::create_directory(store); }},
      {"is empty", [](const fs::path& store) { fs::create_directories(store / "lost+found"); }},
      {"is a link to /nowhere",
       [](const fs::path& store) { fs::create_symlink("/nowhere/at/all", store); }},
      {"is no directory", [](const fs::path& store) { std::ofstream(store) << "x"; }},
      {"holds other files",
       [](const fs::path& store) {
         fs::create_directory(store);
         std::ofstream(store / "README") << "a disk of somebody else";
       }},
  };
  return absences;
}

// The run: the disks of the logs are mounted late after a power cut, on all nodes at once; every
// copy of everything was quarantined for ever.
TEST_F(StoresTest, AnAbsentStoreStopsTheStartAndChangesNothing) {
  for (const std::string store : {"log", "data"}) {
    for (const Absence& absence : Absences()) {
      SCOPED_TRACE(store + " " + absence.word);
      fs::rename(path_ / store, scratch_ / "unmounted");
      absence.make(path_ / store);
      OpenDir();
      const std::string identity = dir_->identity().SerializeAsString();
      const auto stores = Open();
      ASSERT_EQ(stores.status().code(), Code::kUnavailable) << stores.status().ToString();
      EXPECT_THAT(stores.status().message(),
                  HasSubstr((path_ / store).string() + " " + absence.word));
      EXPECT_THAT(stores.status().message(), HasSubstr("mount"));
      EXPECT_THAT(stores.status().message(), HasSubstr("--start_empty"));
      OpenDir();
      EXPECT_EQ(dir_->identity().SerializeAsString(), identity);
      EXPECT_FALSE(fs::exists(path_ / "log.damaged-4"));
      EXPECT_FALSE(fs::exists(path_ / "data.damaged-4"));
      fs::remove_all(path_ / store);
      fs::rename(scratch_ / "unmounted", path_ / store);
    }
  }
  // The disk is back.
  OpenDir();
  auto stores = Open();
  ASSERT_TRUE(stores.ok()) << stores.status().ToString();
  EXPECT_EQ(stores->damage, "");
  EXPECT_EQ(stores->log->TakeRecovery().shards.size(), 1U);
  EXPECT_EQ(dir_->identity().boot(), 4U);
}

TEST_F(StoresTest, AnOperatorGivesAnAbsentStoreUp) {
  for (const Absence& absence : Absences()) {
    SCOPED_TRACE(absence.word);
    const fs::path good = scratch_ / "good";
    fs::copy(path_, good, fs::copy_options::recursive);
    fs::remove_all(path_ / "log");
    if (absence.word != "is no directory") absence.make(path_ / "log");
    OpenDir();
    const Incarnation before = dir_->incarnation();
    rules_.start_empty = true;
    auto stores = Open();
    ASSERT_TRUE(stores.ok()) << stores.status().ToString();
    EXPECT_THAT(stores->damage, HasSubstr("--bring_back=4"));
    EXPECT_NE(dir_->incarnation(), before) << "it is another directory, as an empty one would be";
    EXPECT_EQ(dir_->identity().lineage().lives_size(), 1);
    EXPECT_TRUE(dir_->identity().replicas_made());
    EXPECT_TRUE(stores->log->TakeRecovery().shards.empty());
    EXPECT_TRUE(stores->shards->List().empty());
    EXPECT_TRUE(fs::exists(path_ / "data.damaged-4/CURRENT"));
    stores->shards.reset();
    stores->log.reset();
    // The flag is still there at the next start.
    OpenDir();
    const auto again = Open();
    EXPECT_EQ(again.status().code(), Code::kConditionFailed) << again.status().ToString();
    rules_.start_empty = false;
    OpenDir();
    EXPECT_TRUE(Open().ok());
    EXPECT_EQ(dir_->identity().boot(), 5U);
    dir_.reset();
    fs::remove_all(path_);
    fs::rename(good, path_);
  }
}

TEST_F(StoresTest, WholeStoresAreNotGivenUp) {
  OpenDir();
  rules_.start_empty = true;
  const auto stores = Open();
  EXPECT_EQ(stores.status().code(), Code::kConditionFailed);
  EXPECT_THAT(stores.status().message(), HasSubstr("without --start_empty"));
  EXPECT_EQ(dir_->identity().boot(), 3U);
}

TEST_F(StoresTest, AnOldCopyIsGivenUpWhole) {
  OpenDir();
  proto::Identity identity = dir_->identity();
  identity.mutable_lineage()->set_refused_by(2);
  ASSERT_TRUE(dir_->Save(identity.SerializeAsString()).ok());
  OpenDir();
  rules_.start_empty = true;
  auto stores = Open();
  ASSERT_TRUE(stores.ok()) << stores.status().ToString();
  EXPECT_TRUE(stores->log->TakeRecovery().shards.empty());
  EXPECT_FALSE(dir_->is_old_copy());
  EXPECT_TRUE(fs::exists(path_ / "log.damaged-4/segment-00000000000000000001"));
}

}  // namespace
}  // namespace ringfort::server

// The way back for stores that were quarantined, where it helps, and only there.
#include "server/bring_back.h"

#include "server/store_presence.h"
#include "tests/unit/server/scratch_stores.h"
#include "wire/id_codec.h"

namespace ringfort::server {
namespace {

using testing::HasSubstr;

class BringBackTest : public StoresTest {
 protected:
  /// The operator gives the stores up, though it is the disk of the log that is late.
  void GiveUp() {
    fs::rename(path_ / "log", scratch_ / "unmounted");
    fs::create_directory(path_ / "log");
    OpenDir();
    before_ = dir_->identity();
    rules_.start_empty = true;
    auto stores = Open();
    ASSERT_TRUE(stores.ok()) << stores.status().ToString();
    rules_.start_empty = false;
    stores->shards.reset();
    stores->log.reset();
    dir_.reset();
  }
  /// The disk of the log is back, over what was made in its place.
  void Mount() {
    fs::remove_all(path_ / "log");
    fs::rename(scratch_ / "unmounted", path_ / "log");
  }
  Result<std::string> BringBackFour(bool dry_run = false) {
    return BringBack(path_.string(), 4, dry_run);
  }
  void ExpectWhole() {
    OpenDir();
    EXPECT_EQ(dir_->incarnation().ToString(), Before()) << "it is the same directory again";
    auto stores = Open();
    ASSERT_TRUE(stores.ok()) << stores.status().ToString();
    EXPECT_EQ(stores->damage, "");
    EXPECT_EQ(stores->log->TakeRecovery().shards.size(), 1U);
    EXPECT_EQ(stores->shards->List().size(), 1U);
    EXPECT_EQ(dir_->newest_set_aside(), 0U);
    // Its peers know the start before it was given up.
    const proto::Lineage& lineage = dir_->identity().lineage();
    ASSERT_EQ(lineage.lives_size(), before_.lineage().lives_size() + 1);
    EXPECT_EQ(lineage.lives(0).nonce(), before_.lineage().lives(0).nonce());
  }
  std::string Before() const {
    return wire::DecodeId<Incarnation>(before_.incarnation(), "an incarnation").value().ToString();
  }

  proto::Identity before_;
};

TEST_F(BringBackTest, PutsBackWhatWasGivenUp) {
  GiveUp();
  Mount();
  const auto dry = BringBackFour(/*dry_run=*/true);
  ASSERT_TRUE(dry.ok()) << dry.status().ToString();
  EXPECT_THAT(*dry, HasSubstr("nothing was changed"));
  EXPECT_TRUE(fs::exists(path_ / "data.damaged-4/CURRENT"));
  const auto done = BringBackFour();
  ASSERT_TRUE(done.ok()) << done.status().ToString();
  EXPECT_TRUE(fs::exists(path_ / "data.replaced-4/CURRENT"));
  ExpectWhole();
}

// The log that stands in its place is the one that was made when the stores were given up.
TEST_F(BringBackTest, RefusesWhileTheLogIsNotThere) {
  GiveUp();
  const auto refused = BringBackFour();
  EXPECT_EQ(refused.status().code(), Code::kConditionFailed) << refused.status().ToString();
  EXPECT_THAT(refused.status().message(), HasSubstr("is not the log of these data"));
  EXPECT_TRUE(fs::exists(path_ / "data.damaged-4/CURRENT"));
}

TEST_F(BringBackTest, RefusesWhereTheOthersHaveFilledTheNodeAgain) {
  GiveUp();
  OpenDir();
  {
    auto stores = Open();
    ASSERT_TRUE(stores.ok());
    Fill(*stores);
  }
  dir_.reset();
  Mount();
  const auto refused = BringBackFour();
  EXPECT_EQ(refused.status().code(), Code::kConditionFailed);
  EXPECT_THAT(refused.status().message(), HasSubstr("1 replicas again"));
  EXPECT_TRUE(fs::exists(path_ / "data.damaged-4/CURRENT"));
}

TEST_F(BringBackTest, RefusesWhatWouldOnlyBeQuarantinedAgain) {
  DamageLog();
  OpenDir();
  ASSERT_TRUE(Open().ok());
  dir_.reset();
  const auto refused = BringBackFour();
  EXPECT_EQ(refused.status().code(), Code::kConditionFailed);
  EXPECT_THAT(refused.status().message(), HasSubstr("segment-00000000000000000001"));
  EXPECT_THAT(refused.status().message(), HasSubstr("recover --all-lost"));
}

TEST_F(BringBackTest, RefusesANumberThatIsNotThere) {
  const auto refused = BringBackFour();
  EXPECT_EQ(refused.status().code(), Code::kConditionFailed);
  EXPECT_THAT(refused.status().message(), HasSubstr("no quarantined stores of number 4"));
  EXPECT_EQ(BringBack(scratch_.string(), 4, false).status().code(), Code::kInvalidArgument);
}

// Release 0.1.0 quarantined what was absent, under its own incarnation, and noted nothing of it.
TEST_F(BringBackTest, PutsBackWhatAnOlderReleaseQuarantined) {
  OpenDir();
  before_ = dir_->identity();
  ASSERT_TRUE(dir_->SetStoresAside().ok());
  proto::Identity identity = dir_->identity();
  identity.clear_set_aside();
  ASSERT_TRUE(dir_->Replace(identity).ok());
  ASSERT_TRUE(BringBackFour().status().code() == Code::kIoError) << "while it is in use";
  dir_.reset();
  ASSERT_TRUE(BringBackFour().ok());
  ExpectWhole();
}

// A crash between any two of its steps: the node does not start, and the command ends what it
// began.
TEST_F(BringBackTest, ACrashOnTheWayIsMadeGood) {
  for (const bool moved : {false, true}) {
    SCOPED_TRACE(moved);
    const fs::path good = scratch_ / "good";
    fs::copy(path_, good, fs::copy_options::recursive);
    GiveUp();
    Mount();
    OpenDir();
    proto::Identity identity = dir_->identity();
    identity.set_bringing_back(4);
    ASSERT_TRUE(dir_->Replace(identity).ok());
    if (moved) {
      fs::rename(path_ / "data", path_ / "data.replaced-4");
      fs::rename(path_ / "data.damaged-4", path_ / "data");
    }
    OpenDir();
    const auto refused = Open();
    EXPECT_EQ(refused.status().code(), Code::kUnavailable);
    EXPECT_THAT(refused.status().message(), HasSubstr("--bring_back=4"));
    dir_.reset();
    ASSERT_TRUE(BringBackFour().ok());
    ExpectWhole();
    dir_.reset();
    fs::remove_all(path_);
    fs::rename(good, path_);
  }
}

TEST_F(BringBackTest, SeenStartsAreForgottenOnDemand) {
  OpenDir();
  proto::Identity identity = dir_->identity();
  identity.add_seen()->set_node(2);
  ASSERT_TRUE(dir_->Replace(identity).ok());
  dir_.reset();
  ASSERT_TRUE(AcceptOldCopies(path_.string(), /*dry_run=*/true).ok());
  OpenDir();
  EXPECT_EQ(dir_->identity().seen_size(), 1);
  dir_.reset();
  ASSERT_TRUE(AcceptOldCopies(path_.string(), /*dry_run=*/false).ok());
  OpenDir();
  EXPECT_EQ(dir_->identity().seen_size(), 0);
}

}  // namespace
}  // namespace ringfort::server

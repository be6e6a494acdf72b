// ringfortctl verify on real nodes (protocols 8): equal while writers run; a copy that is another
// is found, and what verify then says to do mends it; who cannot be asked is named in time.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

#include "rocks/rocks_store.h"
#include "storage/encoding.h"
#include "tests/integration/accounting.h"
#include "tests/unit/ctl/run_ctl.h"

namespace ringfort::integration {
namespace {

using std::chrono::seconds;
using testing::EndsWith;
using testing::HasSubstr;

constexpr std::string_view kAllEqual = "entries: equal on all replicas\n";

class Verify : public Accounting {
 protected:
  [[nodiscard]] ctl::Outcome RunVerify(const std::string& flag = "--wait=60s") const {
    return ctl::Ctl({"--seeds=" + cluster_.address(1), "verify", flag});
  }
  void AwaitEveryCopy() {
    const ctl::Outcome status =
        ctl::Ctl({"--seeds=" + cluster_.address(1), "status", "--wait=60s"});
    ASSERT_EQ(status.code, 0) << status.err << cluster_.Output(3);
  }
};

TEST_F(Verify, IsGreenWhileWritersRun) {
  StartWriters(4, seconds(200));
  for (int round = 0; round < 5; ++round) {
    const std::uint64_t before = Acked();
    const ctl::Outcome verified = RunVerify();
    EXPECT_EQ(verified.code, 0) << verified.err;
    EXPECT_THAT(verified.out, EndsWith(std::string(kAllEqual)));
    ASSERT_TRUE(Eventually(seconds(20), [&] { return Acked() > before + 50; }));
  }
  StopWriters();
  Account();
}

Incarnation IncarnationOf(const std::string& digits) {
  return {.high = std::stoull(digits.substr(0, 16), nullptr, 16),
          .low = std::stoull(digits.substr(16), nullptr, 16)};
}

/// Changes the last byte of an entry's value in the data of a node that does not run, through the
/// store itself: no checksum of a file is wrong.
void ChangeData(const std::filesystem::path& node_dir, const std::string& incarnation,
                ShardId shard, const std::string& key) {
  rocks::Options options;
  options.dir = (node_dir / "data").string();
  options.incarnation = IncarnationOf(incarnation);
  options.expect_existing = true;
  auto store = rocks::RocksStore::Open(options);
  ASSERT_TRUE(store.ok()) << store.status().ToString();
  const std::string raw_key = storage::EncodeDataKey(key, "");
  int changed = 0;
  for (const storage::ShardStore::Name& name : (*store)->List()) {
    if (name.shard != shard) continue;
    auto data = (*store)->Open(name);
    ASSERT_TRUE(data.ok()) << data.status().ToString();
    auto value = (*data)->Get(raw_key, storage::ReadDepth::kDisk);
    ASSERT_TRUE(value.ok() && value->has_value());
    std::string bytes = **std::move(value);
    bytes.back() = static_cast<char>(bytes.back() ^ 1);
    ASSERT_TRUE((*data)
                    ->Apply({{storage::Mutation::Kind::kPut, raw_key, bytes}}, (*data)->applied(),
                            /*may_wait=*/true)
                    .ok());
    ASSERT_TRUE((*data)->Flush().ok());
    ++changed;
  }
  ASSERT_EQ(changed, 1);
}

TEST_F(Verify, NamesTheCopyThatIsAnotherAndSaysHowToMendIt) {
  Client client = cluster_.Connect();
  const std::string key = "account";
  ASSERT_TRUE(client.Put(key, "100").ok());
  AwaitEveryCopy();
  const std::uint32_t shard = client.ShardOf(key);
  auto status = client.NodeStatus(3);
  ASSERT_TRUE(status.ok()) << status.status().ToString();
  ASSERT_EQ(cluster_.Stop(3), 0) << cluster_.Output(3);
  ChangeData(cluster_.data_dir(3), status->incarnation, ShardId(shard), key);
  cluster_.Start(3);
  AwaitEveryCopy();
  const ctl::Outcome verified = RunVerify();
  EXPECT_EQ(verified.code, 1);
  EXPECT_THAT(verified.out, HasSubstr("shard " + std::to_string(shard) +
                                      ": node 3 holds other data than nodes "));
  EXPECT_EQ(std::count(verified.out.begin(), verified.out.end(), '\n'), 1) << verified.out;
  EXPECT_THAT(verified.out, HasSubstr("(stop node 3 and no other, move its data directory away and "
                                      "start it again 10 s later: it is filled from the others)"));
  // Which it says.
  ASSERT_EQ(cluster_.Stop(3), 0) << cluster_.Output(3);
  std::filesystem::rename(cluster_.data_dir(3), cluster_.data_dir(3).string() + ".aside");
  cluster_.Start(3);
  AwaitEveryCopy();
  const ctl::Outcome mended = RunVerify();
  EXPECT_EQ(mended.code, 0) << mended.out << mended.err;
  EXPECT_THAT(mended.out, EndsWith(std::string(kAllEqual)));
}

TEST_F(Verify, ChecksACopyThatIsBeingFilled) {
  Client client = cluster_.Connect();
  for (int i = 0; i < 200; ++i) {
    ASSERT_TRUE(client.Put("key-" + std::to_string(i), "value").ok());
  }
  cluster_.Kill(3);
  std::filesystem::remove_all(cluster_.data_dir(3));
  cluster_.Start(3);
  // Until the node answers, and has a copy of every shard, verify says that it has not.
  ctl::Outcome verified{};
  EXPECT_TRUE(Eventually(seconds(60), [&] {
    verified = RunVerify();
    return verified.code == 0;
  })) << verified.out;
}

TEST_F(Verify, NamesInTimeWhoCannotBeAsked) {
  const std::string unchecked = "not checked on node 3, which is down or has no copy";
  const auto expect_named = [&](const std::string& why) {
    const auto start = std::chrono::steady_clock::now();
    // Longer than this test may take.
    const ctl::Outcome verified = RunVerify("--wait=1h");
    EXPECT_EQ(verified.code, 1);
    EXPECT_LT(std::chrono::steady_clock::now() - start, seconds(60));
    EXPECT_EQ(std::count(verified.out.begin(), verified.out.end(), '\n'), 16) << verified.out;
    EXPECT_THAT(verified.out, HasSubstr("shard 0: " + why));
    EXPECT_THAT(verified.out, HasSubstr("shard 15: " + why));
  };
  Client client = cluster_.Connect();
  cluster_.Pause(3);
  ASSERT_TRUE(Eventually(seconds(30), [&] { return cluster_.Serves(client); }));
  expect_named(unchecked);
  cluster_.Kill(3);
  expect_named(unchecked);
  cluster_.Kill(2);
  expect_named("not checked: it has no primary");
}

}  // namespace
}  // namespace ringfort::integration

// Directories that are put back from copies, and clusters of which one copy is left, on real
// processes (protocols 1 and 4).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "tests/integration/local_cluster.h"
#include "tests/unit/ctl/run_ctl.h"

namespace ringfort::integration {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::HasSubstr;
using testing::Not;

constexpr int kEntries = 40;

std::string KeyOf(int i) {
  return "key-" + std::to_string(i);
}

class OldCopies : public testing::Test {
 protected:
  void StartAndFill() {
    cluster_.StartAll();
    Client client = cluster_.Connect();
    ASSERT_TRUE(Eventually(seconds(60), [&] { return cluster_.CaughtUp(client); }));
    Write("x");
  }
  void Write(const std::string& value) {
    Client client = cluster_.Connect();
    for (int i = 0; i < kEntries; ++i) {
      ASSERT_TRUE(client.Put(KeyOf(i), value, {.timeout = seconds(20)}).ok());
    }
  }
  void ExpectEverywhere(const std::string& value) {
    Client client = cluster_.Connect();
    ASSERT_TRUE(Eventually(seconds(60), [&] { return cluster_.Serves(client); }));
    for (int i = 0; i < kEntries; ++i) {
      const auto read = client.Get(KeyOf(i), {.timeout = seconds(10)});
      ASSERT_TRUE(read.ok()) << read.status().ToString();
      EXPECT_EQ(read->value, value);
    }
  }
  /// One of the two starts of node 1 is from a copy of before the other.
  void PutBackNode1(int starts) {
    ASSERT_TRUE(cluster_.Stop(1).has_value());
    fs::copy(cluster_.data_dir(1), copy_, fs::copy_options::recursive);
    for (int i = 0; i < starts; ++i) {
      if (i > 0) {
        ASSERT_TRUE(cluster_.Stop(1).has_value());
      }
      cluster_.Start(1);
      Client client = cluster_.Connect();
      ASSERT_TRUE(Eventually(seconds(60), [&] { return cluster_.CaughtUp(client); }));
    }
    cluster_.Kill(3);
    Write("y");  // On nodes 1 and 2.
    cluster_.Kill(1);
    fs::remove_all(cluster_.data_dir(1));
    fs::rename(copy_, cluster_.data_dir(1));
    cluster_.Kill(2);
  }
  bool SaysOldCopy() {
    Client client = cluster_.Connect(milliseconds(500));
    const auto status = client.NodeStatus(1);
    return status.ok() && status->waiting_for.find("old copy") != std::string::npos;
  }

  LocalCluster cluster_{3, 4};
  ScratchDir scratch_;
  const fs::path copy_ = scratch_.path() / "copy";
};

/// The run: node 1 is put back, and with node 3, which lacks what 1 and 2 acknowledged, it would be
/// a majority.
class PutBack : public OldCopies, public testing::WithParamInterface<int> {};

TEST_P(PutBack, LosesNothingAndSaysSo) {
  StartAndFill();
  PutBackNode1(GetParam());
  cluster_.Start(3);  // It remembers the later start from its directory alone.
  cluster_.Start(1);
  ASSERT_TRUE(Eventually(seconds(20), [&] { return SaysOldCopy(); })) << cluster_.Output(1);
  EXPECT_THAT(cluster_.Output(1), Not(HasSubstr("delete")));
  {
    Client client = cluster_.Connect(milliseconds(500));
    EXPECT_FALSE(client.Put("other", "z", {.timeout = seconds(1)}).ok());
  }
  // It does not come to pass by starting again and again, nor while the peer that knows is down.
  cluster_.Kill(1);
  cluster_.Start(1);
  ASSERT_TRUE(Eventually(seconds(20), [&] { return SaysOldCopy(); })) << cluster_.Output(1);
  cluster_.Start(2);
  ExpectEverywhere("y");
  const ctl::Outcome doctor = ctl::Ctl({"--seeds=" + cluster_.address(2), "doctor"});
  EXPECT_NE(doctor.code, 0);
  EXPECT_THAT(doctor.out, HasSubstr("node 1 runs from an old copy of its data directory"));
  // Its operator gives it up.
  ASSERT_TRUE(cluster_.Stop(1).has_value());
  cluster_.Start(1, {"--start_empty"});
  // Caught up is not enough: no change of members may be under way when the next node fails.
  const auto is_well = [&] {
    return ctl::Ctl({"--seeds=" + cluster_.address(2), "doctor"}).code == 0;
  };
  Client client = cluster_.Connect();
  ASSERT_TRUE(Eventually(seconds(60), [&] { return cluster_.CaughtUp(client) && is_well(); }))
      << cluster_.Output(1);
  cluster_.Kill(3);
  ExpectEverywhere("y");
}

INSTANTIATE_TEST_SUITE_P(Starts, PutBack, testing::Values(1, 2));

// Two of three disks are lost for good.
TEST_F(OldCopies, TheCopyThatIsLeftIsExported) {
  StartAndFill();
  {
    Client client = cluster_.Connect();
    // In its log is not enough: without a primary it never learns that the newest is committed.
    const auto has_applied_all = [&] {
      const Result<NodeStatusView> status = client.NodeStatus(3);
      return status.ok() && std::ranges::all_of(status->replicas, [](const ReplicaView& replica) {
               return replica.applied == replica.last;
             });
    };
    ASSERT_TRUE(
        Eventually(seconds(60), [&] { return cluster_.CaughtUp(client) && has_applied_all(); }));
  }
  for (const std::uint32_t node : {1U, 2U}) {
    cluster_.Kill(node);
    fs::remove_all(cluster_.data_dir(node));
  }
  const std::string seeds = "--seeds=" + cluster_.address(3);
  const ctl::Outcome strict = ctl::Ctl({seeds, "--timeout=1s", "export"});
  EXPECT_NE(strict.code, 0);
  const fs::path file = cluster_.data_dir(3).parent_path() / "export.tsv";
  const ctl::Outcome any =
      ctl::Ctl({seeds, "--timeout=2s", "export", file.string(), "--consistency=any-replica"});
  EXPECT_EQ(any.code, 0) << any.err;
  EXPECT_THAT(any.err,
              HasSubstr("read from node 3, as its copy is, perhaps old: shards 0, 1, 2, 3"));
  std::ifstream in(file);
  const std::string entries((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  for (int i = 0; i < kEntries; ++i) EXPECT_THAT(entries, HasSubstr(KeyOf(i) + "\tx"));
}

// The logs' disks are late on all nodes, and their operator gives all up; then the disks are back.
TEST_F(OldCopies, WhatWasGivenUpOnAllNodesIsBroughtBack) {
  StartAndFill();
  for (const std::uint32_t node : {1U, 2U, 3U}) cluster_.Kill(node);
  for (const std::uint32_t node : {1U, 2U, 3U}) {
    const fs::path dir = cluster_.data_dir(node);
    fs::rename(dir / "log", dir / "unmounted");
    cluster_.Start(node, {"--start_empty"});
  }
  {
    Client client = cluster_.Connect(milliseconds(500));
    EXPECT_TRUE(Eventually(seconds(20), [&] {
      const auto status = client.NodeStatus(3);
      return status.ok() && status->waiting_for.empty();
    }));
  }
  const ctl::Outcome doctor =
      ctl::Ctl({"--seeds=" + cluster_.address(3), "--timeout=1s", "doctor"});
  EXPECT_THAT(doctor.out, HasSubstr("--bring_back=2"));
  for (const std::uint32_t node : {1U, 2U, 3U}) {
    cluster_.Kill(node);
    const fs::path dir = cluster_.data_dir(node);
    fs::remove_all(dir / "log");
    fs::rename(dir / "unmounted", dir / "log");
    Process bring({ServerBinary(), "--data_dir=" + dir.string(), "--bring_back=2"},
                  (scratch_.path() / "bring.log").string());
    EXPECT_EQ(bring.Wait(seconds(60)), 0) << bring.Output();
  }
  cluster_.StartAll();
  ExpectEverywhere("x");
}

}  // namespace
}  // namespace ringfort::integration

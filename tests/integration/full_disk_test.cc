// A full disk is a state, kept off by a reserve (design 3): puts are refused with DiskFull, reads
// and deletes go on, no process dies, and it ends by itself when there is room. On small file
// systems in memory, which only this process and its children see.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>

#include "tests/integration/local_cluster.h"

namespace ringfort::integration {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using Clock = std::chrono::steady_clock;

/// Makes this process's mounts its own. Not ok: why the machine does not allow it.
std::string OwnMounts() {
  const uid_t uid = ::getuid();
  if (::unshare(CLONE_NEWNS) != 0) {
    if (::unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) {
      return std::string("no mount namespace: ") + std::strerror(errno);
    }
    std::ofstream("/proc/self/uid_map") << "0 " << uid << " 1";
  }
  if (::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) {
    return std::string("no private mounts: ") + std::strerror(errno);
  }
  return {};
}

class FullDisk : public testing::Test {
 protected:
  /// 128 MiB: a tenth of it is the reserve.
  // A file system's own directory, as a node wants it: tmpfs lets everybody write by default.
  static constexpr char kMount[] = "size=128m,mode=0700";
  static constexpr std::uint64_t kFullMiB = 10;
  static constexpr std::uint64_t kExhaustedMiB = 4;

  static void SetUpTestSuite() { *why_not_ = OwnMounts(); }

  /// Nodes 1 to `small` of the cluster have a small disk.
  void StartCluster(std::uint32_t nodes, std::uint32_t small) {
    cluster_ = std::make_unique<LocalCluster>(nodes, 8);
    cluster_->AddFlags({"--write_buffer_mb=8", "--log_segment_mb=4", "--log_mb=32"});
    for (std::uint32_t node = 1; node <= small; ++node) {
      const auto dir = cluster_->data_dir(node);
      std::filesystem::create_directory(dir);
      ASSERT_EQ(::mount("tmpfs", dir.c_str(), "tmpfs", 0, kMount), 0) << std::strerror(errno);
      mounted_.push_back(dir);
    }
    cluster_->StartAll();
    client_ = std::make_unique<Client>(cluster_->Connect(seconds(20)));
    ASSERT_TRUE(Eventually(seconds(60), [&] { return cluster_->CaughtUp(*client_); }));
    for (int i = 0; i < 64; ++i) ASSERT_TRUE(client_->Put(KeyOf(i), "before").ok());
  }
  void SetUp() override {
    if (!why_not_->empty()) GTEST_SKIP() << *why_not_;
  }
  void TearDown() override {
    for (const auto& dir : mounted_) EXPECT_EQ(::umount2(dir.c_str(), MNT_DETACH), 0);
  }

  static std::string KeyOf(int i) { return "key-" + std::to_string(i); }
  std::filesystem::path Ballast(std::uint32_t node) { return cluster_->data_dir(node) / "ballast"; }
  /// Leaves so much room on the node's disk, and waits until the node says what that is.
  void Fill(std::uint32_t node, std::uint64_t leave_mib, DiskRoom room) {
    // Again and again: the node's own files come and go, too.
    EXPECT_TRUE(Eventually(seconds(20), [&] {
      struct statvfs found {};
      EXPECT_EQ(::statvfs(cluster_->data_dir(node).c_str(), &found), 0);
      const std::uint64_t free = found.f_bavail * found.f_frsize;
      const int fd = ::open(Ballast(node).c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
      const auto end = static_cast<std::uint64_t>(::lseek(fd, 0, SEEK_END));
      if (free > (leave_mib << 20)) {
        EXPECT_EQ(::posix_fallocate(fd, 0, static_cast<off_t>(end + free - (leave_mib << 20))), 0);
      }
      ::close(fd);
      auto status = client_->NodeStatus(node);
      return status.ok() && status->disk_room == room;
    }));
  }
  void Empty(std::uint32_t node) { std::filesystem::remove(Ballast(node)); }

  void ExpectPut(int key, Code code) {
    const auto begin = Clock::now();
    const auto put = client_->Put(KeyOf(key), "after");
    EXPECT_EQ(put.status().code(), code) << KeyOf(key) << ": " << put.status().ToString();
    if (code == Code::kOk) return;
    EXPECT_EQ(put.status().effect(), Effect::kNotApplied);
    EXPECT_LT(Clock::now() - begin, seconds(10)) << "it is told at once, not at its deadline";
  }
  bool AllPutsWork() {
    for (int i = 0; i < 64; ++i) {
      if (!client_->Put(KeyOf(i), "after").ok()) return false;
    }
    return true;
  }
  void ExpectReads() {
    for (int i = 32; i < 64; ++i) {
      const auto read = client_->Get(KeyOf(i));
      ASSERT_TRUE(read.ok()) << KeyOf(i) << ": " << read.status().ToString();
      EXPECT_EQ(read->value, "before");
    }
  }

  /// Of the process: the first suite to run makes its mounts its own.
  static inline std::string* const why_not_ = new std::string;
  std::unique_ptr<LocalCluster> cluster_;
  std::unique_ptr<Client> client_;
  std::vector<std::filesystem::path> mounted_;
};

TEST_F(FullDisk, OfTheOnlyNode) {
  StartCluster(1, 1);
  Fill(1, kFullMiB, DiskRoom::kFull);
  for (int i = 0; i < 16; ++i) ExpectPut(i, Code::kDiskFull);
  ExpectReads();
  for (int i = 0; i < 16; ++i) EXPECT_TRUE(client_->Delete(KeyOf(i)).ok());
  EXPECT_EQ(client_->Get(KeyOf(0)).status().code(), Code::kNotFound);
  const auto weigh = [&](std::uint32_t weight) {
    const auto change =
        NodeChange{.kind = NodeChange::Kind::kSetWeight, .node = 1, .weight = weight};
    return client_->ChangeNode(change).status().code();
  };
  EXPECT_EQ(weigh(2), Code::kOk) << "operators may still make room";

  Fill(1, kExhaustedMiB, DiskRoom::kExhausted);
  for (int i = 16; i < 32; ++i) ExpectPut(i, Code::kDiskFull);
  EXPECT_EQ(client_->Delete(KeyOf(16)).status().code(), Code::kDiskFull);
  EXPECT_EQ(weigh(3), Code::kDiskFull);
  ExpectReads();

  EXPECT_TRUE(cluster_->Runs(1)) << cluster_->Output(1);
  Empty(1);
  EXPECT_TRUE(Eventually(seconds(20), [&] { return AllPutsWork(); }));
}

TEST_F(FullDisk, OfAMajorityStopsThePutsOfAll) {
  StartCluster(3, 2);
  Fill(1, kFullMiB, DiskRoom::kFull);
  Fill(2, kFullMiB, DiskRoom::kFull);
  // Shards that node 3 leads hear of it with the next heartbeats.
  EXPECT_TRUE(Eventually(seconds(20), [&] {
    for (int i = 0; i < 32; ++i) {
      if (client_->Put(KeyOf(i), "after").status().code() != Code::kDiskFull) return false;
    }
    return true;
  }));
  for (int i = 0; i < 32; ++i) ExpectPut(i, Code::kDiskFull);
  ExpectReads();
  for (int i = 0; i < 32; ++i) EXPECT_TRUE(client_->Delete(KeyOf(i)).ok());
  for (std::uint32_t node = 1; node <= 3; ++node) EXPECT_TRUE(cluster_->Runs(node));
  Empty(1);
  Empty(2);
  EXPECT_TRUE(Eventually(seconds(20), [&] { return AllPutsWork(); }));
}

// The others go on, with far more than its disk could take, and it catches up later.
TEST_F(FullDisk, OfAFollowerHarmsNobody) {
  StartCluster(3, 1);
  Fill(1, kExhaustedMiB, DiskRoom::kExhausted);
  const std::string value(256 << 10, 'v');
  int put_by_others = 0;
  ASSERT_TRUE(Eventually(seconds(100), [&] {
    for (int i = 0; i < 32 && put_by_others < 100; ++i) {
      const auto put = client_->Put(KeyOf(i), value);
      if (put.ok()) {
        ++put_by_others;
      } else {
        // Of shards that node 1 leads.
        EXPECT_EQ(put.status().code(), Code::kDiskFull) << put.status().ToString();
      }
    }
    return put_by_others == 100;
  })) << put_by_others;
  EXPECT_TRUE(cluster_->Runs(1)) << cluster_->Output(1);
  ExpectReads();
  Empty(1);
  EXPECT_TRUE(Eventually(seconds(60), [&] { return cluster_->CaughtUp(*client_); }));
  EXPECT_TRUE(AllPutsWork());
}

}  // namespace
}  // namespace ringfort::integration

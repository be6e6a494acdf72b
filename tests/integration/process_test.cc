// What a host does to a process: its standard descriptors, its signals, its umask.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "tests/integration/local_cluster.h"

namespace ringfort::integration {
namespace {

namespace fs = std::filesystem;
using std::chrono::seconds;
using testing::HasSubstr;

class HostTest : public testing::Test {
 protected:
  /// The node's start, by a shell that does this to it first.
  std::unique_ptr<Process> StartBy(const std::string& redirections, LocalCluster& cluster,
                                   std::uint32_t node = 1) {
    std::vector<std::string> words = {"/bin/bash", "-c", "exec \"$0\" \"$@\" " + redirections};
    for (const std::string& word : cluster.Words(node)) words.push_back(word);
    return std::make_unique<Process>(words, NewOutput());
  }
  /// Of the masks of signals in /proc/PID/status.
  static bool IsIn(const std::string& mask, const Process& process, int signal) {
    std::ifstream status("/proc/" + std::to_string(process.pid()) + "/status");
    for (std::string line; std::getline(status, line);) {
      if (!line.starts_with(mask + ":")) continue;
      return (std::stoull(line.substr(mask.size() + 1), nullptr, 16) >> (signal - 1) & 1) != 0;
    }
    return false;
  }
  /// It was sent, and the process has not seen it: one more would be lost.
  static bool Waits(const Process& process, int signal) { return IsIn("ShdPnd", process, signal); }
  /// The process takes it by itself.
  static bool Takes(const Process& process, int signal) { return IsIn("SigBlk", process, signal); }
  std::string NewOutput() {
    return (scratch_.path() / ("output-" + std::to_string(++outputs_))).string();
  }

  ScratchDir scratch_;
  int outputs_ = 0;
};

// The next file that is opened gets a closed descriptor's number: log lines went into the node's
// own files, and the next start found them damaged.
TEST_F(HostTest, StandardDescriptorsThatAreClosedAreNobodyElses) {
  LocalCluster cluster(1, 4);
  cluster.Start(1);
  {
    Client client = cluster.Connect();
    ASSERT_TRUE(client.Put("k", "v", {.timeout = seconds(20)}).ok());
  }
  ASSERT_EQ(cluster.Stop(1), 0);
  {
    const auto node = StartBy("<&- >&- 2>&-", cluster);
    Client client = cluster.Connect(seconds(20));
    for (int i = 0; i < 50; ++i) node->Signal(SIGHUP);  // Each is a line of the log.
    EXPECT_EQ(client.Get("k", {.timeout = seconds(20)})->value, "v");
    node->Signal(SIGTERM);
    EXPECT_EQ(node->Wait(seconds(20)), 0);
  }
  cluster.Start(1);
  Client client = cluster.Connect();
  const auto found = client.Get("k", {.timeout = seconds(20)});
  ASSERT_TRUE(found.ok()) << found.status().ToString() << cluster.Output(1);
  EXPECT_EQ(found->value, "v");
}

TEST_F(HostTest, ALogThatNobodyReadsHoldsNobodyUp) {
  LocalCluster cluster(1, 4);
  const std::string pipe = (scratch_.path() / "pipe").string();
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  const auto node = StartBy("2<>" + pipe, cluster);
  Client client = cluster.Connect(seconds(20));
  // A pipe holds 64 KiB; a line has about a hundred bytes.
  for (int i = 0; i < 500; ++i) {
    for (const int signal : {SIGHUP, SIGUSR1}) {
      ASSERT_TRUE(Eventually(seconds(5), [&] { return !Waits(*node, signal); })) << i;
      node->Signal(signal);
    }
  }
  for (int i = 0; i < 20; ++i) {
    ASSERT_TRUE(client.Put("k" + std::to_string(i), "v", {.timeout = seconds(5)}).ok()) << i;
  }
  node->Signal(SIGTERM);
  EXPECT_EQ(node->Wait(seconds(20)), 0);
}

TEST_F(HostTest, ANodeThatDoesNotRunYetEndsWhenItIsTold) {
  LocalCluster cluster(1, 4);
  Process joins({ServerBinary(), "--node=9", "--join=127.0.0.1:1",
                 "--listen=127.0.0.1:" + std::to_string(FreePort()),
                 "--data_dir=" + (scratch_.path() / "nine").string()},
                NewOutput());
  ASSERT_TRUE(Eventually(seconds(10), [&] {
    return joins.Output().find("joining") != std::string::npos;
  })) << joins.Output();
  joins.Signal(SIGTERM);
  EXPECT_EQ(joins.Wait(seconds(3)), 0) << joins.Output();

  const std::string pipe = (scratch_.path() / "config").string();
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  Process reads({ServerBinary(), "--node=1", "--config=" + pipe,
                 "--data_dir=" + (scratch_.path() / "one").string()},
                NewOutput());
  ASSERT_TRUE(Eventually(seconds(10), [&] { return Takes(reads, SIGINT); }));
  reads.Signal(SIGINT);
  EXPECT_EQ(reads.Wait(seconds(3)), 0) << reads.Output();
}

TEST_F(HostTest, ASecondSignalWaitsForNobody) {
  LocalCluster cluster(3, 4);
  cluster.Start(2);
  cluster.Start(3);
  const auto node = StartBy("", cluster);
  Client client = cluster.Connect(seconds(20));
  ASSERT_TRUE(Eventually(seconds(20), [&] { return cluster.CaughtUp(client); }));
  for (const int signal : {SIGHUP, SIGUSR1}) node->Signal(signal);
  ASSERT_TRUE(Eventually(seconds(5), [&] {
    return node->Output().find("SIGUSR1 is passed over") != std::string::npos;
  })) << node->Output();
  cluster.Pause(2);  // Connected, and silent: the stop waits for its answer.
  node->Signal(SIGTERM);
  ASSERT_TRUE(Eventually(seconds(10), [&] {
    return node->Output().find("the stop waits for") != std::string::npos;
  })) << node->Output();
  node->Signal(SIGTERM);
  EXPECT_EQ(node->Wait(seconds(2)), 1);
  EXPECT_THAT(node->Output(), HasSubstr("ending at once on a second SIGTERM"));
  cluster.Resume(2);
}

TEST_F(HostTest, WhatIsStoredIsNobodyElsesToRead) {
  LocalCluster cluster(1, 4);
  cluster.RunUnder({"/bin/bash", "-c", "umask 0; exec \"$0\" \"$@\""});
  cluster.Start(1);
  {
    Client client = cluster.Connect();
    ASSERT_TRUE(client.Put("k", "v", {.timeout = seconds(20)}).ok());
  }
  ASSERT_EQ(cluster.Stop(1), 0);
  const fs::path dir = cluster.data_dir(1);
  int seen = 0;
  for (const auto& file : fs::recursive_directory_iterator(dir)) {
    ++seen;
    EXPECT_EQ(file.status().permissions() & (fs::perms::group_all | fs::perms::others_all),
              fs::perms::none)
        << file.path();
  }
  EXPECT_GT(seen, 10);
  fs::permissions(dir, fs::perms::owner_all | fs::perms::group_read | fs::perms::group_exec);
  cluster.Start(1);
  { Client client = cluster.Connect(); }
  EXPECT_EQ(fs::status(dir).permissions(), fs::perms::owner_all)
      << "it was made by a release before";
  ASSERT_EQ(cluster.Stop(1), 0);
  fs::permissions(dir, fs::perms::owner_all | fs::perms::group_all);
  Process refused(cluster.Words(1), NewOutput());
  EXPECT_EQ(refused.Wait(seconds(20)), 1);
  EXPECT_THAT(refused.Output(), HasSubstr("can write it (see that its files are yours"));
}

}  // namespace
}  // namespace ringfort::integration

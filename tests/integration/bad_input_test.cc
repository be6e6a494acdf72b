// Wrong words, files and directories: one clear line with cause and next step, the right exit code,
// and nothing half-done.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "tests/integration/local_cluster.h"

namespace ringfort::integration {
namespace {

using std::chrono::seconds;
using testing::HasSubstr;
using testing::StartsWith;

class BadInput : public testing::Test {
 protected:
  struct Ended {
    int code;
    std::string output;
  };

  Ended Run(const std::vector<std::string>& words) {
    Process process(words, (scratch_.path() / std::to_string(runs_++)).string());
    const auto code = process.Wait(seconds(30));
    EXPECT_TRUE(code.has_value()) << "it still runs: " << process.Output();
    return {code.value_or(-1), process.Output()};
  }

  /// One line that says what, why and what to do.
  void ExpectRefused(const std::vector<std::string>& words, int code, const std::string& part) {
    const Ended ended = Run(words);
    EXPECT_EQ(ended.code, code) << ended.output;
    EXPECT_THAT(ended.output, StartsWith("error: ringfortd: "));
    EXPECT_THAT(ended.output, HasSubstr(part));
    EXPECT_EQ(std::count(ended.output.begin(), ended.output.end(), '\n'), 1) << ended.output;
    EXPECT_THAT(ended.output, HasSubstr("("));
  }

  std::vector<std::string> WordsWith(const std::string& flag) {
    std::vector<std::string> words = cluster_.Words(1);
    const std::string name = flag.substr(0, flag.find('=') + 1);
    std::erase_if(words, [&](const std::string& word) { return word.starts_with(name); });
    words.push_back(flag);
    return words;
  }

  std::string ConfigFile(const std::string& text) {
    const auto path = scratch_.path() / ("config-" + std::to_string(runs_++));
    std::ofstream(path) << text;
    return path.string();
  }

  ScratchDir scratch_;
  LocalCluster cluster_{1, 4};
  int runs_ = 0;
};

TEST_F(BadInput, WrongWords) {
  ExpectRefused(WordsWith("--nodes=3"), 2, "--nodes: there is no such flag");
  ExpectRefused(WordsWith("--node=one"), 2, "--node=one: not a value");
  ExpectRefused(WordsWith("--node=0"), 2, "--node is missing");
  ExpectRefused(WordsWith("--durability=none"), 2, "--durability=none");
  ExpectRefused(WordsWith("--lease_ms=1"), 2, "--lease_ms=1: out of range");
  ExpectRefused(WordsWith("--background_mb_per_s=0"), 2, "--background_mb_per_s=0: out of range");
  ExpectRefused({ServerBinary(), "serve"}, 2, "serve: not a flag");
  ExpectRefused({ServerBinary()}, 2, "--config is missing");
  ExpectRefused({ServerBinary(), "--config"}, 2, "--config: it has no value");
  EXPECT_FALSE(std::filesystem::exists(cluster_.data_dir(1)));
}

TEST_F(BadInput, WrongConfigs) {
  ExpectRefused(WordsWith("--config=/no/such/file"), 1, "/no/such/file");
  ExpectRefused(WordsWith("--config=" + ConfigFile("")), 1, "config-");
  const std::string typo = ConfigFile("cluster_name: \"test\"\nshard: 4\n");
  ExpectRefused(WordsWith("--config=" + typo), 1, typo + ":2");
  const std::string odd = ConfigFile(
      "cluster_name: \"test\"\nshards: 12\nnodes { id: 1 address: \"127.0.0.1:7101\" }\n");
  ExpectRefused(WordsWith("--config=" + odd), 1, odd + ":2: shards");
  ExpectRefused(WordsWith("--node=7"), 1, "--node=7");
  EXPECT_FALSE(std::filesystem::exists(cluster_.data_dir(1)));
}

TEST_F(BadInput, WrongDirectories) {
  ExpectRefused(WordsWith("--data_dir=/no/such/parent/dir"), 1, "/no/such/parent/dir");
  const std::string file = ConfigFile("not a directory");
  ExpectRefused(WordsWith("--data_dir=" + file), 1, file);
  // Where even root may not write.
  ExpectRefused(WordsWith("--data_dir=/proc/ringfort"), 1, "/proc/ringfort");

  cluster_.Start(1);
  {
    Client client = cluster_.Connect();
    ASSERT_TRUE(Eventually(seconds(30), [&] { return cluster_.Serves(client); }));
    ASSERT_TRUE(client.Put("key", "value").ok());
  }
  // The port is in use; nothing of a second node remains.
  const std::string second = (scratch_.path() / "second").string();
  ExpectRefused(WordsWith("--data_dir=" + second), 1, cluster_.address(1));
  EXPECT_FALSE(std::filesystem::exists(second));
  // The directory is in use, whatever the port.
  const std::string elsewhere =
      ConfigFile("cluster_name: \"test\"\nshards: 4\nnodes { id: 1 address: \"127.0.0.1:" +
                 std::to_string(FreePort()) + "\" }\n");
  ExpectRefused(WordsWith("--config=" + elsewhere), 1, "another process");
  EXPECT_EQ(cluster_.Stop(1), 0);

  // Another node's, another cluster's.
  const std::string two =
      ConfigFile("cluster_name: \"test\"\nshards: 4\nnodes { id: 2 address: \"127.0.0.1:" +
                 std::to_string(FreePort()) + "\" }\n");
  std::vector<std::string> other_node{ServerBinary(), "--config=" + two, "--node=2",
                                      "--data_dir=" + cluster_.data_dir(1).string()};
  ExpectRefused(other_node, 1, "data directory of node 1");
  const std::string other =
      ConfigFile("cluster_name: \"other\"\nshards: 4\nnodes { id: 1 address: \"127.0.0.1:" +
                 std::to_string(FreePort()) + "\" }\n");
  ExpectRefused(WordsWith("--config=" + other), 1, "belongs to cluster");

  // None of this did harm.
  cluster_.Start(1);
  Client client = cluster_.Connect();
  auto read = client.Get("key", {.timeout = seconds(20)});
  ASSERT_TRUE(read.ok()) << read.status().ToString();
  EXPECT_EQ(read->value, "value");
}

TEST_F(BadInput, MissingPartsOfADirectory) {
  cluster_.Start(1);
  {
    Client client = cluster_.Connect();
    ASSERT_TRUE(client.Put("key", "value", {.timeout = seconds(20)}).ok());
  }
  EXPECT_EQ(cluster_.Stop(1), 0);
  const auto dir = cluster_.data_dir(1);
  auto without = [&](const std::string& part) {
    std::filesystem::rename(dir / part, scratch_.path() / part);
    ExpectRefused(cluster_.Words(1), 1, dir.string());
    std::filesystem::remove_all(dir / part);
    std::filesystem::rename(scratch_.path() / part, dir / part);
  };
  without("log");
  without("data");
  without("identity");
  cluster_.Start(1);
  Client client = cluster_.Connect();
  EXPECT_TRUE(client.Get("key", {.timeout = seconds(20)}).ok());
}

TEST_F(BadInput, ASeedThatDoesNotAnswer) {
  ClientOptions options;
  options.timeout = std::chrono::milliseconds(500);
  options.seeds = {"127.0.0.1:" + std::to_string(FreePort())};
  auto client = Client::Connect(options);
  ASSERT_FALSE(client.ok());
  EXPECT_EQ(client.status().code(), Code::kUnavailable);
  EXPECT_THAT(client.status().message(), HasSubstr(options.seeds.front()));
}

}  // namespace
}  // namespace ringfort::integration

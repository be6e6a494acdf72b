// Cluster configs: every file that Ringfort ships is good, and every mistake gets its line.
#include "server/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <set>
#include <string>

#include "ring/placement.h"

namespace ringfort::server {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

class ConfigTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = (std::filesystem::temp_directory_path() / "ringfort-config-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    directory_ = name;
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  [[nodiscard]] std::string Path() const { return (directory_ / "test.textproto").string(); }

  Result<ring::ClusterConfig> Load(const std::string& text) {
    std::ofstream(Path(), std::ios::binary) << text;
    return LoadClusterConfig(Path());
  }

  // The one line that a config's mistake gets, without the file's name.
  std::string Mistake(const std::string& text) {
    const Result<ring::ClusterConfig> config = Load(text);
    if (config.ok()) return "no mistake";
    const std::string message = config.status().message();
    EXPECT_EQ(config.status().code(), Code::kInvalidArgument);
    EXPECT_THAT(message, StartsWith(Path() + ":"));
    EXPECT_THAT(message, Not(HasSubstr("\n")));
    EXPECT_EQ(message.back(), ')') << "no next step: " << message;
    return message.substr(std::min(message.size(), Path().size() + 1));
  }

  std::filesystem::path directory_;
};

std::string Node(int id) {
  return "nodes { id: " + std::to_string(id) + " address: \"h" + std::to_string(id) + ":7101\" }\n";
}

constexpr char kName[] = "cluster_name: \"c\"\n";

TEST_F(ConfigTest, FillsInTheDefaults) {
  const auto config = Load(kName + Node(1) + Node(2) + Node(3) + Node(40));
  ASSERT_TRUE(config.ok()) << config.status().message();
  EXPECT_EQ(config->shards, 64u);
  EXPECT_EQ(config->replicas, 3u);
  EXPECT_EQ(config->nodes[3], (ring::NodeInfo{NodeId(40), "h40:7101", "node-40", 1}));
  EXPECT_EQ(Load(kName + Node(1) + Node(2))->replicas, 2u);
}

TEST_F(ConfigTest, TakesWhatIsGiven) {
  const auto config = Load(R"(# A comment.
cluster_name: "a-1" shards: 65536 replicas: 1
nodes: [{ id: 4294967295 address: "[::1]:65535" zone: "Rack_1.b" weight: 1000 },
        { id: 2 address: "db.example.com:1" }])");
  ASSERT_TRUE(config.ok()) << config.status().message();
  EXPECT_EQ(config->cluster_name, "a-1");
  EXPECT_EQ(config->shards, 65536u);
  EXPECT_EQ(config->replicas, 1u);
  EXPECT_EQ(config->nodes[0],
            (ring::NodeInfo{NodeId(4294967295), "[::1]:65535", "Rack_1.b", 1000}));
}

TEST_F(ConfigTest, MistakesOfTheTextGetTheirLineAndField) {
  const std::string good = kName + Node(1);
  EXPECT_THAT(Mistake(good + "replcas: 1\n"),
              StartsWith("3: replcas: there is no such field here"));
  EXPECT_THAT(Mistake(kName + std::string("nodes {\n  id: 1\n  adress: \"h:1\"\n}\n")),
              StartsWith("4: adress: there is no such field here"));
  EXPECT_THAT(Mistake(good + "shards: many\n"),
              StartsWith("3: shards: expected integer, got: many"));
  EXPECT_THAT(Mistake(good + "shards: 99999999999\n"),
              StartsWith("3: shards: integer out of range"));
  EXPECT_THAT(Mistake(good + "shards: -1\n"), StartsWith("3: shards: "));
  EXPECT_THAT(Mistake(good + "replicas: 1\nreplicas: 1\n"), StartsWith("4: replicas: "));
  EXPECT_THAT(Mistake("# a: b\ncluster_name: x"), StartsWith("2: cluster_name: expected string"));
  EXPECT_THAT(Mistake(good + "nodes { id: 2"), StartsWith("3: id: "));
  EXPECT_THAT(Mistake("\x01\x02\x7f"), StartsWith("1: config: "));
  EXPECT_THAT(Mistake(good + "cluster_name: \"open\n"), StartsWith("3: cluster_name: "));
}

TEST_F(ConfigTest, MistakesOfTheClusterGetTheirLineAndField) {
  const std::string nodes = Node(1) + Node(2);
  EXPECT_THAT(Mistake(nodes), StartsWith("1: cluster_name: is missing"));
  EXPECT_THAT(Mistake(nodes + "cluster_name: \"\""), StartsWith("3: cluster_name: is missing"));
  EXPECT_THAT(Mistake("cluster_name: \"A\"\n" + nodes),
              StartsWith("1: cluster_name: has a byte that is not allowed"));
  EXPECT_THAT(Mistake("cluster_name: \"" + std::string(65, 'a') + "\"\n" + nodes),
              StartsWith("1: cluster_name: has 65 bytes"));
  EXPECT_TRUE(Load("cluster_name: \"" + std::string(64, 'a') + "\"\n" + nodes).ok());
  EXPECT_THAT(Mistake(kName), StartsWith("1: nodes: are missing"));

  for (const std::string shards : {"0", "3", "131072"}) {
    EXPECT_THAT(Mistake(kName + nodes + "shards: " + shards),
                StartsWith("4: shards: " + shards + " is not a power of two"));
  }
  EXPECT_THAT(Mistake(kName + nodes + "replicas: 0"), StartsWith("4: replicas: 0 is not 1 to 7"));
  EXPECT_THAT(Mistake(kName + nodes + "replicas: 8"), StartsWith("4: replicas: 8 is not 1 to 7"));
  EXPECT_THAT(Mistake(kName + nodes + "replicas: 3"),
              StartsWith("4: replicas: 3 copies of each shard do not fit on 2 nodes"));
}

TEST_F(ConfigTest, MistakesOfANodeGetTheirLineAndField) {
  const auto mistake = [&](const std::string& node) {
    return Mistake(kName + Node(1) + "nodes {\n" + node + "\n}\n");
  };
  EXPECT_THAT(mistake("address: \"h:1\""), StartsWith("3: nodes.id: is missing"));
  EXPECT_THAT(mistake("id: 0 address: \"h:1\""), StartsWith("4: nodes.id: 0 stands for no node"));
  EXPECT_THAT(mistake("id: 1 address: \"h:1\""),
              StartsWith("4: nodes.id: 1 is taken by the node of line 2"));
  EXPECT_THAT(mistake("id: 2"), StartsWith("3: nodes.address: is missing"));
  EXPECT_THAT(mistake("id: 2 address: \"H1:7101\""),
              StartsWith("4: nodes.address: H1:7101 is taken by the node of line 2"));
  EXPECT_THAT(mistake("id: 2 address: \"h:1\" weight: 0"),
              StartsWith("4: nodes.weight: 0 is not 1 to 1000"));
  EXPECT_THAT(mistake("id: 2 address: \"h:1\"\nweight: 1001"),
              StartsWith("5: nodes.weight: 1001 is not 1 to 1000"));
  for (const std::string zone : {"", "a b", "a\\n"}) {
    EXPECT_THAT(mistake("id: 2 address: \"h:1\"\n\nzone: \"" + zone + "\""),
                StartsWith("6: nodes.zone: is not 1 to 64 letters"));
  }
}

TEST_F(ConfigTest, AddressesAreHostAndPort) {
  const auto with = [&](const std::string& address) {
    return Mistake(std::string(kName) + "nodes { id: 1 address: \"" + address + "\" }");
  };
  EXPECT_THAT(with("host"), StartsWith("2: nodes.address: has no port"));
  for (const std::string port : {"", "0", "65536", "x", "-1", "+1", "1 ", "99999999999"}) {
    EXPECT_THAT(with("host:" + port), StartsWith("2: nodes.address: has a port that is not"));
  }
  EXPECT_THAT(with(":1"), StartsWith("2: nodes.address: has no host"));
  EXPECT_THAT(with("a b:1"), StartsWith("2: nodes.address: has a host with other bytes"));
  EXPECT_THAT(with("::1:1"), StartsWith("2: nodes.address: has an IPv6 host without brackets"));
  EXPECT_THAT(with("[::1:1"), StartsWith("2: nodes.address: has an IPv6 host without its closing"));
  EXPECT_THAT(with("[host]:1"), StartsWith("2: nodes.address: has no IPv6 address in brackets"));
  EXPECT_THAT(with(std::string(254, 'a') + ":1"),
              StartsWith("2: nodes.address: has a host of more than 253 bytes"));
  for (const std::string good : {"h:1", "10.0.0.1:65535", "a-b.c_d:7101", "[fe80::1%eth0]:7101"}) {
    EXPECT_EQ(with(good), "no mistake") << good;
  }
}

TEST_F(ConfigTest, TheFirstMistakeOfTheFileIsReported) {
  EXPECT_THAT(Mistake("shards: 5\nreplicas: 9\ncluster_name: \"B\"\n" + Node(0)),
              StartsWith("1: shards: "));
}

TEST_F(ConfigTest, SaysWhyAFileCannotBeRead) {
  const auto line = [](const std::string& path) { return LoadClusterConfig(path).status(); };
  EXPECT_EQ(line(Path()).code(), Code::kIoError);
  EXPECT_THAT(line(Path()).message(), StartsWith(Path() + ": no such file (give the path"));
  EXPECT_THAT(line(directory_.string()).message(),
              StartsWith(directory_.string() + ": is a directory (give the path"));
  // Reading a process's memory from address 0 fails for every user, root as well.
  EXPECT_THAT(line("/proc/self/mem").message(), StartsWith("/proc/self/mem: cannot be read: "));
  EXPECT_THAT(line("/dev/zero").message(), StartsWith("/dev/zero: is larger than 1 MiB"));
  EXPECT_THAT(Load("").status().message(), StartsWith(Path() + ": is empty"));
  EXPECT_THAT(Load(" \n\t\n").status().message(), StartsWith(Path() + ": is empty"));
}

TEST(ClusterConfigs, EveryFileIsGoodAndCanBePlaced) {
  std::set<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(RINGFORT_CLUSTER_CONFIGS)) {
    const std::string path = entry.path().string();
    SCOPED_TRACE(path);
    names.insert(entry.path().filename().string());
    const auto config = LoadClusterConfig(path);
    ASSERT_TRUE(config.ok()) << config.status().message();
    EXPECT_EQ(config->cluster_name, entry.path().stem().string());
    const ring::ClusterMap map = ring::FirstMap(*config, ClusterId{1, 1});
    EXPECT_TRUE(ring::CheckMap(map).ok()) << ring::CheckMap(map).message();
  }
  for (const char* name : {"local-1.textproto", "local-3.textproto", "local-5.textproto"}) {
    EXPECT_TRUE(names.contains(name)) << name;
  }
}

// Scripts and the README rely on these (design, section 7).
TEST(ClusterConfigs, LocalThreeIsWhatScriptsRelyOn) {
  const auto config = LoadClusterConfig(RINGFORT_CLUSTER_CONFIGS "/local-3.textproto");
  ASSERT_TRUE(config.ok()) << config.status().message();
  EXPECT_EQ(config->shards, 64u);
  EXPECT_EQ(config->replicas, 3u);
  ASSERT_EQ(config->nodes.size(), 3u);
  std::set<std::string> zones;
  for (std::uint32_t i = 0; i < 3; ++i) {
    EXPECT_EQ(config->nodes[i].id, NodeId(i + 1));
    EXPECT_EQ(config->nodes[i].address, "127.0.0.1:" + std::to_string(7101 + i));
    zones.insert(config->nodes[i].zone);
  }
  EXPECT_EQ(zones.size(), 3u);
}

}  // namespace
}  // namespace ringfort::server

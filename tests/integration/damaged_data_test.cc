// Blocks of copies' data are damaged: clients see nothing of it, and the copies are repaired in
// place.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "tests/integration/local_cluster.h"

namespace ringfort::integration {
namespace {

using std::chrono::seconds;
using testing::HasSubstr;
using testing::Not;

constexpr int kKeys = 400;

std::string Key(int i) {
  return "key-" + std::to_string(i);
}
/// Of 1,000 bytes that do not compress to nothing.
std::string Value(int i) {
  std::string value;
  while (value.size() < 1000) value += std::to_string(i) + ",";
  return value;
}

/// One bit in the middle of each table that holds more than a few entries, or of the largest.
void DamageTables(const std::filesystem::path& data, bool all) {
  std::vector<std::filesystem::path> tables;
  for (const auto& entry : std::filesystem::directory_iterator(data)) {
    if (entry.path().extension() == ".sst") tables.push_back(entry.path());
  }
  ASSERT_FALSE(tables.empty()) << "nothing was flushed";
  std::ranges::sort(tables, {},
                    [](const auto& table) { return std::filesystem::file_size(table); });
  if (!all) tables.erase(tables.begin(), tables.end() - 1);
  for (const auto& table : tables) {
    const auto bytes = std::filesystem::file_size(table);
    if (all && bytes < 20'000) continue;
    std::fstream file(table, std::ios::in | std::ios::out | std::ios::binary);
    file.seekg(static_cast<std::streamoff>(bytes / 2));
    const char byte = static_cast<char>(file.get() ^ 1);
    file.seekp(static_cast<std::streamoff>(bytes / 2));
    file.put(byte);
    ASSERT_TRUE(file.good()) << table;
  }
}

std::size_t Count(const std::string& text, const std::string& what) {
  std::size_t count = 0;
  for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) {
    ++count;
  }
  return count;
}

bool NobodyIsDamaged(Client& client, const std::vector<std::uint32_t>& nodes) {
  return std::ranges::all_of(nodes, [&](std::uint32_t node) {
    const auto status = client.NodeStatus(node);
    return status.ok() && std::ranges::all_of(status->replicas, [](const ReplicaView& replica) {
             return replica.damage.empty();
           });
  });
}

TEST(DamagedData, AreFoundByAVerifyAndRepairedInPlaceWithoutAnError) {
  LocalCluster cluster(3, 1);
  cluster.StartAll();
  Client client = cluster.Connect(seconds(10));
  ASSERT_TRUE(Eventually(seconds(60), [&] { return cluster.CaughtUp(client); }));
  for (int i = 0; i < kKeys; ++i) ASSERT_TRUE(client.Put(Key(i), Value(i)).ok()) << i;
  ASSERT_EQ(cluster.Stop(3), 0);  // A polite end flushes.
  DamageTables(cluster.data_dir(3) / "data", /*all=*/false);
  cluster.Start(3);
  ASSERT_TRUE(Eventually(seconds(60), [&] { return cluster.CaughtUp(client); }));
  ASSERT_TRUE(client.StartVerify(0).ok());
  for (int i = 0; i < kKeys; ++i) {
    const auto read = client.Get(Key(i));
    ASSERT_TRUE(read.ok()) << i << ": " << read.status().ToString();
    EXPECT_EQ(read->value, Value(i));
  }
  EXPECT_TRUE(Eventually(seconds(60), [&] {
    return cluster.Output(3).find("repaired: it has whole data again") != std::string::npos;
  })) << cluster.Output(3);
  EXPECT_THAT(cluster.Output(3), HasSubstr("damaged, it votes but serves no reads"));
  EXPECT_THAT(cluster.Output(3), HasSubstr(".sst")) << "the file is named";
  EXPECT_THAT(cluster.Output(3), Not(HasSubstr("is destroyed here")));
  ASSERT_TRUE(Eventually(seconds(60), [&] { return cluster.CaughtUp(client); }));
  // Now it stands in for another.
  cluster.Kill(1);
  ASSERT_TRUE(Eventually(seconds(30), [&] { return cluster.Serves(client); }));
  for (int i = 0; i < kKeys; ++i) {
    const auto read = client.Get(Key(i));
    ASSERT_TRUE(read.ok()) << i << ": " << read.status().ToString();
    EXPECT_EQ(read->value, Value(i));
  }
  EXPECT_TRUE(cluster.Runs(3)) << "the node never stopped";
}

// Two of three copies of every shard are damaged at once. Each shard goes on, since nobody leaves.
TEST(DamagedData, OfTwoNodesAtOnceCostNoMajority) {
  constexpr int kShards = 4;
  LocalCluster cluster(3, kShards);
  cluster.StartAll();
  Client client = cluster.Connect(seconds(10));
  ASSERT_TRUE(Eventually(seconds(60), [&] { return cluster.CaughtUp(client); }));
  for (int i = 0; i < kKeys; ++i) ASSERT_TRUE(client.Put(Key(i), Value(i)).ok()) << i;
  for (const int node : {1, 2, 3}) ASSERT_EQ(cluster.Stop(node), 0);
  for (const int node : {2, 3}) DamageTables(cluster.data_dir(node) / "data", /*all=*/true);
  cluster.StartAll();
  ASSERT_TRUE(Eventually(seconds(60), [&] { return cluster.Serves(client); }));
  for (int shard = 0; shard < kShards; ++shard) {
    EXPECT_TRUE(client.StartVerify(static_cast<std::uint32_t>(shard)).ok());
  }
  // Every shard serves throughout.
  const auto deadline = std::chrono::steady_clock::now() + seconds(90);
  const std::string repaired = "repaired: it has whole data again";
  for (int i = 0; std::chrono::steady_clock::now() < deadline; ++i) {
    const int key = i % kKeys;
    const auto read = client.Get(Key(key));
    ASSERT_TRUE(read.ok()) << key << ": " << read.status().ToString();
    ASSERT_EQ(read->value, Value(key));
    ASSERT_TRUE(client.Put(Key(key), Value(key)).ok());
    if (i % 50 != 0) continue;
    const std::size_t done =
        Count(cluster.Output(2), repaired) + Count(cluster.Output(3), repaired);
    if (done >= 2 * kShards && NobodyIsDamaged(client, {2, 3})) break;
  }
  EXPECT_GE(Count(cluster.Output(2), repaired), static_cast<std::size_t>(kShards))
      << cluster.Output(2);
  EXPECT_GE(Count(cluster.Output(3), repaired), static_cast<std::size_t>(kShards))
      << cluster.Output(3);
  EXPECT_THAT(cluster.Output(2), HasSubstr("old data are kept")) << "four at once are many";
  ASSERT_TRUE(Eventually(seconds(60), [&] { return cluster.CaughtUp(client); }));
  // Each of the repaired is as good as the whole one.
  cluster.Kill(1);
  ASSERT_TRUE(Eventually(seconds(30), [&] { return cluster.Serves(client); }));
  for (int i = 0; i < kKeys; ++i) {
    const auto read = client.Get(Key(i));
    ASSERT_TRUE(read.ok()) << i << ": " << read.status().ToString();
    EXPECT_EQ(read->value, Value(i));
  }
}

}  // namespace
}  // namespace ringfort::integration

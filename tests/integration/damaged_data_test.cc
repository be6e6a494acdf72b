// A block of one copy's data is damaged: clients see nothing of it, and the copy is made anew.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>

#include "tests/integration/local_cluster.h"

namespace ringfort::integration {
namespace {

using std::chrono::seconds;
using testing::HasSubstr;

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

void DamageTheMiddleOfTheLargestFile(const std::filesystem::path& data) {
  std::filesystem::path largest;
  for (const auto& entry : std::filesystem::directory_iterator(data)) {
    if (entry.path().extension() != ".sst") continue;
    if (largest.empty() || entry.file_size() > std::filesystem::file_size(largest)) {
      largest = entry.path();
    }
  }
  ASSERT_FALSE(largest.empty()) << "nothing was flushed";
  std::fstream file(largest, std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(static_cast<std::streamoff>(std::filesystem::file_size(largest) / 2));
  file << std::string(64, '\x5a');
  ASSERT_TRUE(file.good()) << largest;
}

TEST(DamagedData, AreFoundByAVerifyAndMadeAnewWithoutAnError) {
  LocalCluster cluster(3, 1);
  cluster.StartAll();
  Client client = cluster.Connect(seconds(10));
  ASSERT_TRUE(Eventually(seconds(60), [&] { return cluster.CaughtUp(client); }));
  for (int i = 0; i < kKeys; ++i) ASSERT_TRUE(client.Put(Key(i), Value(i)).ok()) << i;
  ASSERT_EQ(cluster.Stop(3), 0);  // A polite end flushes.
  DamageTheMiddleOfTheLargestFile(cluster.data_dir(3) / "data");
  cluster.Start(3);
  ASSERT_TRUE(Eventually(seconds(60), [&] { return cluster.CaughtUp(client); }));
  ASSERT_TRUE(client.StartVerify(0).ok());
  for (int i = 0; i < kKeys; ++i) {
    const auto read = client.Get(Key(i));
    ASSERT_TRUE(read.ok()) << i << ": " << read.status().ToString();
    EXPECT_EQ(read->value, Value(i));
  }
  EXPECT_TRUE(Eventually(seconds(30), [&] {
    return cluster.Output(3).find("is destroyed here: cannot read") != std::string::npos;
  })) << cluster.Output(3);
  EXPECT_THAT(cluster.Output(3), HasSubstr("gives way to its other copies"));
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

}  // namespace
}  // namespace ringfort::integration

// What earlier releases wrote is read by this one, and what this one writes at feature level 0 is
// what they wrote, to the byte (design 9).
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <string>

#include "replica/state_machine.h"
#include "server/data_dir.h"
#include "server/stores.h"
#include "storage/encoding.h"
#include "tests/golden/samples.h"

namespace ringfort::golden {
namespace {

const std::filesystem::path kGolden = RINGFORT_GOLDEN;

/// By name, as the release's file has them.
std::map<std::string, std::string> Read(const std::filesystem::path& file) {
  std::map<std::string, std::string> samples;
  std::ifstream in(file);
  EXPECT_TRUE(in.good()) << file;
  std::string name;
  std::string hex;
  while (in >> name >> hex) {
    std::string bytes;
    for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
      bytes.push_back(static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16)));
    }
    EXPECT_TRUE(samples.emplace(name, bytes).second) << name << " stands twice";
  }
  return samples;
}

TEST(Golden, EveryFormatOfEveryReleaseIsRead) {
  std::map<std::string, Sample> known;
  for (Sample& sample : LevelZero()) known.emplace(sample.name, std::move(sample));
  for (Sample& sample : LevelOne()) known.emplace(sample.name, std::move(sample));
  int releases = 0;
  for (const auto& release : std::filesystem::directory_iterator(kGolden)) {
    if (!std::filesystem::exists(release.path() / "formats.txt")) continue;
    ++releases;
    for (const auto& [name, bytes] : Read(release.path() / "formats.txt")) {
      const auto sample = known.find(name);
      ASSERT_NE(sample, known.end()) << release.path() << ": nobody reads " << name;
      const Status status = sample->second.check(bytes);
      EXPECT_TRUE(status.ok()) << release.path() << ": " << name << ": " << status.ToString();
    }
  }
  EXPECT_EQ(releases, 2);
}

TEST(Golden, WhatALevelAddsIsWrittenAsWhenItWasReleased) {
  const std::map<std::string, std::string> second = Read(kGolden / "0.2.0" / "formats.txt");
  for (const Sample& sample : LevelOne()) EXPECT_EQ(sample.bytes, second.at(sample.name));
}

// Until the level is raised, nodes of the first release read what this one writes.
TEST(Golden, AtLevelZeroTheBytesAreThoseOfTheFirstRelease) {
  const std::map<std::string, std::string> first = Read(kGolden / "0.1.0" / "formats.txt");
  std::size_t compared = 0;
  for (const Sample& sample : LevelZero()) {
    const auto found = first.find(sample.name);
    ASSERT_NE(found, first.end()) << sample.name << " was not there";
    EXPECT_EQ(sample.bytes, found->second) << sample.name;
    ++compared;
  }
  EXPECT_EQ(compared, first.size());
}

/// A directory of its own for one test.
class Unpacked : public testing::Test {
 protected:
  Unpacked() : dir_(std::filesystem::temp_directory_path() / "ringfort-golden-XXXXXX") {
    std::string name = dir_.string();
    EXPECT_NE(::mkdtemp(name.data()), nullptr);
    dir_ = name;
    const std::string tar = "tar -xzf '" + (kGolden / "0.1.0" / "one-node.tar.gz").string() +
                            "' -C '" + dir_.string() + "'";
    EXPECT_EQ(std::system(tar.c_str()), 0) << tar;
  }
  ~Unpacked() override { std::filesystem::remove_all(dir_); }

  std::filesystem::path dir_;
};

/// All entries, by key, that the replicas of a node come to once their logs are applied.
std::map<storage::DataKey, std::string> EntriesOf(server::Stores* stores) {
  std::map<storage::DataKey, std::string> entries;
  for (const storage::RecoveredShard& shard : stores->log->TakeRecovery().shards) {
    auto data = stores->shards->Open({shard.shard, shard.generation});
    EXPECT_TRUE(data.ok()) << data.status().ToString();
    auto machine = replica::StateMachine::Load(*data);
    EXPECT_TRUE(machine.ok()) << machine.status().ToString();
    while ((*machine)->applied().index < shard.last) {
      const auto read = stores->log->Read(shard.shard, (*machine)->applied().index + 1, shard.last,
                                          std::size_t{1} << 20);
      EXPECT_TRUE(read.ok()) << read.status().ToString();
      const auto applied = (*machine)->Apply(*read, /*may_wait=*/true);
      EXPECT_TRUE(applied.ok()) << applied.status().ToString();
      if (!read.ok() || !applied.ok()) return {};
    }
    const auto cursor = (*data)->OpenCursor();
    const storage::KeyRange range = storage::SpaceRange(storage::KeySpace::kData);
    for (bool more = true; more;) {
      const auto next = cursor->Next(1 << 20, [&](std::string_view key, std::string_view value) {
        if (key < range.begin || key >= range.end) return;
        entries[storage::DecodeDataKey(key).value()] =
            std::string(storage::DecodeValue(value).value().user);
      });
      EXPECT_TRUE(next.ok());
      more = next.ok() && *next;
    }
  }
  return entries;
}

// Written by ringfortd 0.1.0 (commit 627358a): 200 entries, a polite stop, then 60 more, three
// deletes and one overwrite, and kill -9, so the newest are in the log only.
TEST_F(Unpacked, TheDirectoryOfAFirstReleasesNodeOpensWhole) {
  auto dir = server::DataDir::Open((dir_ / "node").string(), NodeId(1), "golden");
  ASSERT_TRUE(dir.ok()) << dir.status().ToString();
  wal::Options log;
  log.segment_bytes = 8 << 20;
  auto stores = server::OpenStores(
      dir->get(), log, {}, [](const Status&) {}, server::GiveUpRules());
  ASSERT_TRUE(stores.ok()) << stores.status().ToString();
  EXPECT_EQ(stores->damage, "");
  std::map<storage::DataKey, std::string> entries;
  for (int i = 1; i <= 260; ++i) {
    const std::string number = std::to_string(i);
    if (i < 5 || i > 7) entries[{"key-" + number, ""}] = "value-" + number;
    if (i <= 20) entries[{"list", number}] = "item-" + number;
  }
  entries[{"key-8", ""}] = "again";
  std::map<storage::DataKey, std::string> found = EntriesOf(&*stores);
  std::erase_if(found, [](const auto& entry) { return entry.first.shard_key == "map"; });
  EXPECT_EQ(found, entries);
}

}  // namespace
}  // namespace ringfort::golden

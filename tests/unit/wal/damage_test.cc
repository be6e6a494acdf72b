// Random damage to a small log: opening it never crashes, and never loses in silence what was
// acknowledged. The rule, with the side file whole: every entry is there, or there is an error.
#include <gtest/gtest.h>

#include "base/random.h"
#include "tests/unit/wal/scratch_log.h"

namespace ringfort::wal {
namespace {

constexpr std::uint64_t kEntries = 40;
constexpr std::size_t kEntryBytes = 2500;

class DamageTest : public ::testing::Test {
 protected:
  DamageTest() {
    // Two rounds through the same files, so that the last segments are recycled ones.
    Result<std::unique_ptr<Wal>> wal = Wal::Open(SmallLog(dir_, &disk_));
    EXPECT_TRUE(wal.ok());
    std::uint64_t index = 0;
    for (; index < 100; ++index) {
      Append(**wal, index + 1);
    }
    (*wal)->Cut(ShardId(1), LogIndex(index), Term(1), {});
    EXPECT_TRUE((*wal)->Sync().ok());
    first_ = index + 1;
    old_note_ = LoadImage(dir_).at("synced");
    for (; index < 100 + kEntries; ++index) Append(**wal, index + 1);
    wal->reset();
    whole_ = LoadImage(dir_);
    for (const auto& [name, bytes] : whole_) {
      if (ParseSegmentName(name)) segments_.push_back(name);
    }
  }

  void Append(Wal& wal, std::uint64_t index) {
    EXPECT_TRUE(AppendAndWait(wal, {OneEntry(ShardId(1), 1, index, kEntryBytes)}).ok());
  }

  enum class Outcome { kWhole, kUnsure, kRefused, kLostInSilence };
  Outcome Open(const Image& image) {
    StoreImage(image, dir_);
    Options options = SmallLog(dir_, &disk_);
    options.expect_existing = true;
    Result<std::unique_ptr<Wal>> wal = Wal::Open(options);
    if (!wal.ok()) return Outcome::kRefused;
    const storage::Recovery recovery = (*wal)->TakeRecovery();
    const bool all = HoldsAll(**wal);
    if (all) return Outcome::kWhole;
    return recovery.unsure ? Outcome::kUnsure : Outcome::kLostInSilence;
  }
  bool HoldsAll(Wal& wal) const {
    const LogIndex last(first_ + kEntries - 1);
    const auto read = wal.Read(ShardId(1), LogIndex(first_), last, 1 << 30);
    if (!read.ok() || read->size() != kEntries) return false;
    for (std::uint64_t i = 0; i < kEntries; ++i) {
      if (!(read->at(i) == MakeEntry(1, first_ + i, kEntryBytes))) return false;
    }
    return true;
  }

  const ScratchDir scratch_;
  const std::string dir_ = scratch_.PathOf("log");
  UnsyncedDisk disk_;
  std::uint64_t first_ = 0;
  Image whole_;
  std::string old_note_;
  std::vector<std::string> segments_;
};

TEST_F(DamageTest, FlippedBytes) {
  ASSERT_EQ(Open(whole_), Outcome::kWhole);
  Random random(1);
  int refused = 0;
  for (int round = 0; round < 800; ++round) {
    Image image = whole_;
    std::string& bytes = image[segments_[random.Below(segments_.size())]];
    // Headers are small, so they are chosen more often than chance would.
    const std::uint64_t range = random.OneIn(4) ? kSegmentHeaderBytes + 200 : bytes.size();
    const std::uint64_t at = random.Below(range);
    bytes[at] = static_cast<char>(bytes[at] ^ (1 + random.Below(255)));
    const Outcome outcome = Open(image);
    ASSERT_TRUE(outcome == Outcome::kWhole || outcome == Outcome::kRefused)
        << "round " << round << " byte " << at << " outcome " << static_cast<int>(outcome);
    refused += outcome == Outcome::kRefused ? 1 : 0;
  }
  EXPECT_GT(refused, 150);
}

// After a power cut the note may be old; then the last write alone may be given up, and not in
// silence.
TEST_F(DamageTest, FlippedBytesWithAnOldNote) {
  Random random(2);
  for (int round = 0; round < 300; ++round) {
    Image image = whole_;
    image["synced"] = old_note_;
    std::string& bytes = image[segments_.back()];
    const std::uint64_t at = random.Below(bytes.size());
    bytes[at] = static_cast<char>(bytes[at] ^ (1 + random.Below(255)));
    ASSERT_NE(Open(image), Outcome::kLostInSilence) << "round " << round << " byte " << at;
  }
}

TEST_F(DamageTest, TruncatedFiles) {
  for (const std::string& segment : segments_) {
    const std::size_t size = whole_.at(segment).size();
    for (std::size_t length = 0; length < size; length += 1999) {
      Image image = whole_;
      image[segment].resize(length);
      ASSERT_EQ(Open(image), Outcome::kRefused) << segment << " cut to " << length;
    }
  }
}

TEST_F(DamageTest, DamagedSideFile) {
  for (std::size_t at = 0; at < 8192; at += 5) {
    if (at % 4096 > 70) continue;
    Image image = whole_;
    image["synced"][at] = static_cast<char>(image["synced"][at] ^ 0x40);
    ASSERT_EQ(Open(image), Outcome::kWhole) << "the other slot still holds a note, byte " << at;
  }
  Image image = whole_;
  image["synced"] = std::string(8192, '\0');
  EXPECT_EQ(Open(image), Outcome::kRefused);
  image["synced"].clear();
  EXPECT_EQ(Open(image), Outcome::kRefused);
}

// Blocks moved, repeated, zeroed or taken from elsewhere, as broken disks and copies do.
TEST_F(DamageTest, MixedUpBlocks) {
  Random random(3);
  for (int round = 0; round < 500; ++round) {
    Image image = whole_;
    std::string& to = image[segments_[random.Below(segments_.size())]];
    const std::string& from = whole_.at(segments_[random.Below(segments_.size())]);
    const std::uint64_t size = std::uint64_t{8} << random.Below(11);
    const std::uint64_t to_at = random.Below((to.size() - size) / 8) * 8;
    const std::uint64_t from_at = random.Below((from.size() - size) / 8) * 8;
    to.replace(to_at, size, random.OneIn(3) ? std::string(size, '\0') : from.substr(from_at, size));
    const Outcome outcome = Open(image);
    ASSERT_TRUE(outcome == Outcome::kWhole || outcome == Outcome::kRefused)
        << "round " << round << " outcome " << static_cast<int>(outcome);
  }
}

}  // namespace
}  // namespace ringfort::wal

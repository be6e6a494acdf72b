// How a log is judged when it is opened (protocols 4): torn ends, damage, wrong and missing files.
#include "wal/recovery.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/wal/scratch_log.h"
#include "wal/synced_note.h"

namespace ringfort::wal {
namespace {

using ::testing::HasSubstr;

constexpr ShardId kShard{3};

class RecoveryTest : public ::testing::Test {
 protected:
  std::unique_ptr<Wal> Open(bool expect_existing = true) {
    Options options = SmallLog(dir_, &disk_);
    options.expect_existing = expect_existing;
    options.durability = durability_;
    Result<std::unique_ptr<Wal>> wal = Wal::Open(options);
    EXPECT_TRUE(wal.ok()) << wal.status().ToString();
    return wal.ok() ? std::move(*wal) : nullptr;
  }
  Status OpenError() {
    Options options = SmallLog(dir_, &disk_);
    options.expect_existing = true;
    return Wal::Open(options).status();
  }
  void Append(Wal& wal, std::uint64_t first, std::uint64_t last, std::size_t bytes = 3000) {
    for (std::uint64_t index = first; index <= last; ++index) {
      const Status status = AppendAndWait(wal, {OneEntry(kShard, 1, index, bytes)});
      ASSERT_TRUE(status.ok()) << status.ToString();
    }
  }
  /// A log of entries 1..last.
  void Write(std::uint64_t last) { Append(*Open(false), 1, last); }
  static LogIndex LastOf(const storage::Recovery& recovery) {
    return recovery.shards.empty() ? LogIndex(0) : recovery.shards.front().last;
  }

  const ScratchDir scratch_;
  const std::string dir_ = scratch_.PathOf("log");
  UnsyncedDisk disk_;
  Durability durability_ = Durability::kSynced;
};

/// Images of a log before and after one more append. The second with the note of the first is what
/// a crash of the machine leaves that lost the note but kept the write.
struct BeforeAndAfter {
  Image before;
  Image after;
};

class TornTest : public RecoveryTest {
 protected:
  BeforeAndAfter Prepare() {
    BeforeAndAfter images;
    const std::unique_ptr<Wal> wal = Open(false);
    Append(*wal, 1, 3);
    images.before = LoadImage(dir_);
    Append(*wal, 4, 4);
    images.after = LoadImage(dir_);
    return images;
  }
};

TEST_F(TornTest, AWriteThatIsThereInPartMakesTheShardsUnsureUntilTheySaySo) {
  const BeforeAndAfter images = Prepare();
  const std::string segment = LastSegment(images.before);
  const std::string& old_bytes = images.before.at(segment);
  const std::string& new_bytes = images.after.at(segment);
  const auto [first, unused] = std::mismatch(old_bytes.begin(), old_bytes.end(), new_bytes.begin());
  const auto start = static_cast<std::size_t>(first - old_bytes.begin());
  for (const std::size_t kept : {8, 60, 512, 2000}) {
    SCOPED_TRACE("bytes kept of the torn write: " + std::to_string(kept));
    Image torn = images.before;
    torn[segment].replace(start, kept, new_bytes, start, kept);
    StoreImage(torn, dir_);
    {
      const std::unique_ptr<Wal> wal = Open();
      const storage::Recovery recovery = wal->TakeRecovery();
      EXPECT_TRUE(recovery.unsure);
      EXPECT_EQ(LastOf(recovery), LogIndex(3));
      EXPECT_TRUE(recovery.shards.front().hard_state.unsure);
    }
    // The run that this prevents: a second crash, and the replica votes with what it forgot.
    {
      const std::unique_ptr<Wal> wal = Open();
      const storage::Recovery recovery = wal->TakeRecovery();
      EXPECT_FALSE(recovery.unsure);
      EXPECT_TRUE(recovery.shards.front().hard_state.unsure);
      storage::LogUpdate sure = OneEntry(kShard, 2, 4, 10);
      sure.hard_state = raft::HardState{Term(2), ReplicaId(0), false};
      EXPECT_TRUE(AppendAndWait(*wal, {sure}).ok());
    }
    const storage::Recovery recovery = Open()->TakeRecovery();
    EXPECT_FALSE(recovery.shards.front().hard_state.unsure);
    EXPECT_EQ(LastOf(recovery), LogIndex(4));
  }
}

// A repair (protocols 6): a crash leaves the old data with the old log, or the new ones with the
// new.
TEST_F(TornTest, ABaseIsThereWithAllTheEntriesAboveItOrNotAtAll) {
  Image before;
  Image after;
  {
    const std::unique_ptr<Wal> wal = Open(false);
    storage::LogUpdate old = OneEntry(kShard, 1, 1, 700);
    old.base = raft::LogBase();
    old.generation = storage::Generation(1);
    EXPECT_TRUE(AppendAndWait(*wal, {old}).ok());
    Append(*wal, 2, 4);
    before = LoadImage(dir_);
    storage::LogUpdate repair = OneEntry(kShard, 1, 3, 700);
    repair.entries.push_back(MakeEntry(1, 4, 700));
    repair.base = raft::LogBase{LogIndex(2), Term(1), {}};
    repair.generation = storage::Generation(2);
    EXPECT_TRUE(AppendAndWait(*wal, {repair}).ok());
    after = LoadImage(dir_);
  }
  const std::string segment = LastSegment(before);
  const std::string& old_bytes = before.at(segment);
  const std::string& new_bytes = after.at(segment);
  const auto [first, unused] = std::mismatch(old_bytes.begin(), old_bytes.end(), new_bytes.begin());
  const auto start = static_cast<std::size_t>(first - old_bytes.begin());
  for (std::size_t kept = 0; kept < 3000; kept += 8) {
    SCOPED_TRACE("bytes kept of the torn write: " + std::to_string(kept));
    Image torn = before;
    torn[segment].replace(start, kept, new_bytes, start, kept);
    StoreImage(torn, dir_);
    const storage::Recovery recovery = Open()->TakeRecovery();
    const storage::RecoveredShard& shard = recovery.shards.front();
    const bool is_new = shard.generation == storage::Generation(2);
    EXPECT_EQ(shard.base.index, LogIndex(is_new ? 2 : 0));
    EXPECT_EQ(shard.last, LogIndex(4));
    EXPECT_EQ(is_new, torn[segment] == new_bytes);
  }
}

TEST_F(TornTest, AWholeWriteWithAnOlderNoteCounts) {
  const BeforeAndAfter images = Prepare();
  Image older_note = images.after;
  older_note["synced"] = images.before.at("synced");
  StoreImage(older_note, dir_);
  const storage::Recovery recovery = Open()->TakeRecovery();
  EXPECT_FALSE(recovery.unsure);
  EXPECT_EQ(LastOf(recovery), LogIndex(4));
}

TEST_F(TornTest, AnEndBelowTheNoteIsDamage) {
  const BeforeAndAfter images = Prepare();
  Image newer_note = images.before;
  newer_note["synced"] = images.after.at("synced");
  StoreImage(newer_note, dir_);
  const Status status = OpenError();
  EXPECT_EQ(status.code(), Code::kCorruption);
  EXPECT_THAT(status.message(), HasSubstr("is known to be synced"));
  EXPECT_THAT(status.message(), HasSubstr(LastSegment(newer_note)));
}

TEST_F(TornTest, ACrashWhileATornEndIsCleanedIsStillUnsure) {
  const BeforeAndAfter images = Prepare();
  StoreImage(images.after, dir_);
  {
    // As recovery leaves it between cleaning the end and marking the shards.
    const auto directory = Directory::Open(dir_);
    Result<SyncedNote> note = SyncedNote::Open(**directory, /*writable=*/true, disk_);
    Note torn = note->note();
    torn.torn = true;
    ASSERT_TRUE(note->Write(torn, true).ok());
  }
  const storage::Recovery recovery = Open()->TakeRecovery();
  EXPECT_TRUE(recovery.unsure);
  EXPECT_TRUE(recovery.shards.front().hard_state.unsure);
}

// Relaxed writes may reach the disk in any order: a hole among them is a tear, not damage.
TEST_F(TornTest, ALostRelaxedWriteBeforeAKeptOneIsATear) {
  durability_ = Durability::kRelaxed;
  const std::unique_ptr<Wal> wal = Open(false);
  Append(*wal, 1, 3);
  ASSERT_TRUE(wal->Sync().ok());
  const Image before = LoadImage(dir_);
  Append(*wal, 4, 4);
  const Image middle = LoadImage(dir_);
  Append(*wal, 5, 5);
  Image holed = LoadImage(dir_);
  const std::string segment = LastSegment(holed);
  for (std::size_t i = 0; i < holed[segment].size(); ++i) {
    // Takes back what the write of entry 4 changed.
    if (middle.at(segment)[i] != before.at(segment)[i]) holed[segment][i] = before.at(segment)[i];
  }
  const std::string other = scratch_.PathOf("holed");
  StoreImage(holed, other);
  Options options = SmallLog(other, &disk_);
  Result<std::unique_ptr<Wal>> opened = Wal::Open(options);
  ASSERT_TRUE(opened.ok()) << opened.status().ToString();
  const storage::Recovery recovery = (*opened)->TakeRecovery();
  EXPECT_TRUE(recovery.unsure);
  EXPECT_EQ(LastOf(recovery), LogIndex(3));
}

// Tried on RocksDB 7.8.3: default recovery opens after this and forgets what was synced.
TEST_F(RecoveryTest, AFlippedByteInMidLogIsDamageEvenWithAnOldNote) {
  const std::unique_ptr<Wal> wal = Open(false);
  const std::string note = LoadImage(dir_).at("synced");
  Append(*wal, 1, 5);
  Image image = LoadImage(dir_);
  image["synced"] = note;
  std::string& segment = image[LastSegment(image)];
  segment[kSegmentHeaderBytes + 5000] = static_cast<char>(segment[kSegmentHeaderBytes + 5000] ^ 1);
  const std::string other = scratch_.PathOf("flipped");
  StoreImage(image, other);
  const Status status = Wal::Open(SmallLog(other, &disk_)).status();
  EXPECT_EQ(status.code(), Code::kCorruption);
  EXPECT_THAT(status.message(), HasSubstr("behind it says that it was synced"));
}

TEST_F(RecoveryTest, MissingSegmentsAreDamage) {
  Write(80);  // Four segments or more.
  const Image whole = LoadImage(dir_);
  std::vector<std::string> segments;
  for (const auto& [name, bytes] : whole) {
    if (ParseSegmentName(name)) segments.push_back(name);
  }
  ASSERT_GE(segments.size(), 4U);
  for (const std::string& missing : segments) {
    Image image = whole;
    image.erase(missing);
    StoreImage(image, dir_);
    const Status status = OpenError();
    EXPECT_EQ(status.code(), Code::kCorruption) << missing;
    EXPECT_THAT(status.message(), HasSubstr("its peers fill it again")) << missing;
  }
  StoreImage(whole, dir_);
  EXPECT_EQ(LastOf(Open()->TakeRecovery()), LogIndex(80));
}

TEST_F(RecoveryTest, AMissingSideFileIsDamage) {
  Write(1);
  Image image = LoadImage(dir_);
  image.erase("synced");
  StoreImage(image, dir_);
  const Status status = OpenError();
  EXPECT_EQ(status.code(), Code::kCorruption);
  EXPECT_THAT(status.message(), HasSubstr("\"synced\""));
}

TEST_F(RecoveryTest, AnEmptyDirectoryIsDamageWhereALogMustBe) {
  EXPECT_EQ(OpenError().code(), Code::kCorruption);
  std::filesystem::create_directory(dir_);
  EXPECT_EQ(OpenError().code(), Code::kCorruption);
  EXPECT_NE(Open(false), nullptr);
}

// A crash at any moment of the creation leaves a directory that is created anew.
TEST_F(RecoveryTest, AnUnfinishedCreationIsBegunAgain) {
  Write(0);
  const Image whole = LoadImage(dir_);
  Image fresh_note;
  {
    const std::string other = scratch_.PathOf("fresh");
    const auto directory = Directory::OpenOrCreate(other);
    ASSERT_TRUE(SyncedNote::Create(**directory, {kIncarnation, 0, false}, disk_).ok());
    fresh_note = LoadImage(other);
  }
  Image header_only = fresh_note;
  header_only[LastSegment(whole)] = whole.at(LastSegment(whole));
  std::fill(header_only[LastSegment(whole)].begin() + kSegmentHeaderBytes,
            header_only[LastSegment(whole)].end(), '\0');
  Image filling = fresh_note;
  filling["filling"] = std::string(1000, '\0');
  for (const Image& image : {Image{{"synced.new", "x"}}, fresh_note, filling, header_only}) {
    StoreImage(image, dir_);
    const std::unique_ptr<Wal> wal = Open(false);
    ASSERT_NE(wal, nullptr);
    EXPECT_FALSE(wal->TakeRecovery().unsure);
    Append(*wal, 1, 1);
  }
}

TEST_F(RecoveryTest, AnotherIncarnationsLogIsNamed) {
  Write(1);
  Options options = SmallLog(dir_, &disk_);
  options.incarnation = {5, 6};
  const Status status = Wal::Open(options).status();
  EXPECT_EQ(status.code(), Code::kWrongCluster);
  EXPECT_THAT(status.message(), HasSubstr(kIncarnation.ToString()));
}

TEST_F(RecoveryTest, ASecondProcessIsKeptOut) {
  const std::unique_ptr<Wal> wal = Open(false);
  const Status status = OpenError();
  EXPECT_EQ(status.code(), Code::kIoError);
  EXPECT_THAT(status.message(), HasSubstr("another process uses it"));
}

TEST_F(RecoveryTest, OptionsAreChecked) {
  Options options = SmallLog(dir_, &disk_);
  options.segment_bytes = 5000;
  EXPECT_EQ(Wal::Open(options).status().code(), Code::kInvalidArgument);
  options = SmallLog(dir_, &disk_);
  options.incarnation = {};
  EXPECT_EQ(Wal::Open(options).status().code(), Code::kInvalidArgument);
}

TEST_F(RecoveryTest, TheSegmentSizeMayChangeBetweenStarts) {
  Write(30);
  Options options = SmallLog(dir_, &disk_);
  options.segment_bytes = 128 << 10;
  Result<std::unique_ptr<Wal>> wal = Wal::Open(options);
  ASSERT_TRUE(wal.ok()) << wal.status().ToString();
  Append(**wal, 31, 90);
  wal->reset();
  EXPECT_EQ(LastOf(Open()->TakeRecovery()), LogIndex(90));
}

}  // namespace
}  // namespace ringfort::wal

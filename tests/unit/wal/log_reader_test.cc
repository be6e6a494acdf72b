// The listing for people.
#include "wal/log_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/wal/scratch_log.h"

namespace ringfort::wal {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

TEST(LogReader, ListsEveryRecordAndTheEnd) {
  const ScratchDir scratch;
  const std::string dir = scratch.PathOf("log");
  UnsyncedDisk disk;
  Result<std::unique_ptr<Wal>> wal = Wal::Open(SmallLog(dir, &disk));
  ASSERT_TRUE(wal.ok());
  storage::LogUpdate update = OneEntry(ShardId(3), 7, 11, 100);
  update.base = raft::LogBase{LogIndex(10), Term(6), {}};
  update.generation = storage::Generation(2);
  update.hard_state = raft::HardState{Term(7), ReplicaId(4), false, ReplicaId(9)};
  ASSERT_TRUE(AppendAndWait(**wal, {update}).ok());

  std::vector<std::string> lines;
  const auto list = [&lines](const LogLine& line) { lines.push_back(line.ToString()); };
  Result<ScanResult> end = ReadLog(dir, list);  // While the log is in use.
  ASSERT_TRUE(end.ok()) << end.status().ToString();
  ASSERT_EQ(lines.size(), 3U);
  EXPECT_EQ(lines[0],
            "segment=1 offset=4208 batch=2 base shard=3 term=6 index=10 generation=2 voters=0 "
            "outgoing=0 learners=0");
  EXPECT_EQ(lines[1],
            "segment=1 offset=4280 batch=2 hard_state shard=3 term=7 vote=4"
            " replica=9");
  EXPECT_EQ(lines[2],
            "segment=1 offset=4336 batch=2 entry shard=3 term=7 index=11 kind=command bytes=100");
  EXPECT_THAT(DescribeEnd(*end), StartsWith("clean: "));
  EXPECT_THAT(DescribeEnd(*end), HasSubstr("after batch 2"));

  wal->reset();
  Image image = LoadImage(dir);
  std::string& segment = image[LastSegment(image)];
  segment[4340] = static_cast<char>(segment[4340] ^ 1);
  StoreImage(image, dir);
  lines.clear();
  end = ReadLog(dir, list);
  ASSERT_TRUE(end.ok());
  EXPECT_TRUE(lines.empty());
  EXPECT_THAT(DescribeEnd(*end), StartsWith("damaged: "));
}

TEST(LogReader, SaysWhereThereIsNoLog) {
  const ScratchDir scratch;
  const auto ignore = [](const LogLine&) {};
  EXPECT_EQ(ReadLog(scratch.PathOf("absent"), ignore).status().code(), Code::kNotFound);
  const Result<ScanResult> end = ReadLog(scratch.PathOf(""), ignore);
  ASSERT_TRUE(end.ok());
  EXPECT_EQ(DescribeEnd(*end), "empty: there is no segment");
}

}  // namespace
}  // namespace ringfort::wal

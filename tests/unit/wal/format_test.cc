// What is encoded is decoded alike, and nothing else is taken for it.
#include "wal/format.h"

#include <gtest/gtest.h>

namespace ringfort::wal {
namespace {

TEST(WalFormat, SegmentNamesSortByNumberAndNothingElseIsOne) {
  EXPECT_EQ(SegmentName(7), "segment-00000000000000000007");
  EXPECT_EQ(ParseSegmentName(SegmentName(~std::uint64_t{0})), ~std::uint64_t{0});
  for (const char* name : {"segment-7", "segment-", "segment-00000000000000000000", "spare-1",
                           "segment-0000000000000000000x", "segment-99999999999999999999"}) {
    EXPECT_FALSE(ParseSegmentName(name).has_value()) << name;
  }
}

TEST(WalFormat, EveryFlippedBitOfASegmentHeaderIsSeen) {
  const SegmentHeader header{{1, 2}, 3, 4, 65536};
  const std::string block = EncodeSegmentHeader(header);
  ASSERT_TRUE(DecodeSegmentHeader(block).ok());
  EXPECT_EQ(*DecodeSegmentHeader(block), header);
  for (std::size_t bit = 0; bit < 64 * 8; ++bit) {
    std::string flipped = block;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << (bit % 8)));
    EXPECT_FALSE(DecodeSegmentHeader(flipped).ok()) << "bit " << bit;
  }
}

TEST(WalFormat, AnotherFormatIsNoDamage) {
  for (const std::uint32_t format : {kFormatVersionMin, kFormatVersionMax}) {
    SegmentHeader header{{1, 2}, 3, 4, 65536};
    header.format = format;
    ASSERT_TRUE(DecodeSegmentHeader(EncodeSegmentHeader(header)).ok());
    EXPECT_EQ(DecodeSegmentHeader(EncodeSegmentHeader(header))->format, format);
  }
  for (const std::uint32_t format : {kFormatVersionMin - 1, kFormatVersionMax + 1}) {
    SegmentHeader header{{1, 2}, 3, 4, 65536};
    header.format = format;
    EXPECT_EQ(DecodeSegmentHeader(EncodeSegmentHeader(header)).status().code(), Code::kUnsupported);
  }
}

TEST(WalFormat, AWholeRecordOfAnUnknownKindIsNoDamage) {
  Record record;
  record.type = static_cast<RecordType>(6);
  std::string bytes;
  AppendRecord(record, 77, &bytes);
  ASSERT_TRUE(DecodeRecord(bytes, 77).has_value());
  EXPECT_EQ(CheckKnown(*DecodeRecord(bytes, 77)).code(), Code::kUnsupported);
  record.type = RecordType::kEntry;
  EXPECT_TRUE(CheckKnown(record).ok());
  record.kind = static_cast<raft::EntryKind>(3);
  EXPECT_EQ(CheckKnown(record).code(), Code::kUnsupported);
}

TEST(WalFormat, RecordsOfAnotherSegmentOrCutShortAreNone) {
  Record record;
  record.type = RecordType::kEntry;
  record.kind = raft::EntryKind::kMembers;
  record.shard = ShardId(4);
  record.term = Term(5);
  record.index = LogIndex(6);
  record.payload = "payload";
  std::string bytes;
  AppendRecord(record, 77, &bytes);
  EXPECT_EQ(bytes.size(), record.stored_bytes());
  const std::optional<Record> read = DecodeRecord(bytes, 77);
  ASSERT_TRUE(read.has_value());
  EXPECT_EQ(read->payload, "payload");
  EXPECT_EQ(read->kind, raft::EntryKind::kMembers);
  EXPECT_EQ(read->index, LogIndex(6));
  EXPECT_FALSE(DecodeRecord(bytes, 78).has_value());
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(DecodeRecord(std::string_view(bytes).substr(0, size), 77).has_value()) << size;
  }
}

}  // namespace
}  // namespace ringfort::wal

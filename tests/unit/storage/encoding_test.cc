// Raw keys and values: order, ranges, and what rubbish gets. A pair of strings is the dumb twin.
#include "storage/encoding.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "base/random.h"
#include "ringfort/limits.h"

namespace ringfort::storage {
namespace {

using namespace std::string_literals;

using Pair = std::pair<std::string, std::string>;

/// Mostly short and of few bytes, so that prefixes, zeros and escapes meet.
std::string RandomBytes(Random* random, std::size_t size_min) {
  static const std::string kBytes(
      "\x00\x00\x01\x02\xfe\xff"
      "a",
      7);
  std::string bytes(size_min + random->Below(random->OneIn(20) ? 300 : 5), '\0');
  for (char& byte : bytes) {
    byte = random->OneIn(4) ? static_cast<char>(random->Below(256))
                            : kBytes[random->Below(kBytes.size())];
  }
  return bytes;
}

/// The parameter is the seed.
class EncodingProperty : public testing::TestWithParam<std::uint64_t> {
 protected:
  Pair RandomPair() { return {RandomBytes(&random_, 1), RandomBytes(&random_, 0)}; }

  Random random_{GetParam()};
};
INSTANTIATE_TEST_SUITE_P(Seeds, EncodingProperty, testing::Values(1, 2, 3));

TEST_P(EncodingProperty, RawKeysSortAsPairsDo) {
  for (int i = 0; i < 60'000; ++i) {
    Pair left = RandomPair();
    Pair right = RandomPair();
    if (random_.OneIn(3)) right.first = left.first;
    if (random_.OneIn(3)) right.first = left.first + RandomBytes(&random_, 0);
    const std::string left_raw = EncodeDataKey(left.first, left.second);
    const std::string right_raw = EncodeDataKey(right.first, right.second);
    ASSERT_EQ(left_raw <=> right_raw, left <=> right)
        << testing::PrintToString(left) << " " << testing::PrintToString(right);
  }
}

TEST_P(EncodingProperty, DecodingGivesThePairBack) {
  for (int i = 0; i < 20'000; ++i) {
    const Pair pair = RandomPair();
    const Result<DataKey> key = DecodeDataKey(EncodeDataKey(pair.first, pair.second));
    ASSERT_TRUE(key.ok()) << testing::PrintToString(pair);
    ASSERT_EQ(Pair(key.value().shard_key, key.value().sort_key), pair);
  }
}

TEST_P(EncodingProperty, WhatDecodesIsWhatWasEncoded) {
  int decoded = 0;
  for (int i = 0; i < 40'000; ++i) {
    const std::string raw = "\x01" + RandomBytes(&random_, 0);
    const Result<DataKey> key = DecodeDataKey(raw);
    if (!key.ok()) {
      ASSERT_EQ(key.status().code(), Code::kCorruption);
      continue;
    }
    ++decoded;
    ASSERT_EQ(EncodeDataKey(key.value().shard_key, key.value().sort_key), raw);
  }
  EXPECT_GT(decoded, 100);
}

TEST_P(EncodingProperty, ARangeHoldsItsShardKeysEntriesAndNoOthers) {
  for (int i = 0; i < 40'000; ++i) {
    const Pair entry = RandomPair();
    Pair bounds = RandomPair();
    if (random_.OneIn(2)) bounds.first = entry.first;
    const std::string begin = bounds.second;
    std::optional<std::string> end;
    if (!random_.OneIn(3)) end = RandomBytes(&random_, 0);

    const bool expected = entry.first == bounds.first && entry.second >= begin &&
                          (!end.has_value() || entry.second < *end);
    const KeyRange range = SortKeyRange(bounds.first, begin, end);
    const std::string raw = EncodeDataKey(entry.first, entry.second);
    ASSERT_EQ(raw >= range.begin && raw < range.end, expected)
        << testing::PrintToString(entry) << " in " << testing::PrintToString(bounds);

    const KeyRange data = SpaceRange(KeySpace::kData);
    ASSERT_TRUE(raw >= data.begin && raw < data.end);
  }
}

TEST_P(EncodingProperty, NothingLiesBetweenAKeyAndTheOneAfter) {
  for (int i = 0; i < 20'000; ++i) {
    const std::string raw = RandomBytes(&random_, 0);
    const std::string other =
        random_.OneIn(2) ? raw + RandomBytes(&random_, 0) : RandomBytes(&random_, 0);
    const std::string after = KeyAfter(raw);
    ASSERT_GT(after, raw);
    ASSERT_EQ(other > raw, other >= after);
  }
}

TEST(DataKey, ResumingMidwaySkipsAndRepeatsNothing) {
  const Pair first = {"k", ""};
  const Pair second = {"k", "\0"s};
  const std::string resume = KeyAfter(EncodeDataKey(first.first, first.second));
  EXPECT_EQ(resume, EncodeDataKey(second.first, second.second));
}

TEST(DataKey, IsLaidOutAsTheHeaderSays) {
  EXPECT_EQ(EncodeDataKey("a\0b"s, "s\0"s), "\x01"s + "a\0\xff"s + "b\0\x01"s + "s\0"s);
  EXPECT_EQ(EncodeDataKey("a", ""), "\x01"s + "a\0\x01"s);
}

TEST(DataKey, TheLargestKeyHasRoom) {
  const std::string shard_key(limits::kShardKeyMax, '\0');
  const std::string sort_key(limits::kSortKeyMax, '\0');
  const std::string raw = EncodeDataKey(shard_key, sort_key);
  EXPECT_EQ(raw.size(), 1 + 2 * limits::kShardKeyMax + 2 + limits::kSortKeyMax);
  EXPECT_EQ(DecodeDataKey(raw).value().sort_key, sort_key);
}

TEST(DataKey, RubbishIsCorruption) {
  for (const std::string& raw : {""s, "\x01"s, "\x02"s + "a\0\x01"s, "\x01"s + "a"s,
                                 "\x01"s + "a\0"s, "\x01"s + "a\0\x02"s, "\x01"s + "a\0\0\x01"s}) {
    EXPECT_EQ(DecodeDataKey(raw).status().code(), Code::kCorruption) << testing::PrintToString(raw);
  }
}

TEST(RawValue, KeepsVersionAndBytes) {
  for (const std::string& user : {""s, "\0"s, std::string(1000, '\xff')}) {
    const std::string raw = EncodeValue(LogIndex(0x0102030405060708), user);
    EXPECT_EQ(raw.substr(0, 9), "\x08\x07\x06\x05\x04\x03\x02\x01\0"s);
    const Result<Value> value = DecodeValue(raw);
    ASSERT_TRUE(value.ok());
    EXPECT_EQ(value.value().version, LogIndex(0x0102030405060708));
    EXPECT_EQ(value.value().user, user);
    EXPECT_EQ(value.value().user.data(), raw.data() + 9) << "a view, not a copy";
  }
}

TEST(RawValue, RubbishIsCorruption) {
  const std::string good = EncodeValue(LogIndex(1), "abc");
  for (std::size_t size = 0; size < 9; ++size) {
    EXPECT_EQ(DecodeValue(good.substr(0, size)).status().code(), Code::kCorruption) << size;
  }
  std::string unknown_flag = good;
  unknown_flag[8] = 1;
  EXPECT_EQ(DecodeValue(unknown_flag).status().code(), Code::kUnsupported);
  EXPECT_EQ(DecodeValue(EncodeValue(LogIndex(0), "abc")).status().code(), Code::kCorruption);
}

TEST(SessionKey, SortsByNumberAndComesBack) {
  const std::vector<std::uint64_t> ids = {0, 1, 255, 256, 65535, 1ULL << 32, ~0ULL};
  std::string before;
  for (const std::uint64_t id : ids) {
    const std::string raw = EncodeSessionKey(SessionId(id));
    EXPECT_LT(before, raw);
    EXPECT_EQ(DecodeSessionKey(raw).value(), SessionId(id));
    const KeyRange space = SpaceRange(KeySpace::kSessions);
    EXPECT_TRUE(space.begin <= raw && raw < space.end);
    before = raw;
  }
}

TEST(SessionKey, RubbishIsCorruption) {
  const std::string good = EncodeSessionKey(SessionId(5));
  for (const std::string& raw : {""s, good.substr(0, 8), good + "x", "\x01" + good.substr(1)}) {
    EXPECT_EQ(DecodeSessionKey(raw).status().code(), Code::kCorruption);
  }
}

TEST(Marks, StandInASpaceOfTheirOwn) {
  const KeyRange space = SpaceRange(KeySpace::kMarks);
  for (const std::string& raw : {AppliedKey(), MarkKey(""), MarkKey("\xff\xff")}) {
    EXPECT_TRUE(space.begin <= raw && raw < space.end);
  }
  EXPECT_EQ(AppliedKey(), MarkKey("applied"));
}

TEST(AppliedMark, ComesBackOrIsCorruption) {
  const Applied applied{LogIndex(~0ULL), Term(7)};
  const std::string raw = EncodeApplied(applied);
  EXPECT_EQ(DecodeApplied(raw).value(), applied);
  EXPECT_EQ(DecodeApplied(raw + "x").status().code(), Code::kCorruption);
  EXPECT_EQ(DecodeApplied(raw.substr(1)).status().code(), Code::kCorruption);
}

}  // namespace
}  // namespace ringfort::storage

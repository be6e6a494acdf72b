// Ranges and positions at their edges.
#include "client/messages.h"

#include <gtest/gtest.h>

#include <string>

#include "ringfort/limits.h"

namespace ringfort::client {
namespace {

using namespace std::string_literals;  // NOLINT: tests only

TEST(BoundsTest, PrefixAndBoundsHoldTogether) {
  const auto bounds = BoundsOf({.begin = "pb", .end = "pz", .prefix = "p"});
  ASSERT_TRUE(bounds.has_value());
  EXPECT_EQ(bounds->begin, "pb");
  EXPECT_EQ(bounds->end, "pz");
  const auto prefix = BoundsOf({.prefix = "p"});
  EXPECT_EQ(prefix->begin, "p");
  EXPECT_EQ(prefix->end, "q");
  EXPECT_FALSE(BoundsOf({.begin = "q", .prefix = "p"}).has_value());
  EXPECT_FALSE(BoundsOf({.end = "a", .prefix = "p"}).has_value());
  EXPECT_FALSE(BoundsOf({.end = ""}).has_value());
  EXPECT_FALSE(BoundsOf({})->end.has_value());
}

TEST(BoundsTest, APrefixOfHighestBytesHasNoEnd) {
  EXPECT_EQ(BoundsOf({.prefix = "a\xff\xff"})->end, "b");
  EXPECT_FALSE(BoundsOf({.prefix = "\xff\xff"})->end.has_value());
}

proto::Response PageThatEndsAt(const std::string& sort_key) {
  proto::Response response;
  response.mutable_scan_page()->set_more(true);
  response.mutable_scan_page()->add_entries()->mutable_key()->set_sort_key(sort_key);
  return response;
}

TEST(ScanPageTest, TheRestBeginsRightBehindTheLastKey) {
  proto::Response response = PageThatEndsAt("m");
  Result<ScanPage> page = ToScanPage("k", {.begin = "a"}, &response);
  EXPECT_EQ(page->rest->begin, "m\0"s);
  response = PageThatEndsAt("m");
  page = ToScanPage("k", {.begin = "a", .reverse = true}, &response);
  EXPECT_EQ(page->rest->begin, "a");
  EXPECT_EQ(page->rest->end, "m");
}

// One byte more than the longest sort key would be refused as a bound.
TEST(ScanPageTest, TheRestBehindALongestKeyStaysWithinTheLimit) {
  proto::Response response = PageThatEndsAt(std::string(limits::kSortKeyMax - 1, 'a') + "\xff");
  Result<ScanPage> page = ToScanPage("k", {}, &response);
  ASSERT_TRUE(page->rest.has_value());
  EXPECT_EQ(page->rest->begin, std::string(limits::kSortKeyMax - 2, 'a') + "b");
  response = PageThatEndsAt(std::string(limits::kSortKeyMax, '\xff'));
  page = ToScanPage("k", {}, &response);
  EXPECT_FALSE(page->rest.has_value()) << "it is the last sort key of all";
}

TEST(ScanPageTest, AnEmptyPageCannotHaveMore) {
  proto::Response response;
  response.mutable_scan_page()->set_more(true);
  EXPECT_EQ(ToScanPage("k", {}, &response).status().code(), Code::kInternal);
  EXPECT_EQ(ToScanAllPage({}, 4, &response).status().code(), Code::kInternal);
}

TEST(PositionTest, SurvivesTheWayThroughText) {
  const StorePosition position{3, Key("a\0\xff"s, "")};
  const std::string text = EncodePosition(position, 64);
  const Result<StorePosition> back = DecodePosition(text, 64);
  ASSERT_TRUE(back.ok());
  EXPECT_EQ(back.value().shard, 3u);
  EXPECT_EQ(back.value().after, position.after);
  const Result<StorePosition> shard_start =
      DecodePosition(EncodePosition({5, std::nullopt}, 64), 64);
  ASSERT_TRUE(shard_start.ok());
  EXPECT_EQ(shard_start.value().shard, 5u);
  EXPECT_FALSE(shard_start.value().after.has_value());
}

TEST(PositionTest, RefusesWhatNoScanGave) {
  for (const char* text :
       {"1", "1.64", "2.64.3", "1.64.64", "1.32.3", "1.64.x", "1.64.3.61", "1.64.3.6.61",
        "1.64.3.6g.61", "1.64.3..61", "1.64.3.61.61.61", "1.64.-1", "1.64.3.+1.61", "."}) {
    EXPECT_EQ(DecodePosition(text, 64).status().code(), Code::kInvalidArgument) << text;
  }
}

}  // namespace
}  // namespace ringfort::client

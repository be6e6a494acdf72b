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

// A node that repeats itself must not keep who scans page after page for ever.
TEST(ScanPageTest, APageGoesOnFromTheOneBefore) {
  const auto code = [](const std::string& key, const ScanRange& range) {
    proto::Response response = PageThatEndsAt(key);
    return ToScanPage("k", range, &response).status().code();
  };
  EXPECT_EQ(code("m", {.begin = "m"}), Code::kOk);
  EXPECT_EQ(code("l", {.begin = "m"}), Code::kInternal);
  EXPECT_EQ(code("m", {.end = "m"}), Code::kInternal);
  EXPECT_EQ(code("m", {.end = "m", .reverse = true}), Code::kInternal);
  proto::Response twice = PageThatEndsAt("m");
  *twice.mutable_scan_page()->add_entries() = twice.scan_page().entries(0);
  EXPECT_EQ(ToScanPage("k", {}, &twice).status().code(), Code::kInternal);
}

TEST(ScanPageTest, APageOfAllGoesOnFromTheOneBefore) {
  const auto code = [](const std::string& shard_key, const std::string& sort_key) {
    proto::Response response = PageThatEndsAt(sort_key);
    response.mutable_scan_page()->mutable_entries(0)->mutable_key()->set_shard_key(shard_key);
    return ToScanAllPage({0, Key("k", "m")}, 4, &response).status().code();
  };
  EXPECT_EQ(code("k", "n"), Code::kOk);
  EXPECT_EQ(code("l", ""), Code::kOk);
  EXPECT_EQ(code("k", "m"), Code::kInternal);
  EXPECT_EQ(code("j", "z"), Code::kInternal);
}

TEST(NodeStatusTest, WhatItSaysIsShownAsOneLine) {
  proto::NodeStatus status;
  status.set_waiting_for("a\nb");
  status.set_version(std::string("\xc2\x9b") + "2J");
  const NodeStatusView view = ToNodeStatusView(status);
  EXPECT_EQ(view.waiting_for, "a\\x0ab");
  EXPECT_EQ(view.version, "\\xc2\\x9b2J");
}

TEST(ScanPageTest, AnEmptyPageCannotHaveMore) {
  proto::Response response;
  response.mutable_scan_page()->set_more(true);
  EXPECT_EQ(ToScanPage("k", {}, &response).status().code(), Code::kInternal);
  EXPECT_EQ(ToScanAllPage({}, 4, &response).status().code(), Code::kInternal);
}

TEST(NodeStatusTest, CarriesLoadsAndSums) {
  proto::NodeStatus status;
  proto::ReplicaStatus* replica = status.add_replicas();
  proto::ReplicaLoad* load = replica->mutable_load();
  load->set_reads(1);
  load->set_writes(2);
  load->set_bytes_in(3);
  load->set_bytes_out(4);
  load->set_loop_ns(5);
  load->set_pool_ns(6);
  load->set_reads_per_second(7);
  load->set_writes_per_second(8);
  load->set_bytes_in_per_second(9);
  load->set_bytes_out_per_second(10);
  load->set_loop_ns_per_second(5e8);
  load->set_pool_ns_per_second(25e7);
  load->add_hot_keys()->set_shard_key("k");
  load->mutable_hot_keys(0)->set_share(0.5);
  const auto view_of = [&status] { return ToNodeStatusView(status).replicas.at(0); };
  EXPECT_FALSE(view_of().sum.has_value());
  proto::ReplicaSum* sum = replica->mutable_sum();
  sum->set_index(11);
  sum->set_checksum(12);
  sum->set_entries(13);
  sum->set_bytes(14);
  sum->set_error("e");
  const ReplicaView view = view_of();
  EXPECT_EQ(view.load.reads, 1u);
  EXPECT_EQ(view.load.writes, 2u);
  EXPECT_EQ(view.load.bytes_in, 3u);
  EXPECT_EQ(view.load.bytes_out, 4u);
  EXPECT_EQ(view.load.loop_time.count(), 5);
  EXPECT_EQ(view.load.pool_time.count(), 6);
  EXPECT_EQ(view.load.reads_per_second, 7);
  EXPECT_EQ(view.load.writes_per_second, 8);
  EXPECT_EQ(view.load.bytes_in_per_second, 9);
  EXPECT_EQ(view.load.bytes_out_per_second, 10);
  EXPECT_EQ(view.load.loop_share, 0.5);
  EXPECT_EQ(view.load.pool_share, 0.25);
  ASSERT_EQ(view.load.hot_keys.size(), 1u);
  EXPECT_EQ(view.load.hot_keys[0].shard_key, "k");
  EXPECT_EQ(view.load.hot_keys[0].share, 0.5);
  ASSERT_TRUE(view.sum.has_value());
  EXPECT_EQ(view.sum->index, 11u);
  EXPECT_EQ(view.sum->checksum, 12u);
  EXPECT_EQ(view.sum->entries, 13u);
  EXPECT_EQ(view.sum->bytes, 14u);
  EXPECT_EQ(view.sum->error, "e");
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

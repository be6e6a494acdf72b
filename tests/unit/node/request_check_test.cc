// The limits of limits.h, on the server's side: exactly at them is allowed, one more is not.
#include "node/request_check.h"

#include <gtest/gtest.h>

#include <functional>

#include "ring/hash_ring.h"
#include "ringfort/limits.h"

namespace ringfort::node {
namespace {

constexpr std::uint32_t kShards = 8;

/// A key so long, in its own shard.
std::string KeyOf(std::size_t size) {
  return std::string(size, 'k');
}

void Name(const std::string& shard_key, proto::Request* request) {
  request->set_shard(ring::ShardOf(shard_key, kShards).value());
}

proto::Request Write(const std::string& shard_key, std::size_t sort_key = 0,
                     std::size_t value = 1) {
  proto::Request request;
  Name(shard_key, &request);
  proto::Write* write = request.mutable_write();
  write->set_session(1);
  write->set_sequence(1);
  proto::Operation* operation = write->add_operations();
  operation->mutable_key()->set_shard_key(shard_key);
  operation->mutable_key()->set_sort_key(std::string(sort_key, 's'));
  operation->set_value(std::string(value, 'v'));
  return request;
}

proto::Request Get(const std::string& shard_key) {
  proto::Request request;
  Name(shard_key, &request);
  request.mutable_get()->add_keys()->set_shard_key(shard_key);
  return request;
}

proto::Request Scan(const std::string& shard_key) {
  proto::Request request;
  Name(shard_key, &request);
  request.mutable_scan()->set_shard_key(shard_key);
  return request;
}

Code Check(const proto::Request& request) {
  return CheckShardRequest(request, kShards).code();
}

/// The request with one thing changed.
proto::Request But(proto::Request request, const std::function<void(proto::Request&)>& change) {
  change(request);
  return request;
}

TEST(RequestCheckTest, WhatIsWithinTheLimitsPasses) {
  EXPECT_EQ(Check(Write("a")), Code::kOk);
  EXPECT_EQ(Check(Write(KeyOf(limits::kShardKeyMax), limits::kSortKeyMax, limits::kValueMax)),
            Code::kOk);
  EXPECT_EQ(Check(Write("a", 0, 0)), Code::kOk);
  EXPECT_EQ(Check(Get("a")), Code::kOk);
  EXPECT_EQ(Check(Scan("a")), Code::kOk);
  proto::Request open;
  open.set_shard(kShards - 1);
  open.mutable_open_session();
  EXPECT_EQ(Check(open), Code::kOk);
}

TEST(RequestCheckTest, OneByteMoreIsTooLarge) {
  EXPECT_EQ(Check(Write(KeyOf(limits::kShardKeyMax + 1))), Code::kTooLarge);
  EXPECT_EQ(Check(Write("a", limits::kSortKeyMax + 1)), Code::kTooLarge);
  EXPECT_EQ(Check(Write("a", 0, limits::kValueMax + 1)), Code::kTooLarge);
  EXPECT_EQ(Check(Get(KeyOf(limits::kShardKeyMax + 1))), Code::kTooLarge);
  const std::string bound(limits::kSortKeyMax + 1, 's');
  EXPECT_EQ(Check(But(Scan("a"), [&](auto& r) { r.mutable_scan()->set_begin(bound); })),
            Code::kTooLarge);
  EXPECT_EQ(Check(But(Scan("a"), [&](auto& r) { r.mutable_scan()->set_end(bound); })),
            Code::kTooLarge);
}

TEST(RequestCheckTest, AMessageNamesNoKeyAndNoValue) {
  const Status status = CheckShardRequest(Write("secret", limits::kSortKeyMax + 1), kShards);
  EXPECT_EQ(status.message().find("secret"), std::string::npos);
  EXPECT_EQ(status.message().find("sss"), std::string::npos);
}

TEST(RequestCheckTest, AShardKeyHasAByte) {
  EXPECT_EQ(Check(Write("")), Code::kInvalidArgument);
  EXPECT_EQ(Check(Get("")), Code::kInvalidArgument);
  EXPECT_EQ(Check(Scan("")), Code::kInvalidArgument);
}

TEST(RequestCheckTest, AKeyOfAnotherShard) {
  const auto wrong = [](auto& r) { r.set_shard((r.shard() + 1) % kShards); };
  EXPECT_EQ(Check(But(Write("a"), wrong)), Code::kInvalidArgument);
  EXPECT_EQ(Check(But(Get("a"), wrong)), Code::kInvalidArgument);
  EXPECT_EQ(Check(But(Scan("a"), wrong)), Code::kInvalidArgument);
}

TEST(RequestCheckTest, AShardThatIsNot) {
  proto::Request open;
  open.mutable_open_session();
  open.set_shard(kShards);
  EXPECT_EQ(Check(open), Code::kInvalidArgument);
}

TEST(RequestCheckTest, AWriteNeedsASessionAndASequence) {
  EXPECT_EQ(Check(But(Write("a"), [](auto& r) { r.mutable_write()->set_session(0); })),
            Code::kInvalidArgument);
  EXPECT_EQ(Check(But(Write("a"), [](auto& r) { r.mutable_write()->set_sequence(0); })),
            Code::kInvalidArgument);
}

TEST(RequestCheckTest, AWriteHasOneOperation) {
  EXPECT_EQ(Check(But(Write("a"), [](auto& r) { r.mutable_write()->clear_operations(); })),
            Code::kUnsupported);
  EXPECT_EQ(
      Check(But(Write("a"),
                [](auto& r) { *r.mutable_write()->add_operations() = r.write().operations(0); })),
      Code::kUnsupported);
}

TEST(RequestCheckTest, AGetNamesAKey) {
  EXPECT_EQ(Check(But(Get("a"), [](auto& r) { r.mutable_get()->clear_keys(); })),
            Code::kInvalidArgument);
}

// The run: 3 million keys of a byte each in one frame are looked up in one piece, on a loop.
TEST(RequestCheckTest, AGetNamesNotTooManyKeys) {
  proto::Request get = Get("a");
  while (get.get().keys_size() < static_cast<int>(limits::kGetKeysMax)) {
    *get.mutable_get()->add_keys() = get.get().keys(0);
  }
  EXPECT_EQ(Check(get), Code::kOk);
  *get.mutable_get()->add_keys() = get.get().keys(0);
  EXPECT_EQ(Check(get), Code::kTooLarge);
}

TEST(RequestCheckTest, AScanGoesOnInsideItsShardKey) {
  EXPECT_EQ(
      Check(But(Scan("a"),
                [](auto& r) { r.mutable_scan()->mutable_resume_after()->set_shard_key("a"); })),
      Code::kOk);
  std::string other = "b";
  while (ring::ShardOf(other, kShards) != ring::ShardOf("a", kShards)) other += "b";
  const auto resume = [&](auto& r) {
    r.mutable_scan()->mutable_resume_after()->set_shard_key(other);
  };
  EXPECT_EQ(Check(But(Scan("a"), resume)), Code::kInvalidArgument);
  // A scan of the whole shard may be anywhere in it.
  EXPECT_EQ(Check(But(But(Scan("a"), resume),
                      [](auto& r) {
                        r.mutable_scan()->set_whole_shard(true);
                        r.mutable_scan()->clear_shard_key();
                      })),
            Code::kOk);
}

TEST(RequestCheckTest, WhatIsNotForAShard) {
  proto::Request map;
  map.mutable_get_map();
  EXPECT_EQ(Check(map), Code::kUnsupported);
  EXPECT_EQ(Check(proto::Request()), Code::kUnsupported);
}

}  // namespace
}  // namespace ringfort::node

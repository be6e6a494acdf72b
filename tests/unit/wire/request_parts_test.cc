// A request of millions of parts is refused before it is parsed: parsing 16 MiB of keys of a byte
// took 0.8 s on a loop, which missed its heartbeats, and 340 MB.
#include "wire/request_parts.h"

#include <gtest/gtest.h>

#include <functional>
#include <string>

#include "base/random.h"
#include "ringfort/client.pb.h"
#include "ringfort/limits.h"

namespace ringfort::wire {
namespace {

proto::Request GetOf(std::size_t keys, const std::string& shard_key) {
  proto::Request request;
  request.set_shard(7);
  for (std::size_t i = 0; i < keys; ++i)
    request.mutable_get()->add_keys()->set_shard_key(shard_key);
  return request;
}

proto::Request WriteOf(std::size_t operations) {
  proto::Request request;
  request.mutable_write()->set_session(1);
  for (std::size_t i = 0; i < operations; ++i) request.mutable_write()->add_operations();
  return request;
}

TEST(RequestParts, WhatIsWithinTheLimitsPasses) {
  EXPECT_TRUE(HasFewParts(""));
  EXPECT_TRUE(HasFewParts(GetOf(limits::kGetKeysMax, "k").SerializeAsString()));
  EXPECT_TRUE(
      HasFewParts(GetOf(1000, std::string(limits::kShardKeyMax, '\x0a')).SerializeAsString()));
  EXPECT_TRUE(HasFewParts(WriteOf(limits::kBatchOperationsMax).SerializeAsString()));
  // The bytes of a value are not taken for parts, whatever they are.
  proto::Request put = WriteOf(1);
  put.mutable_write()->mutable_operations(0)->set_value(std::string(limits::kValueMax, '\0'));
  EXPECT_TRUE(HasFewParts(put.SerializeAsString()));
}

TEST(RequestParts, ManyMoreDoNot) {
  EXPECT_FALSE(HasFewParts(GetOf(3'000'000, "k").SerializeAsString()));
  EXPECT_FALSE(HasFewParts(GetOf(10'000, "").SerializeAsString()));
  EXPECT_FALSE(HasFewParts(WriteOf(10'000).SerializeAsString()));
  // A parser takes many bodies together to one.
  std::string bodies;
  while (bodies.size() < 100'000) bodies += GetOf(3, "k").SerializeAsString();
  EXPECT_FALSE(HasFewParts(bodies));
  std::string fields;
  while (fields.size() < 100'000) fields += std::string("\x10\x07", 2);  // shard = 7
  EXPECT_FALSE(HasFewParts(fields));
}

// Bytes cut or changed: what passes and can be parsed has no more than the limit and some.
TEST(RequestParts, NothingThatParsesIntoManyPartsPasses) {
  Random random(1);
  for (int i = 0; i < 300; ++i) {
    SCOPED_TRACE("case " + std::to_string(i) + " of seed 1");
    std::string bytes = (random.OneIn(2) ? GetOf(3000 + random.Below(3000), "k")
                                         : WriteOf(3000 + random.Below(3000)))
                            .SerializeAsString();
    for (std::uint64_t flips = random.Below(4); flips > 0; --flips) {
      bytes[random.Below(bytes.size())] = static_cast<char>(random.Below(256));
    }
    if (random.OneIn(3)) bytes.resize(random.Below(bytes.size()));
    proto::Request parsed;
    if (!HasFewParts(bytes) || !parsed.ParseFromString(bytes)) continue;
    EXPECT_LE(parsed.get().keys_size() + parsed.write().operations_size(), 4096 + 64);
  }
}

}  // namespace
}  // namespace ringfort::wire

// The bytes that leave are the bytes that were appended, in order, and never more than the bound
// wait.
#include "net/outbox.h"

#include <gtest/gtest.h>

#include "base/random.h"
#include "ringfort/client.pb.h"
#include "ringfort/limits.h"

namespace ringfort::net {
namespace {

using wire::FrameType;

TEST(OutboxTest, WhatGoesInComesOutInOrder) {
  const std::uint64_t seed = 11;
  Random random(seed);
  Outbox outbox(std::size_t{64} << 20);
  std::vector<std::string> chunks;
  std::string wrote;
  std::string expected;
  for (int step = 0; step < 2000; ++step) {
    std::string payload(random.OneIn(20) ? random.Below(100'000) : random.Below(300), 'a');
    if (random.OneIn(3)) {
      proto::Hello message;
      message.set_cluster_name(payload);
      ASSERT_TRUE(wire::AppendFrame(&expected, FrameType::kHello, 5, message));
      ASSERT_EQ(outbox.Append(FrameType::kHello, 5, message), Sent::kQueued);
    } else {
      wire::AppendFrame(&expected, FrameType::kPeer, 6, std::string_view(payload));
      ASSERT_EQ(outbox.Append(FrameType::kPeer, 6, std::move(payload)), Sent::kQueued);
    }
    if (random.OneIn(10)) {
      ASSERT_TRUE(outbox.Take(&chunks));
      for (const std::string& chunk : chunks) wrote += chunk;
      outbox.MarkWritten();
    }
  }
  outbox.Take(&chunks);
  for (const std::string& chunk : chunks) wrote += chunk;
  EXPECT_TRUE(wrote == expected) << "seed " << seed;
  EXPECT_EQ(outbox.appended_bytes(), expected.size());
  EXPECT_EQ(outbox.taken_bytes(), expected.size());
  EXPECT_FALSE(outbox.Take(&chunks));
  EXPECT_TRUE(chunks.empty());
}

TEST(OutboxTest, IsFullUntilWhatWaitsIsWrittenNotOnlyTaken) {
  Outbox outbox(100);
  std::vector<std::string> chunks;
  EXPECT_EQ(outbox.Append(FrameType::kPeer, 0, std::string(100, 'x')), Sent::kQueued);
  EXPECT_EQ(outbox.Append(FrameType::kPeer, 0, std::string()), Sent::kFull);
  EXPECT_EQ(outbox.Append(FrameType::kHello, 0, proto::Hello()), Sent::kFull);
  EXPECT_EQ(outbox.AppendEncoded("x"), Sent::kFull);
  ASSERT_TRUE(outbox.Take(&chunks));
  EXPECT_EQ(outbox.Append(FrameType::kPeer, 0, std::string()), Sent::kFull);
  outbox.MarkWritten();
  EXPECT_EQ(outbox.Append(FrameType::kPeer, 0, std::string()), Sent::kQueued);
}

TEST(OutboxTest, RefusesWhatNoFrameCanHold) {
  Outbox outbox(std::size_t{64} << 20);
  EXPECT_EQ(outbox.Append(FrameType::kPeer, 0, std::string(limits::kFrameMax, 'x')),
            Sent::kTooLarge);
  proto::Entry entry;
  entry.set_value(std::string(limits::kFrameMax, 'x'));
  EXPECT_EQ(outbox.Append(FrameType::kResponse, 0, entry), Sent::kTooLarge);
  EXPECT_EQ(outbox.appended_bytes(), 0U);
  std::vector<std::string> chunks;
  EXPECT_FALSE(outbox.Take(&chunks));
}

}  // namespace
}  // namespace ringfort::net

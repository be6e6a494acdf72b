// Frames: what is written is read back, and nothing else is taken for a frame.
#include "wire/frame.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/random.h"
#include "ringfort/client.pb.h"
#include "ringfort/limits.h"

namespace ringfort::wire {
namespace {

using State = DecodedFrame::State;

std::string Encoded(FrameType type, std::uint64_t id, std::string_view payload) {
  std::string bytes;
  AppendFrame(&bytes, type, id, payload);
  return bytes;
}

TEST(FrameTest, ComesBackAsItWas) {
  const std::string bytes = Encoded(FrameType::kRequest, 0x1122334455667788, "payload");
  const DecodedFrame decoded = DecodeFrame(bytes, limits::kFrameMax);
  ASSERT_EQ(decoded.state, State::kFrame);
  EXPECT_EQ(decoded.frame.type, FrameType::kRequest);
  EXPECT_EQ(decoded.frame.request_id, 0x1122334455667788U);
  EXPECT_EQ(decoded.frame.payload, "payload");
  EXPECT_EQ(decoded.size_bytes, bytes.size());
}

// The layout is a promise to other releases: these bytes never change.
TEST(FrameTest, LayoutIsFixed) {
  const std::string bytes = Encoded(FrameType::kPeer, 7, "ab");
  ASSERT_EQ(bytes.size(), kFrameHeaderBytes + 2);
  EXPECT_EQ(bytes.substr(0, 24),
            std::string("RGFT\x01\x06\0\0\x02\0\0\0\0\0\0\0\x07\0\0\0\0\0\0\0", 24));
  EXPECT_EQ(bytes.substr(32), "ab");
}

TEST(FrameTest, MessageAndItsBytesMakeTheSameFrame) {
  proto::Request request;
  request.set_shard(12);
  request.mutable_get()->add_keys()->set_shard_key("k");
  std::string from_message = "before";
  ASSERT_TRUE(AppendFrame(&from_message, FrameType::kRequest, 9, request));
  EXPECT_EQ(from_message, "before" + Encoded(FrameType::kRequest, 9, request.SerializeAsString()));
}

TEST(FrameTest, OversizedMessageIsRefusedAndLeavesNothing) {
  proto::Entry entry;
  entry.set_value(std::string(limits::kFrameMax, 'v'));
  std::string out = "before";
  EXPECT_FALSE(AppendFrame(&out, FrameType::kResponse, 1, entry));
  EXPECT_EQ(out, "before");
}

TEST(FrameTest, EveryPrefixNeedsMore) {
  const std::string bytes = Encoded(FrameType::kHello, 0, "some payload");
  for (std::size_t n = 0; n < bytes.size(); ++n) {
    const DecodedFrame decoded =
        DecodeFrame(std::string_view(bytes).substr(0, n), limits::kFrameMax);
    EXPECT_EQ(decoded.state, State::kNeedMore) << n;
    EXPECT_GT(decoded.size_bytes, n);
  }
}

// One flipped bit anywhere is found: at once where the header shows it, else by the checksum, or it
// waits for bytes that the sender never announced (a longer length), which a deadline ends.
TEST(FrameTest, NoFlippedBitPassesForAFrame) {
  const std::string good = Encoded(FrameType::kResponse, 42, "some payload");
  for (std::size_t bit = 0; bit < 8 * good.size(); ++bit) {
    std::string bad = good;
    bad[bit / 8] = static_cast<char>(bad[bit / 8] ^ (1 << (bit % 8)));
    EXPECT_NE(DecodeFrame(bad, limits::kFrameMax).state, State::kFrame) << "bit " << bit;
  }
}

TEST(FrameTest, SaysWhatIsWrong) {
  struct Case {
    std::string bytes;
    Code code;
    std::string says;
  };
  std::string version = Encoded(FrameType::kHello, 0, "");
  version[4] = 9;
  std::string type = Encoded(FrameType::kHello, 0, "");
  type[5] = 77;
  std::string flags = Encoded(FrameType::kHello, 0, "");
  flags[6] = 1;
  std::string reserved = Encoded(FrameType::kHello, 0, "");
  reserved[12] = 1;
  std::string checksum = Encoded(FrameType::kHello, 0, "x");
  checksum.back() = 'y';
  const std::vector<Case> cases = {
      {"GET / HTTP/1.1\r\n", Code::kInvalidArgument, "HTTP"},
      {std::string("\x16\x03\x01\x02\x00", 5), Code::kInvalidArgument, "TLS"},
      {"*1\r\n$4\r\nPING\r\n", Code::kInvalidArgument, "Redis"},
      {"SSH-2.0-x", Code::kInvalidArgument, "SSH"},
      {"x", Code::kInvalidArgument, "no Ringfort frame"},
      {"RGF!", Code::kInvalidArgument, "no Ringfort frame"},
      {version, Code::kUnsupported, "version 9"},
      {version.substr(0, 5), Code::kUnsupported, "version 9"},
      {type, Code::kUnsupported, "type 77"},
      {flags, Code::kUnsupported, "flags"},
      {reserved, Code::kUnsupported, "reserved"},
      {checksum, Code::kCorruption, "checksum"},
  };
  for (const Case& one : cases) {
    const DecodedFrame decoded = DecodeFrame(one.bytes, limits::kFrameMax);
    ASSERT_EQ(decoded.state, State::kRubbish) << one.says;
    EXPECT_EQ(decoded.error.code(), one.code) << decoded.error.ToString();
    EXPECT_NE(decoded.error.message().find(one.says), std::string::npos)
        << decoded.error.ToString();
  }
}

TEST(FrameTest, OversizedIsFoundFromTheLengthAlone) {
  const std::string bytes = Encoded(FrameType::kRequest, 1, std::string(100, 'x'));
  const DecodedFrame decoded = DecodeFrame(std::string_view(bytes).substr(0, 12), 131);
  ASSERT_EQ(decoded.state, State::kRubbish);
  EXPECT_EQ(decoded.error.code(), Code::kTooLarge);
  EXPECT_EQ(DecodeFrame(bytes, 132).state, State::kFrame);
}

TEST(FrameTest, RandomBytesNeverCrashAndNeverPass) {
  const std::uint64_t seed = 20240607;
  Random random(seed);
  for (int round = 0; round < 20'000; ++round) {
    std::string bytes(random.Below(80), '\0');
    for (char& c : bytes) c = static_cast<char>(random.Next());
    // Half of them begin well, so that the later checks are reached.
    if (random.OneIn(2)) bytes = std::string("RGFT\x01\x04\0\0", 8) + bytes;
    EXPECT_NE(DecodeFrame(bytes, limits::kFrameMax).state, State::kFrame) << "seed " << seed;
  }
}

}  // namespace
}  // namespace ringfort::wire

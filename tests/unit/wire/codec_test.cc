// Ids, statuses and maps: there and back, and what is refused on the way.
#include <gtest/gtest.h>

#include <string>

#include "wire/id_codec.h"
#include "wire/map_codec.h"
#include "wire/status_codec.h"

namespace ringfort::wire {
namespace {

TEST(IdCodecTest, SixteenBytesBigEndianOrNone) {
  const ClusterId id{0x0102030405060708, 0x090a0b0c0d0e0f10};
  EXPECT_EQ(EncodeId(id), "\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10");
  EXPECT_EQ(*DecodeId<ClusterId>(EncodeId(id), "x"), id);
  EXPECT_EQ(EncodeId(ClusterId()), "");
  EXPECT_TRUE(DecodeId<ClusterId>("", "x")->empty());
  const Status bad = DecodeId<ClusterId>("short", "a cluster id").status();
  EXPECT_EQ(bad.code(), Code::kInvalidArgument);
  EXPECT_NE(bad.message().find("a cluster id has 5 bytes"), std::string::npos);
}

TEST(StatusCodecTest, EveryCodeAndEffectComesBack) {
  for (int code = 1; code <= static_cast<int>(Code::kInternal); ++code) {
    for (int effect = 0; effect <= static_cast<int>(Effect::kUnknown); ++effect) {
      Status status(static_cast<Code>(code), "why", static_cast<Effect>(effect));
      status.set_retry_after(std::chrono::milliseconds(17));
      proto::Error error;
      EncodeStatus(status, &error);
      const Status back = DecodeStatus(error);
      EXPECT_EQ(back.code(), status.code());
      EXPECT_EQ(back.effect(), status.effect());
      EXPECT_EQ(back.message(), "why");
      EXPECT_EQ(back.retry_after(), std::chrono::milliseconds(17));
    }
  }
}

// An error of a later release must not read as success, nor as "it did not happen".
TEST(StatusCodecTest, UnknownNumbersAreInternalWithUnknownEffect) {
  for (std::uint32_t code : {0U, 17U, 255U, 256U, 4'000'000'000U}) {
    proto::Error error;
    error.set_code(code);
    EXPECT_EQ(DecodeStatus(error).code(), Code::kInternal) << code;
    EXPECT_EQ(DecodeStatus(error).effect(), Effect::kUnknown) << code;
  }
  proto::Error error;
  error.set_code(static_cast<std::uint32_t>(Code::kOverloaded));
  error.set_effect(3);
  EXPECT_EQ(DecodeStatus(error).effect(), Effect::kUnknown);
}

TEST(StatusCodecTest, AMessageIsOneLineWithoutControls) {
  proto::Error error;
  error.set_code(static_cast<std::uint32_t>(Code::kUnavailable));
  error.set_message("busy\nall is well\x1b[2J");
  EXPECT_EQ(DecodeStatus(error).message(), "busy\\x0aall is well\\x1b[2J");
  error.set_message(std::string(10'000'000, 'x'));
  EXPECT_LT(DecodeStatus(error).message().size(), 3000U);
}

ring::ClusterMap SomeMap() {
  ring::ClusterMap map;
  map.version = MapVersion(7);
  map.cluster_name = "local";
  map.cluster_id = {1, 2};
  map.nodes = {{NodeId(1), "127.0.0.1:7101", "a", 1}, {NodeId(2), "127.0.0.1:7102", "b", 3}};
  map.nodes[1].state = ring::NodeState::kDraining;
  map.nodes[1].incarnation = {3, 4};
  map.nodes[1].removing = true;
  map.nodes[0].lost = true;
  map.replicas = 2;
  map.placement = {{NodeId(1), NodeId(2)}, {NodeId(2), NodeId(1)}};
  map.meta = {NodeId(2)};
  map.moves[ShardId(1)] = {{NodeId(1)}, ring::MoveCause::kDrain};
  map.moves[map.meta_shard()] = {{NodeId(1)}, ring::MoveCause::kRepair};
  map.epochs[ShardId(0)] = 5;
  map.epochs[map.meta_shard()] = 9;
  return map;
}

TEST(MapCodecTest, ComesBackAsItWas) {
  proto::ClusterMap message;
  EncodeMap(SomeMap(), &message);
  const Result<ring::ClusterMap> back = DecodeMap(message);
  ASSERT_TRUE(back.ok()) << back.status().ToString();
  EXPECT_EQ(*back, SomeMap());
}

TEST(MapCodecTest, RefusesMapsThatCannotBe) {
  proto::ClusterMap good;
  EncodeMap(SomeMap(), &good);
  {
    proto::ClusterMap bad = good;
    bad.add_shards()->add_replicas(1);
    EXPECT_EQ(DecodeMap(bad).status().code(), Code::kCorruption) << "three shards";
  }
  {
    proto::ClusterMap bad = good;
    bad.mutable_shards(0)->add_replicas(9);
    EXPECT_EQ(DecodeMap(bad).status().code(), Code::kCorruption) << "unknown node";
  }
  {
    proto::ClusterMap bad = good;
    bad.clear_shards();
    EXPECT_EQ(DecodeMap(bad).status().code(), Code::kCorruption) << "no shards";
  }
  {
    proto::ClusterMap bad = good;
    bad.set_cluster_id("short");
    EXPECT_EQ(DecodeMap(bad).status().code(), Code::kInvalidArgument) << "cluster id";
  }
}

}  // namespace
}  // namespace ringfort::wire

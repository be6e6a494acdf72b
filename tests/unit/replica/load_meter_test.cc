// What a replica says of its load.
#include "replica/load_meter.h"

#include <gtest/gtest.h>

#include <cmath>

#include "tests/unit/replica/commands.h"
#include "tests/unit/replica/lone_replica.h"

namespace ringfort::replica {
namespace {

using namespace std::chrono_literals;  // NOLINT: tests only

constexpr MonotonicTime kStart{std::chrono::hours(1)};

proto::ReplicaLoad LoadAt(LoadMeter* meter, MonotonicTime now, std::size_t hot_key_bytes = 0) {
  proto::ReplicaLoad load;
  meter->Fill(&load, now, &hot_key_bytes);
  return load;
}

/// `per_second` reads in every second, of 1 ms on the loop each.
MonotonicTime ReadFor(LoadMeter* meter, MonotonicTime from, Duration time, int per_second) {
  const proto::Request read = GetRequest("s");
  for (MonotonicTime now = from; now < from + time; now += Duration(1s) / per_second) {
    meter->CountRead(read);
    meter->SpentOnLoop(1ms, now);
  }
  return from + time;
}

TEST(LoadMeter, CountsRequestsBytesAndTime) {
  LoadMeter meter(1);
  meter.CountRead(GetRequest("sort"));
  meter.CountWrite(WriteOf({1, 1}, {Put("abc", "value")}));
  proto::Response answer;
  answer.mutable_got()->add_entries()->set_value("seven..");
  meter.CountAnswer(answer);
  meter.SpentOnLoop(5us, kStart);
  meter.SpentInPool(7us, kStart);
  const proto::ReplicaLoad load = LoadAt(&meter, kStart);
  const std::size_t key = sizeof(kShardKey) - 1;
  EXPECT_EQ(load.reads(), 1U);
  EXPECT_EQ(load.writes(), 1U);
  EXPECT_EQ(load.bytes_in(), (key + 4) + (key + 3 + 5));
  EXPECT_EQ(load.bytes_out(), 7U);
  EXPECT_EQ(load.loop_ns(), 5000U);
  EXPECT_EQ(load.pool_ns(), 7000U);
}

TEST(LoadMeter, ShowsASteadyRateAfterAFewTimeConstants) {
  LoadMeter meter(1);
  MonotonicTime now = ReadFor(&meter, kStart, 10s, 200);
  EXPECT_NEAR(LoadAt(&meter, now).reads_per_second(), 200 * (1 - std::exp(-1)), 2);
  now = ReadFor(&meter, now, 50s, 200);
  const proto::ReplicaLoad load = LoadAt(&meter, now);
  EXPECT_NEAR(load.reads_per_second(), 200, 3);
  EXPECT_NEAR(load.loop_ns_per_second(), 0.2e9, 3e6);
  EXPECT_EQ(load.writes_per_second(), 0);
}

// The last reads are not yet folded into the mean when the silence begins; they age all the same.
TEST(LoadMeter, ForgetsInSilence) {
  LoadMeter meter(1);
  const MonotonicTime now = ReadFor(&meter, kStart, 60s, 1000) + 42ms;
  for (int i = 0; i < 10'000; ++i) meter.CountRead(GetRequest("s"));
  meter.SpentOnLoop(1ms, now);
  const double before = LoadAt(&meter, now).reads_per_second();
  EXPECT_NEAR(before, 2000, 40);
  EXPECT_NEAR(LoadAt(&meter, now + 10s).reads_per_second(), before * std::exp(-1), 1e-6);
  EXPECT_LT(LoadAt(&meter, now + 1h).reads_per_second(), 1e-9);
  EXPECT_EQ(LoadAt(&meter, now + 1h).reads(), 70'000U);
}

TEST(LoadMeter, AnswersAsOftenAsItIsAskedAlike) {
  LoadMeter meter(1);
  const MonotonicTime now = ReadFor(&meter, kStart, 3s, 100);
  const double once = LoadAt(&meter, now + 5s).reads_per_second();
  EXPECT_DOUBLE_EQ(LoadAt(&meter, now + 5s).reads_per_second(), once);
}

TEST(LoadMeter, TellsHotKeysAsFarAsThereIsRoomAndTheyAreOfLate) {
  LoadMeter meter(1);
  const MonotonicTime now = ReadFor(&meter, kStart, 10s, 1000);
  EXPECT_EQ(LoadAt(&meter, now).hot_keys_size(), 0);
  EXPECT_EQ(LoadAt(&meter, now, sizeof(kShardKey) - 2).hot_keys_size(), 0);
  std::size_t room = 100;
  proto::ReplicaLoad load;
  meter.Fill(&load, now, &room);
  ASSERT_EQ(load.hot_keys_size(), 1);
  EXPECT_EQ(load.hot_keys(0).shard_key(), kShardKey);
  EXPECT_DOUBLE_EQ(load.hot_keys(0).share(), 1);
  EXPECT_EQ(room, 100 - (sizeof(kShardKey) - 1));
  EXPECT_EQ(LoadAt(&meter, now + 10min, 100).hot_keys_size(), 0);
}

// One request in 32 is sampled: of keys that are asked for once each, some have a sample.
TEST(LoadMeter, TakesNoKeyOfASingleSampleForHot) {
  LoadMeter meter(1);
  proto::Request read;
  proto::Key* key = read.mutable_get()->add_keys();
  for (int i = 0; i < 400; ++i) {
    key->set_shard_key("key-" + std::to_string(i));
    meter.CountRead(read);
    meter.SpentOnLoop(1us, kStart + i * 1ms);
  }
  EXPECT_EQ(LoadAt(&meter, kStart + 400ms, 1000).hot_keys_size(), 0);
}

TEST(Replica, CountsWhatItServesAndNotWhatItRefuses) {
  LoneReplica world;
  const auto status = [&world] {
    proto::ReplicaStatus filled;
    std::size_t no_keys = 0;
    world.replica().FillStatus(&filled, world.Now(), &no_keys);
    return filled.load();
  };
  world.Ask(GetRequest("a"));
  world.Settle();
  EXPECT_EQ(status().reads(), 0U);  // It did not lead.
  world.Lead();
  const auto opened = world.Ask(OpenRequest());
  world.Settle();
  world.Acknowledge(2);
  world.Settle();
  world.Ask(WriteRequest(opened->response.session_opened().session(), 1, {Put("a", "12345")}));
  world.Settle();
  world.Acknowledge(2);
  world.Settle();
  const auto read = world.Ask(GetRequest("a", proto::Get::ANY_REPLICA));
  EXPECT_EQ(read->response.got().entries(0).value(), "12345");
  EXPECT_EQ(status().reads(), 1U);
  EXPECT_EQ(status().writes(), 1U);
  EXPECT_EQ(status().bytes_out(), 5U);
  EXPECT_GT(status().reads_per_second(), 0);
  world.Move(1h);
  EXPECT_LT(status().reads_per_second(), 1e-9);
}

}  // namespace
}  // namespace ringfort::replica

// Alarms: never early, at most a millisecond late, in agreement with a sorted list.
#include "client/timer_wheel.h"

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <optional>
#include <vector>

#include "base/random.h"
#include "tests/unit/client/virtual_loop.h"

namespace ringfort::client {
namespace {

using namespace std::chrono_literals;  // NOLINT: tests only

struct Sleeper {
  TimerWheel::Alarm alarm;
  std::optional<MonotonicTime> wanted;
  int rings = 0;
};

class TimerWheelTest : public testing::Test {
 protected:
  void Ring(TimerWheel::Alarm* alarm) {
    auto* sleeper = static_cast<Sleeper*>(alarm->owner);
    ++sleeper->rings;
    ASSERT_TRUE(sleeper->wanted.has_value()) << "it was cleared";
    EXPECT_GE(loop_.Now(), *sleeper->wanted);
    EXPECT_LE(loop_.Now() - *sleeper->wanted, 1ms);
    sleeper->wanted.reset();
  }
  void Set(Sleeper* sleeper, Duration in) {
    sleeper->alarm.owner = sleeper;
    sleeper->wanted = loop_.Now() + in;
    wheel_.Set(&sleeper->alarm, *sleeper->wanted);
  }

  VirtualLoop loop_;
  TimerWheel wheel_{loop_, [this](TimerWheel::Alarm* alarm) { Ring(alarm); }};
};

TEST_F(TimerWheelTest, GoesOffOnce) {
  Sleeper sleeper;
  Set(&sleeper, 5ms);
  loop_.RunFor(4ms);
  EXPECT_EQ(sleeper.rings, 0);
  loop_.RunFor(10s);
  EXPECT_EQ(sleeper.rings, 1);
}

TEST_F(TimerWheelTest, LongerThanARoundOfTheWheel) {
  Sleeper near;
  Sleeper far;
  Set(&near, 88ms);
  Set(&far, 600ms);  // The same slot, a round later.
  Sleeper hour;
  Set(&hour, 1h);
  loop_.RunFor(100ms);
  EXPECT_EQ(near.rings, 1);
  EXPECT_EQ(far.rings, 0);
  loop_.RunFor(1s);
  EXPECT_EQ(far.rings, 1);
  loop_.RunFor(1h);
  EXPECT_EQ(hour.rings, 1);
}

TEST_F(TimerWheelTest, ClearedOrDestroyedItIsSilent) {
  Sleeper cleared;
  Set(&cleared, 5ms);
  wheel_.Clear(&cleared.alarm);
  {
    Sleeper destroyed;
    Set(&destroyed, 5ms);
  }
  loop_.RunFor(1s);
  EXPECT_EQ(cleared.rings, 0);
}

TEST_F(TimerWheelTest, AnAlarmInThePastGoesOffSoon) {
  Sleeper sleeper;
  sleeper.alarm.owner = &sleeper;
  sleeper.wanted = loop_.Now();
  wheel_.Set(&sleeper.alarm, loop_.Now() - 1s);
  loop_.RunFor(1ms);
  EXPECT_EQ(sleeper.rings, 1);
}

TEST_F(TimerWheelTest, ManyAlarmsSetMovedAndClearedAtRandom) {
  for (std::uint64_t seed = 1; seed <= 3; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    std::vector<std::unique_ptr<Sleeper>> sleepers;
    for (int i = 0; i < 300; ++i) sleepers.push_back(std::make_unique<Sleeper>());
    for (int step = 0; step < 3000; ++step) {
      Sleeper* sleeper = sleepers[random.Below(sleepers.size())].get();
      if (random.OneIn(4)) {
        wheel_.Clear(&sleeper->alarm);
        sleeper->wanted.reset();
      } else {
        Set(sleeper, Duration(static_cast<std::int64_t>(random.Below(2'000'000'000))));
      }
      loop_.RunFor(Duration(static_cast<std::int64_t>(random.Below(3'000'000))));
      for (const auto& each : sleepers) {
        const Duration late = loop_.Now() - each->wanted.value_or(loop_.Now());
        ASSERT_LE(late, 1ms) << "it was forgotten";
      }
    }
  }
}

}  // namespace
}  // namespace ringfort::client

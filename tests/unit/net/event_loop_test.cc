// Tasks in order on one thread, timers when they are due, and nothing after the end.
#include "net/event_loop.h"

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <vector>

#include "net/blocking_pool.h"
#include "net/clocks.h"
#include "tests/unit/net/loopback.h"

namespace ringfort::net {
namespace {

TEST(EventLoopTest, RunsTasksOfOneThreadInOrder) {
  EventLoop loop;
  std::vector<int> ran;
  for (int i = 0; i < 1000; ++i) {
    loop.Post([&ran, i] { ran.push_back(i); });
  }
  RunOn(&loop, [&] { EXPECT_TRUE(loop.on_thread()); });
  EXPECT_FALSE(loop.on_thread());
  ASSERT_EQ(ran.size(), 1000U);
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(ran[static_cast<std::size_t>(i)], i);
}

TEST(EventLoopTest, TimersFireInOrderOfTimeAndNeverEarly) {
  EventLoop loop;
  Mailbox<int> fired;
  RunOn(&loop, [&] {
    const MonotonicTime now = loop.Now();
    const auto at = [&](int ms, int name) {
      const MonotonicTime when = now + std::chrono::milliseconds(ms);
      loop.RunAt(when, [&fired, &loop, when, name] {
        EXPECT_GE(loop.Now(), when);
        fired.Put(name);
      });
    };
    at(20, 3);
    at(5, 2);
    at(-5, 1);
    loop.RunAt(kNever, [&fired] { fired.Put(0); });
    loop.RunAt(kForever, [&fired] { fired.Put(99); });
  });
  for (int expected = 0; expected < 4; ++expected) EXPECT_EQ(fired.Next(), expected);
  EXPECT_TRUE(fired.empty());
}

TEST(EventLoopTest, ACancelledTimerIsNeverRun) {
  EventLoop loop;
  Mailbox<int> fired;
  env::TimerId victim = 0;
  RunOn(&loop, [&] {
    const MonotonicTime soon = loop.Now() + std::chrono::milliseconds(5);
    const env::TimerId cancelled = loop.RunAt(soon, [&] { fired.Put(1); });
    loop.RunAt(soon, [&] { loop.Cancel(victim); });
    // Due at the same time as the one that cancels it, and after it.
    victim = loop.RunAt(soon, [&] { fired.Put(2); });
    loop.RunAt(soon, [&] { fired.Put(3); });
    loop.Cancel(cancelled);
    loop.Cancel(0);
    loop.Cancel(12345);
  });
  EXPECT_EQ(fired.Next(), 3);
  EXPECT_TRUE(fired.empty());
}

TEST(EventLoopTest, AfterStopNothingRuns) {
  EventLoop loop;
  bool ran = false;
  std::promise<void> entered;
  std::promise<void> leave;
  loop.Post([&] {
    entered.set_value();
    leave.get_future().wait();
  });
  entered.get_future().wait();
  loop.Post([&] { ran = true; });
  std::thread stopper([&] { loop.Stop(); });
  // The running task is let end; what waits behind it may run before Stop takes effect, or never.
  leave.set_value();
  stopper.join();
  const bool ran_before = ran;
  loop.Post([&] { ran = !ran; });
  loop.Stop();
  EXPECT_EQ(ran, ran_before);
}

// A node that ended while its loops handed data of the store to each other found the store in use.
TEST(DrainAndStopTest, NothingIsHeldByTasksOrTimersAfterwards) {
  for (std::size_t count = 1; count <= 4; ++count) {
    std::vector<std::unique_ptr<EventLoop>> loops;
    for (std::size_t i = 0; i < count; ++i) loops.push_back(std::make_unique<EventLoop>());
    const auto held = std::make_shared<int>(1);
    // Through all loops, and back to the first; then once more.
    std::function<void(std::size_t, std::shared_ptr<int>)> hop = [&](std::size_t hops,
                                                                     std::shared_ptr<int> data) {
      if (hops == 2 * count) return;
      loops[hops % count]->Post([&hop, hops, data] { hop(hops + 1, data); });
    };
    hop(0, held);
    RunOn(loops[0].get(),
          [&] { loops[0]->RunAt(loops[0]->Now() + std::chrono::hours(1), [held] {}); });
    DrainAndStop(loops);
    EXPECT_EQ(held.use_count(), 1) << count << " loops";
  }
}

TEST(BlockingPoolTest, RunsOnSeveralThreadsAtOnce) {
  Mailbox<int> arrived;
  std::promise<void> leave;
  const std::shared_future<void> left = leave.get_future().share();
  BlockingPool pool(3);
  for (int i = 0; i < 3; ++i) {
    pool.Post([&arrived, left, i] {
      arrived.Put(i);
      left.wait();
    });
  }
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(arrived.Next().has_value());
  leave.set_value();
}

TEST(BlockingPoolTest, TheEndDropsWhatHasNotBegun) {
  Mailbox<int> arrived;
  std::promise<void> leave;
  const std::shared_future<void> left = leave.get_future().share();
  auto dropped = std::make_shared<int>(0);
  const std::weak_ptr<int> watch = dropped;
  {
    BlockingPool pool(1);
    pool.Post([&arrived, left] {
      arrived.Put(1);
      left.wait();
    });
    EXPECT_EQ(arrived.Next(), 1);
    pool.Post([dropped = std::move(dropped)] {});
    leave.set_value();
  }
  EXPECT_TRUE(watch.expired());
}

TEST(ClocksTest, MonotonicTimeDoesNotGoBack) {
  MonotonicTime last = MonotonicNow();
  for (int i = 0; i < 1000; ++i) {
    const MonotonicTime now = MonotonicNow();
    ASSERT_GE(now, last);
    last = now;
  }
  EXPECT_GT(SystemWallClock().Now().time_since_epoch().count(), 0);
}

}  // namespace
}  // namespace ringfort::net

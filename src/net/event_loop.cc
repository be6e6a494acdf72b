// Tasks go straight to the io_context; all timers share one of its timers.
#include "net/event_loop.h"

#include <algorithm>
#include <future>
#include <utility>

#include "base/check.h"
#include "net/clocks.h"

namespace ringfort::net {
namespace {

/// The longest single wait, so that no sum of times can overflow.
constexpr Duration kWaitMax = std::chrono::hours(1);

}  // namespace

EventLoop::EventLoop() : context_(1), work_(asio::make_work_guard(context_)), wake_(context_) {
  thread_ = std::thread([this] { context_.run(); });
}

EventLoop::~EventLoop() {
  Stop();
}

void EventLoop::Stop() {
  if (!thread_.joinable()) return;
  RF_CHECK(!on_thread()) << "a loop cannot join its own thread";
  context_.stop();
  thread_.join();
}

void EventLoop::Post(env::Task task) {
  asio::post(context_, std::move(task));
}

MonotonicTime EventLoop::Now() const {
  return MonotonicNow();
}

env::TimerId EventLoop::RunAt(MonotonicTime when, env::Task task) {
  const env::TimerId id = ++last_timer_;
  timers_.emplace(id, due_.emplace(when, std::make_pair(id, std::move(task))));
  if (when < wake_at_) Arm();
  return id;
}

void EventLoop::Cancel(env::TimerId timer) {
  const auto found = timers_.find(timer);
  if (found == timers_.end()) return;
  due_.erase(found->second);
  timers_.erase(found);
}

void EventLoop::DropTimers() {
  timers_.clear();
  const DueTimers dropped = std::exchange(due_, {});
  Arm();
}

void EventLoop::Arm() {
  if (due_.empty()) {
    wake_at_ = kForever;
    return;
  }
  wake_at_ = due_.begin()->first;
  const MonotonicTime now = Now();
  const Duration wait = wake_at_ <= now ? Duration(0) : std::min(wake_at_ - now, kWaitMax);
  wake_.expires_after(wait);
  wake_.async_wait([this](ErrorCode error) {
    if (!error) RunDueTimers();
  });
}

void EventLoop::RunDueTimers() {
  const MonotonicTime now = Now();
  // Only what is due by one reading: a task that sets a timer for "now" does not starve the loop.
  while (!due_.empty() && due_.begin()->first <= now) {
    const auto [id, task] = std::move(due_.begin()->second);
    due_.erase(due_.begin());
    timers_.erase(id);
    task();
  }
  Arm();
}

void DrainAndStop(std::span<const std::unique_ptr<EventLoop>> loops) {
  // What begins on one loop and goes through all of them has so many hops to make.
  const std::size_t rounds = 2 * loops.size() + 4;
  for (std::size_t round = 0; round < rounds; ++round) {
    for (const auto& loop : loops) {
      std::promise<void> drained;
      loop->Post([&] {
        loop->DropTimers();
        drained.set_value();
      });
      drained.get_future().wait();
    }
  }
  for (const auto& loop : loops) loop->Stop();
}

}  // namespace ringfort::net

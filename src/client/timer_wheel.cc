#include "client/timer_wheel.h"

#include <algorithm>
#include <chrono>
#include <utility>

namespace ringfort::client {
namespace {

std::int64_t TickAtOrBefore(MonotonicTime time) {
  return std::chrono::floor<std::chrono::milliseconds>(time.time_since_epoch()).count();
}

std::int64_t TickAtOrAfter(MonotonicTime time) {
  return std::chrono::ceil<std::chrono::milliseconds>(time.time_since_epoch()).count();
}

}  // namespace

TimerWheel::TimerWheel(env::Loop& loop, std::function<void(Alarm*)> due)
    : loop_(loop), due_(std::move(due)), done_tick_(TickAtOrBefore(loop.Now())) {}

TimerWheel::~TimerWheel() {
  if (timer_ != 0) loop_.Cancel(timer_);
}

void TimerWheel::Set(Alarm* alarm, MonotonicTime when) {
  alarm->hook.Leave();
  alarm->tick = std::max(TickAtOrAfter(when), done_tick_ + 1);
  SlotOf(alarm->tick).PushBack(alarm);
  if (timer_ == 0 || alarm->tick < wake_tick_) WakeAt(alarm->tick);
}

void TimerWheel::WakeAt(std::int64_t tick) {
  if (timer_ != 0) loop_.Cancel(timer_);
  wake_tick_ = tick;
  timer_ = loop_.RunAt(MonotonicTime(std::chrono::milliseconds(tick)), [this] { OnTimer(); });
}

void TimerWheel::OnTimer() {
  timer_ = 0;
  const std::int64_t now_tick = TickAtOrBefore(loop_.Now());
  // Every slot that was passed, each once; then the alarms of a later round go back to their slots.
  Alarms passed;
  for (std::int64_t tick = std::max(done_tick_ + 1, now_tick - kSlots + 1); tick <= now_tick;
       ++tick) {
    passed.Splice(&SlotOf(tick));
  }
  done_tick_ = std::max(done_tick_, now_tick);
  while (!passed.empty()) {
    Alarm* alarm = passed.front();
    alarm->hook.Leave();
    if (alarm->tick > now_tick) {
      SlotOf(alarm->tick).PushBack(alarm);
    } else {
      due_(alarm);
    }
  }
  WakeAtNextSlot();
}

void TimerWheel::WakeAtNextSlot() {
  for (std::int64_t tick = done_tick_ + 1; tick <= done_tick_ + kSlots; ++tick) {
    if (SlotOf(tick).empty()) continue;
    if (timer_ == 0 || tick < wake_tick_) WakeAt(tick);
    return;
  }
}

}  // namespace ringfort::client

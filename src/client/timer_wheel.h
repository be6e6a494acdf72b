// Deadlines of very many calls by one timer of the loop: setting and clearing one costs a few
// instructions, because almost all are cleared before they come due. After Varghese and Lauck,
// "Hashed and hierarchical timing wheels" (SOSP 1987), scheme 6.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>

#include "base/time.h"
#include "client/intrusive_list.h"
#include "env/loop.h"

namespace ringfort::client {

/// Lives on one loop. An alarm goes off at its time rounded up to a millisecond: never early.
class TimerWheel {
 public:
  /// Embedded in what waits.
  struct Alarm {
    Hook hook;
    /// Whatever whoever set it wants to find again.
    void* owner = nullptr;
    /// Milliseconds of the loop's clock.
    std::int64_t tick = 0;
  };

  /// `due` is called on the loop for each alarm that goes off; it may set and clear any alarm.
  TimerWheel(env::Loop& loop, std::function<void(Alarm*)> due);
  ~TimerWheel();
  TimerWheel(const TimerWheel&) = delete;
  TimerWheel& operator=(const TimerWheel&) = delete;

  /// Sets the alarm, or moves it.
  void Set(Alarm* alarm, MonotonicTime when);
  /// Does nothing when it is not set.
  void Clear(Alarm* alarm) { alarm->hook.Leave(); }

 private:
  using Alarms = IntrusiveList<Alarm, &Alarm::hook>;
  static constexpr std::int64_t kSlots = 512;

  Alarms& SlotOf(std::int64_t tick) { return slots_[static_cast<std::size_t>(tick % kSlots)]; }
  void OnTimer();
  void WakeAt(std::int64_t tick);
  void WakeAtNextSlot();

  env::Loop& loop_;
  const std::function<void(Alarm*)> due_;
  std::array<Alarms, kSlots> slots_;
  /// Everything up to this tick has gone off.
  std::int64_t done_tick_;
  /// The loop's timer, and the tick it is for; 0 when none.
  env::TimerId timer_ = 0;
  std::int64_t wake_tick_ = 0;
};

}  // namespace ringfort::client

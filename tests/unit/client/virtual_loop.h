// A loop whose clock moves only when the test moves it: equal runs every time, and no waiting.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <utility>

#include "env/loop.h"

namespace ringfort::client {

class VirtualLoop final : public env::Loop {
 public:
  void Post(env::Task task) override { tasks_.push_back(std::move(task)); }
  [[nodiscard]] MonotonicTime Now() const override { return now_; }
  env::TimerId RunAt(MonotonicTime when, env::Task task) override {
    timers_.emplace(std::pair(when, ++last_timer_), std::move(task));
    times_[last_timer_] = when;
    return last_timer_;
  }
  void Cancel(env::TimerId timer) override {
    const auto found = times_.find(timer);
    if (found == times_.end()) return;
    timers_.erase({found->second, timer});
    times_.erase(found);
  }

  /// Runs what is due until the clock has moved by so much.
  void RunFor(Duration duration) {
    const MonotonicTime end = now_ + duration;
    RunTasks();
    while (!timers_.empty() && timers_.begin()->first.first <= end) RunNextTimer();
    now_ = end;
  }
  /// Runs until the condition holds; false when that took longer than `most`.
  bool RunUntil(const std::function<bool()>& condition, Duration most = std::chrono::minutes(10)) {
    const MonotonicTime end = now_ + most;
    RunTasks();
    while (!condition()) {
      if (timers_.empty() || timers_.begin()->first.first > end) return false;
      RunNextTimer();
    }
    return true;
  }

 private:
  void RunTasks() {
    while (!tasks_.empty()) {
      env::Task task = std::move(tasks_.front());
      tasks_.pop_front();
      task();
    }
  }
  void RunNextTimer() {
    auto next = timers_.extract(timers_.begin());
    now_ = std::max(now_, next.key().first);
    times_.erase(next.key().second);
    next.mapped()();
    RunTasks();
  }

  MonotonicTime now_{std::chrono::hours(1)};
  std::deque<env::Task> tasks_;
  std::map<std::pair<MonotonicTime, env::TimerId>, env::Task> timers_;
  std::map<env::TimerId, MonotonicTime> times_;
  env::TimerId last_timer_ = 0;
};

}  // namespace ringfort::client

#include "tests/sim/cluster/loops.h"

#include <algorithm>
#include <utility>

namespace ringfort::sim {

using namespace std::chrono_literals;  // NOLINT: durations

namespace {

constexpr std::int64_t kMillion = 1'000'000;
// Where the wall's clocks begin: years after 1970, so that they can be set back.
constexpr Duration kWallBegins = std::chrono::days(20'000);

}  // namespace

Duration Between(Random& random, Duration least, Duration most) {
  const auto span = static_cast<std::uint64_t>((most - least).count()) + 1;
  return least + Duration(static_cast<std::int64_t>(random.Below(span)));
}

MonotonicTime DriftingClock::Now() const {
  const std::int64_t now = events_->now().time_since_epoch().count();
  return MonotonicTime(Duration(now + now / kMillion * drift_ppm_) + offset_);
}

MonotonicTime DriftingClock::TrueTime(MonotonicTime local) const {
  const std::int64_t left = (local - Now()).count();
  if (left <= 0) return events_->now();
  // A slow clock needs more true time; rounded up to the millionths in which Now() counts.
  const std::int64_t true_left = left / (kMillion + drift_ppm_) * kMillion + 2 * kMillion;
  return events_->now() + Duration(true_left);
}

std::chrono::system_clock::time_point SimWallClock::Now() const {
  return std::chrono::system_clock::time_point(
      std::chrono::duration_cast<std::chrono::system_clock::duration>(
          events_->now().time_since_epoch() + kWallBegins + ahead_));
}

void SimLoop::Post(env::Task task) {
  Duration wait = Between(random_, 1us, 30us);
  if (random_.OneIn(300)) wait = Between(random_, 0us, 5ms);  // The thread was not scheduled.
  last_post_ = std::max(last_post_, events_->now() + wait);
  events_->At(last_post_, process_, "post",
              [this, task = std::move(task)]() mutable { Run(std::move(task)); });
}

void SimLoop::Run(env::Task task) {
  if (busy_until_ < events_->now()) {
    task();
    return;
  }
  busy_until_ += Between(random_, 1us, 20us);
  events_->At(busy_until_, process_, "post", std::move(task));
}

env::TimerId SimLoop::RunAt(MonotonicTime when, env::Task task) {
  const env::TimerId timer = ++last_timer_;
  pending_.insert(timer);
  const MonotonicTime at = clock_->TrueTime(when) + Between(random_, 0us, 200us);
  events_->At(at, process_, "timer", [this, timer, task = std::move(task)]() mutable {
    Run([this, timer, task = std::move(task)] {
      if (pending_.erase(timer) != 0) task();
    });
  });
  return timer;
}

void SimPool::Post(env::Task task) {
  Duration wait = Between(random_, 20us, 1ms);
  if (random_.OneIn(50)) wait = Between(random_, 1ms, 100ms);
  events_->After(wait, process_, "pool", std::move(task));
}

}  // namespace ringfort::sim

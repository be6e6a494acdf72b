// The queue is a map: an event can be taken out again when its process dies.
#include "tests/sim/cluster/events.h"

#include <algorithm>
#include <vector>

#include "base/hash.h"

namespace ringfort::sim {

void Trace::Note(MonotonicTime at, std::uint32_t who, std::string_view what,
                 std::string_view bytes) {
  const std::uint64_t place =
      static_cast<std::uint64_t>(at.time_since_epoch().count()) ^ (std::uint64_t{who} << 48);
  hash_ = Hash64(bytes, Hash64(what, hash_ ^ place));
}

void Trace::Say(MonotonicTime at, std::uint32_t who,
                const std::function<std::string()>& line) const {
  if (!prints_) return;
  const double seconds =
      static_cast<double>((at.time_since_epoch() - std::chrono::hours(1)).count()) / 1e9;
  std::printf("%12.6f  %4u  %s\n", seconds, who, line().c_str());
}

void Events::At(MonotonicTime when, const Process* owner, const char* what, env::Task task) {
  queue_.emplace(std::pair(std::max(when, now_), ++last_), Event{owner, what, std::move(task)});
}

void Events::RunNext() {
  auto next = queue_.extract(queue_.begin());
  now_ = next.key().first;
  Event event = std::move(next.mapped());
  if (event.owner != nullptr) {
    if (!event.owner->alive) return;
    if (event.owner->frozen_until > now_) {
      // Put off, in the order in which it would have run.
      At(event.owner->frozen_until, event.owner, event.what, std::move(event.task));
      return;
    }
  }
  ++steps_;
  trace.Note(now_, event.owner == nullptr ? 0 : event.owner->who, event.what);
  event.task();
}

void Events::RunUntil(MonotonicTime end) {
  while (!stopped_ && !queue_.empty() && queue_.begin()->first.first <= end) RunNext();
  if (!stopped_) now_ = end;
}

bool Events::RunUntil(MonotonicTime end, const std::function<bool()>& condition) {
  while (!condition()) {
    if (stopped_ || queue_.empty() || queue_.begin()->first.first > end) return false;
    RunNext();
  }
  return true;
}

void Events::Forget(const Process* owner) {
  // What a task holds may look at this queue when it goes, so the tasks go last.
  std::vector<Event> forgotten;
  for (auto at = queue_.begin(); at != queue_.end();) {
    if (at->second.owner != owner) {
      ++at;
      continue;
    }
    forgotten.push_back(std::move(at->second));
    at = queue_.erase(at);
  }
}

void Events::Clear() {
  auto forgotten = std::move(queue_);
  queue_.clear();
}

}  // namespace ringfort::sim

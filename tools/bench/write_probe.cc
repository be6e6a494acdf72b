#include "tools/bench/write_probe.h"

#include <algorithm>

namespace ringfort::bench {

std::vector<std::string> KeyOfEachShard(const Client& client, std::size_t shards) {
  std::vector<std::string> keys(shards);
  std::size_t missing = shards;
  for (std::uint64_t number = 0; missing > 0; ++number) {
    std::string key = "probe/" + std::to_string(number);
    std::string& place = keys[client.ShardOf(key)];
    if (!place.empty()) continue;
    place = std::move(key);
    --missing;
  }
  return keys;
}

WriteProbe::WriteProbe(Client& client, std::vector<std::string> keys,
                       std::chrono::milliseconds interval)
    : client_(client), keys_(std::move(keys)), interval_(interval), start_(Clock::now()) {
  for (std::size_t shard = 0; shard < keys_.size(); ++shard) {
    shards_.push_back({.gaps = GapTracker(start_), .newest_begin = {}});
    due_.push({start_, shard});
  }
  driver_ = std::thread([this] { Drive(); });
}

WriteProbe::~WriteProbe() {
  if (driver_.joinable()) Stop();
}

void WriteProbe::Drive() {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    if (due_.empty()) {
      changed_.wait(lock);
      continue;
    }
    const auto [when, shard] = due_.top();
    if (Clock::now() < when) {
      changed_.wait_until(lock, when);
      continue;
    }
    due_.pop();
    ++in_flight_;
    lock.unlock();
    const Clock::time_point begin = Clock::now();
    client_.AsyncPut(keys_[shard], std::to_string(begin.time_since_epoch().count()), {},
                     [this, shard, begin](const Result<Version>& version) {
                       OnAnswer(shard, begin, version.status());
                     });
    lock.lock();
  }
  changed_.wait(lock, [this] { return in_flight_ == 0; });
}

void WriteProbe::OnAnswer(std::size_t index, Clock::time_point begin, const Status& status) {
  const Clock::time_point now = Clock::now();
  const std::lock_guard lock(mutex_);
  Shard& shard = shards_[index];
  if (status.ok()) {
    ++shard.writes;
    shard.newest_begin = begin;
    shard.gaps.OnSuccess(now);
  } else {
    ++shard.failed;
    Count(&errors_, status);
  }
  // A failed write ended at once: the next one takes its pause from now.
  due_.push({status.ok() ? std::max(now, begin + interval_) : now + interval_, index});
  --in_flight_;
  changed_.notify_all();
}

void WriteProbe::BeginWindow() {
  const std::lock_guard lock(mutex_);
  for (Shard& shard : shards_) shard.gaps.BeginWindow();
}

Result<WriteProbe::Clock::duration> WriteProbe::Recovered(Clock::time_point since,
                                                          std::chrono::milliseconds limit) {
  const auto waits = [since](const Shard& shard) { return shard.newest_begin < since; };
  std::unique_lock lock(mutex_);
  const bool all = changed_.wait_for(
      lock, limit, [&] { return std::none_of(shards_.begin(), shards_.end(), waits); });
  if (!all) {
    const auto shard = std::find_if(shards_.begin(), shards_.end(), waits) - shards_.begin();
    return Status(Code::kDeadlineExceeded,
                  "shard " + std::to_string(shard) + " takes no writes since " +
                      std::to_string(limit.count()) + " ms (look at ringfortctl status)");
  }
  Clock::duration longest{0};
  const Clock::time_point now = Clock::now();
  for (const Shard& shard : shards_) {
    longest = std::max(longest, shard.gaps.longest_in_window(now).length);
  }
  return longest;
}

std::vector<ShardProbe> WriteProbe::Stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    changed_.notify_all();
  }
  driver_.join();
  const Clock::time_point now = Clock::now();
  std::vector<ShardProbe> probes;
  for (const Shard& shard : shards_) {
    probes.push_back({shard.writes, shard.failed, shard.gaps.longest(now)});
  }
  return probes;
}

}  // namespace ringfort::bench

// The outside of a node's parts, driven by hand: a loop whose clock the test moves, links that only
// note what is sent, and a disk that stalls when told to. One thread.
#pragma once

#include <algorithm>
#include <deque>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "env/loop.h"
#include "env/transport.h"
#include "ringfort/peer.pb.h"
#include "storage/log_store.h"

namespace ringfort::node {

class StoppedWallClock final : public env::WallClock {
 public:
  [[nodiscard]] std::chrono::system_clock::time_point Now() const override {
    return std::chrono::system_clock::time_point(std::chrono::hours(24 * 365 * 50));
  }
};

class HandLoop final : public env::Loop {
 public:
  void Post(env::Task task) override { tasks_.push_back(std::move(task)); }
  [[nodiscard]] MonotonicTime Now() const override { return now_; }
  env::TimerId RunAt(MonotonicTime when, env::Task task) override {
    timers_.emplace(std::pair(when, ++last_), std::move(task));
    return last_;
  }
  void Cancel(env::TimerId timer) override {
    std::erase_if(timers_, [&](const auto& entry) { return entry.first.second == timer; });
  }

  /// False: there is none.
  bool RunTask() {
    if (tasks_.empty()) return false;
    env::Task task = std::move(tasks_.front());
    tasks_.pop_front();
    task();
    return true;
  }
  void RunTasks() {
    while (RunTask()) {
    }
  }
  /// Runs what is due until the clock has moved by so much.
  void Pass(Duration time) {
    const MonotonicTime end = now_ + time;
    RunTasks();
    while (!timers_.empty() && timers_.begin()->first.first <= end) {
      auto next = timers_.extract(timers_.begin());
      now_ = std::max(now_, next.key().first);
      next.mapped()();
      RunTasks();
    }
    now_ = end;
  }
  /// The clock moves and nothing runs: the loop hangs.
  void Hang(Duration time) { now_ += time; }

 private:
  MonotonicTime now_{std::chrono::hours(1)};
  std::deque<env::Task> tasks_;
  std::map<std::pair<MonotonicTime, env::TimerId>, env::Task> timers_;
  env::TimerId last_ = 0;
};

/// A pool of many threads: a task that waits may be overtaken.
class HandPool final : public env::Executor {
 public:
  void Post(env::Task task) override { tasks_.push_back(std::move(task)); }
  /// The task that came last; empty when there is none.
  env::Task TakeNewest() {
    if (tasks_.empty()) return {};
    env::Task task = std::move(tasks_.back());
    tasks_.pop_back();
    return task;
  }
  bool RunNewest() {
    const env::Task task = TakeNewest();
    if (task) task();
    return task != nullptr;
  }

 private:
  std::vector<env::Task> tasks_;
};

class NotingTransport final : public env::Transport {
 public:
  struct Sent {
    NodeId to;
    proto::PeerMessage message;
  };
  void SetPeers(std::vector<env::PeerAddress> wanted) override { peers = std::move(wanted); }
  bool Send(NodeId to, env::Lane /*lane*/, std::string message) override {
    proto::PeerMessage parsed;
    if (!parsed.ParseFromString(message)) return false;
    sent.push_back({to, std::move(parsed)});
    return true;
  }
  bool SendOn(NodeId to, env::Lane lane, env::DialNumber dial, std::string message) override {
    const auto carries = links.find(to);
    const bool carried = carries != links.end() ? carries->second == dial : true;
    return carried && Send(to, lane, std::move(message));
  }
  void Redial(NodeId to, env::Lane lane) override { redialed.emplace_back(to, lane); }
  /// The messages of one kind since the last call; the others are forgotten.
  std::vector<Sent> Take(proto::PeerMessage::BodyCase kind) {
    std::vector<Sent> taken = std::exchange(sent, {});
    std::erase_if(taken, [kind](const Sent& one) { return one.message.body_case() != kind; });
    return taken;
  }

  std::vector<Sent> sent;
  /// As they were set last.
  std::vector<env::PeerAddress> peers;
  /// The connections that carry the bulk lanes; of nodes that are not here, any.
  std::map<NodeId, env::DialNumber> links;
  std::vector<std::pair<NodeId, env::Lane>> redialed;
};

/// A log without a disk: what it is asked is noted, how it does is set.
class ScriptedLog final : public storage::LogStore {
 public:
  storage::Recovery TakeRecovery() override { return {}; }
  void Append(std::vector<storage::LogUpdate> /*updates*/, storage::AppendDone done) override {
    done(Status::Ok());
  }
  Status Sync() override { return Status::Ok(); }
  Result<std::vector<raft::Entry>> Read(ShardId /*shard*/, LogIndex /*first*/, LogIndex /*last*/,
                                        std::size_t /*bytes_max*/) override {
    return Status(Code::kNotFound, "nothing is stored here");
  }
  void Cut(ShardId /*shard*/, LogIndex /*index*/, Term /*term*/,
           const raft::Members& /*members*/) override {}
  Result<std::size_t> Rewrite(ShardId shard) override {
    rewritten.push_back(shard);
    return rewritten_bytes;
  }
  void SetFeatureLevel(FeatureLevel level) override { level_now = std::max(level_now, level); }
  [[nodiscard]] Usage usage() const override { return usage_now; }
  [[nodiscard]] Duration stalled_for() const override {
    if (when_asked) when_asked();
    return stalled_now;
  }

  Usage usage_now;
  FeatureLevel level_now;
  std::vector<ShardId> rewritten;
  /// What each Rewrite says to take.
  std::size_t rewritten_bytes = 10;
  Duration stalled_now{};
  /// Called when somebody asks whether the disk stalls.
  std::function<void()> when_asked;
};

inline env::PeerIdentity Peer(std::uint32_t node, std::uint64_t boot = 1,
                              std::uint64_t directory = 0) {
  return {NodeId(node), Incarnation{node, directory == 0 ? 7 : directory}, BootNumber(boot)};
}

}  // namespace ringfort::node

// An event loop: one thread, one queue of tasks, timers, and the sockets that belong to it.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <span>
#include <thread>
#include <unordered_map>

#include "env/loop.h"
#include "net/asio.h"

namespace ringfort::net {

/// env::Loop on an asio::io_context with a thread of its own, which runs from construction to
/// Stop().
///
/// Timers count what CLOCK_BOOTTIME shows and wake by CLOCK_MONOTONIC: over a suspend of the
/// machine they fire late by up to what was left to wait, never early.
///
/// Services that own sockets on the loop (Listener, PeerLinks, ConnectionGroup) are ended first.
class EventLoop final : public env::Loop {
 public:
  EventLoop();
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;
  ~EventLoop() override;

  /// After Stop() the task is kept and never run.
  void Post(env::Task task) override;
  [[nodiscard]] MonotonicTime Now() const override;
  env::TimerId RunAt(MonotonicTime when, env::Task task) override;
  void Cancel(env::TimerId timer) override;

  /// Lets the running task end, runs no other, and joins the thread. Again: nothing. Not on the
  /// loop.
  void Stop();

  /// Forgets all timers, and what their tasks hold. On the loop.
  void DropTimers();

  [[nodiscard]] bool on_thread() const { return std::this_thread::get_id() == thread_.get_id(); }
  [[nodiscard]] asio::io_context& context() { return context_; }

 private:
  using DueTimers = std::multimap<MonotonicTime, std::pair<env::TimerId, env::Task>>;

  /// Makes the one timer of the io_context fire when the earliest of `due_` is due.
  void Arm();
  void RunDueTimers();

  asio::io_context context_;
  asio::executor_work_guard<asio::io_context::executor_type> work_;
  // The rest belongs to the loop's thread.
  asio::steady_timer wake_;
  /// When wake_ will fire; kForever when it is not set.
  MonotonicTime wake_at_ = kForever;
  env::TimerId last_timer_ = 0;
  DueTimers due_;
  std::unordered_map<env::TimerId, DueTimers::iterator> timers_;
  std::thread thread_;
};

/// For loops whose services have ended: runs what they still hand to each other, then stops them.
/// Tasks that are left, and timers, would keep what they hold until the loops go. Not on a loop.
void DrainAndStop(std::span<const std::unique_ptr<EventLoop>> loops);

}  // namespace ringfort::net

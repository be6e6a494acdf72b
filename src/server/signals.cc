#include "server/signals.h"

#include <pthread.h>

#include <condition_variable>
#include <mutex>
#include <thread>
#include <utility>

namespace ringfort::server {
namespace {

sigset_t OurSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP, SIGUSR1}) sigaddset(&signals, signal);
  return signals;
}

std::string NameOf(int signal) {
  switch (signal) {
    case SIGTERM: return "SIGTERM";
    case SIGINT: return "SIGINT";
    case SIGHUP: return "SIGHUP";
    default: return "SIGUSR1";
  }
}

}  // namespace

struct Signals::State {
  explicit State(Doors to) : doors(std::move(to)) {}

  void Run() {
    const sigset_t signals = OurSignals();
    while (true) {
      int signal = 0;
      if (sigwait(&signals, &signal) == 0) On(signal);
    }
  }

  void On(int signal) {
    const std::string name = NameOf(signal);
    if (signal == SIGHUP || signal == SIGUSR1) {
      return doors.say(name + " is passed over: it means nothing to this node");
    }
    std::unique_lock lock(mutex);
    if (!running) {
      const int exit_code = exit_code_before_running;
      lock.unlock();
      doors.say("ending on " + name + ", before it was done");
      return doors.end(exit_code);
    }
    if (std::exchange(signalled, true)) {
      lock.unlock();
      doors.say("ending at once on a second " + name + ": nobody is waited for any more");
      return doors.end(1);
    }
    if (asked.empty()) asked = name;
    changed.notify_all();
  }

  const Doors doors;
  std::mutex mutex;
  std::condition_variable changed;
  bool running = false;
  int exit_code_before_running = 0;
  /// By a signal, whatever asked it before.
  bool signalled = false;
  /// Why the node stops; empty until it does.
  std::string asked;
};

Signals::Signals(Doors doors) : state_(std::make_shared<State>(std::move(doors))) {
  std::thread([state = state_] { state->Run(); }).detach();
}

void Signals::Block() {
  const sigset_t signals = OurSignals();
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
}

void Signals::SetExitCodeBeforeRunning(int exit_code) {
  const std::lock_guard lock(state_->mutex);
  state_->exit_code_before_running = exit_code;
}

std::string Signals::WaitUntilAsked() {
  std::unique_lock lock(state_->mutex);
  state_->running = true;
  state_->changed.wait(lock, [this] { return !state_->asked.empty(); });
  return state_->asked;
}

void Signals::AskToStop(const std::string& why) {
  const std::lock_guard lock(state_->mutex);
  if (!state_->asked.empty()) return;
  state_->asked = why;
  state_->changed.notify_all();
}

}  // namespace ringfort::server

#include "tools/cli/interrupt.h"

#include <algorithm>
#include <csignal>
#include <thread>

namespace ringfort::cli {
namespace {

constexpr std::chrono::milliseconds kLookForInterrupt{50};

volatile std::sig_atomic_t interrupted = 0;

void OnInterrupt(int /*signal*/) {
  interrupted = 1;
}

}  // namespace

Interrupt::Interrupt() {
  interrupted = 0;
  struct sigaction action {};
  action.sa_handler = OnInterrupt;
  ::sigaction(SIGINT, &action, &before_interrupt_);
  ::sigaction(SIGTERM, &action, &before_terminate_);
}

Interrupt::~Interrupt() {
  ::sigaction(SIGINT, &before_interrupt_, nullptr);
  ::sigaction(SIGTERM, &before_terminate_, nullptr);
}

bool Interrupt::Wait(std::chrono::nanoseconds duration) const {
  const auto end = std::chrono::steady_clock::now() + duration;
  while (interrupted == 0) {
    const auto left = end - std::chrono::steady_clock::now();
    if (left <= left.zero()) return true;
    std::this_thread::sleep_for(std::min<std::chrono::nanoseconds>(left, kLookForInterrupt));
  }
  return false;
}

}  // namespace ringfort::cli

#include "base/check.h"

#include <poll.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

namespace ringfort::internal {

void CheckFailed(const char* file, int line, const char* condition, const std::string& message) {
  // Where nobody reads the log, the process ends without a word: a node that hangs is worse.
  pollfd ready{STDERR_FILENO, POLLOUT, 0};
  constexpr int kWaitMs = 100;
  if (::poll(&ready, 1, kWaitMs) <= 0) std::abort();
  std::fprintf(stderr, "%s:%d: check failed: %s %s\n", file, line, condition, message.c_str());
  std::fflush(stderr);
  std::abort();
}

}  // namespace ringfort::internal

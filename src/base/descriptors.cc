#include "base/descriptors.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <cerrno>

namespace ringfort {

void OpenStandardDescriptors() {
  for (int descriptor = 0; descriptor <= 2; ++descriptor) {
    if (::fcntl(descriptor, F_GETFD) >= 0 || errno != EBADF) continue;
    // It gets the lowest number that is free: this one.
    [[maybe_unused]] const int opened = ::open("/dev/null", O_RDWR);
  }
}

bool MayTryAgain(int descriptor, Direction direction) {
  if (errno == EINTR) return true;
  if (errno != EAGAIN && errno != EWOULDBLOCK) return false;
  struct pollfd wait {};
  wait.fd = descriptor;
  wait.events = direction == Direction::kRead ? POLLIN : POLLOUT;
  return ::poll(&wait, 1, -1) > 0 || errno == EINTR;
}

bool WriteAll(int descriptor, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(descriptor, bytes.data(), bytes.size());
    if (written < 0 && MayTryAgain(descriptor, Direction::kWrite)) continue;
    if (written < 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

}  // namespace ringfort

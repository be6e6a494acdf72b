#include "tools/cli/fd_output.h"

#include <poll.h>
#include <unistd.h>

#include <cerrno>

namespace ringfort::cli {

bool MayTryAgain(int descriptor, Direction direction) {
  if (errno == EINTR) return true;
  if (errno != EAGAIN && errno != EWOULDBLOCK) return false;
  struct pollfd wait {};
  wait.fd = descriptor;
  wait.events = direction == Direction::kRead ? POLLIN : POLLOUT;
  return ::poll(&wait, 1, -1) > 0 || errno == EINTR;
}

FdOutput::FdOutput(int descriptor) : descriptor_(descriptor) {
  setp(buffer_.data(), buffer_.data() + buffer_.size());
}

FdOutput::~FdOutput() {
  FdOutput::sync();
}

FdOutput::int_type FdOutput::overflow(int_type byte) {
  if (FdOutput::sync() != 0) return traits_type::eof();
  if (!traits_type::eq_int_type(byte, traits_type::eof())) {
    *pptr() = traits_type::to_char_type(byte);
    pbump(1);
  }
  return traits_type::not_eof(byte);
}

int FdOutput::sync() {
  for (const char* next = pbase(); next < pptr();) {
    const ssize_t written = ::write(descriptor_, next, static_cast<std::size_t>(pptr() - next));
    if (written < 0 && MayTryAgain(descriptor_, Direction::kWrite)) continue;
    if (written < 0) return -1;
    next += written;
  }
  setp(buffer_.data(), buffer_.data() + buffer_.size());
  return 0;
}

}  // namespace ringfort::cli

#include "base/standard_descriptors.h"

#include <fcntl.h>

#include <cerrno>

namespace ringfort {

void OpenStandardDescriptors() {
  for (int descriptor = 0; descriptor <= 2; ++descriptor) {
    if (::fcntl(descriptor, F_GETFD) >= 0 || errno != EBADF) continue;
    // It gets the lowest number that is free: this one.
    [[maybe_unused]] const int opened = ::open("/dev/null", O_RDWR);
  }
}

}  // namespace ringfort

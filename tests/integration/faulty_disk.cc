// Preloaded into a node, this is a disk that stalls or fails on command. The environment's
// RINGFORT_DISK_FAULT names a file; while that is there and holds "PART ERRNO", a sync of a file or
// directory whose path holds PART fails with that errno, or, for errno 0, takes until it is gone.
#include <dlfcn.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <thread>

namespace {

/// The errno to fail with, 0 for a stall, -1 for neither.
int FaultOf(int fd) {
  const char* const name = std::getenv("RINGFORT_DISK_FAULT");
  std::FILE* const file = name == nullptr ? nullptr : std::fopen(name, "re");
  if (file == nullptr) return -1;
  char part[256] = "";
  int error = 0;
  const bool whole = std::fscanf(file, "%255s %d", part, &error) == 2;
  std::fclose(file);
  char link[64];
  char path[4096] = "";
  std::snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  const ssize_t length = ::readlink(link, path, sizeof path - 1);
  return whole && length > 0 && std::strstr(path, part) != nullptr ? error : -1;
}

int SyncBy(const char* call, int fd) {
  int fault = FaultOf(fd);
  while (fault == 0) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));  // The stall itself.
    fault = FaultOf(fd);
  }
  if (fault > 0) {
    errno = fault;
    return -1;
  }
  return reinterpret_cast<int (*)(int)>(::dlsym(RTLD_NEXT, call))(fd);
}

}  // namespace

extern "C" [[gnu::visibility("default")]] int fdatasync(int fd) {
  return SyncBy("fdatasync", fd);
}

extern "C" [[gnu::visibility("default")]] int fsync(int fd) {
  return SyncBy("fsync", fd);
}

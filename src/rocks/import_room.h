// The disk space that imports have still to fill, so that several together leave the reserve alone.
#pragma once

#include <cstdint>
#include <mutex>

namespace ringfort::rocks {

/// Thread-safe.
class ImportRoom {
 public:
  /// Sets `bytes` aside; false, and nothing is, when `free_bytes` do not hold them beside all that
  /// is set aside already.
  [[nodiscard]] bool Take(std::uint64_t bytes, std::uint64_t free_bytes) {
    const std::lock_guard lock(mutex_);
    if (bytes > free_bytes || taken_ > free_bytes - bytes) return false;
    taken_ += bytes;
    return true;
  }
  /// They are written, or never will be.
  void GiveBack(std::uint64_t bytes) {
    const std::lock_guard lock(mutex_);
    taken_ -= bytes;
  }

 private:
  std::mutex mutex_;
  std::uint64_t taken_ = 0;  // Guarded by mutex_.
};

}  // namespace ringfort::rocks

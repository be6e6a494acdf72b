// A log in a directory of its own for one test, images of its files, and disks that fail.
#pragma once

#include <atomic>
#include <cerrno>
#include <condition_variable>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "storage/log_store.h"
#include "wal/file.h"
#include "wal/wal.h"

namespace ringfort::wal {

/// The bytes of every file of a directory.
using Image = std::map<std::string, std::string>;
Image LoadImage(const std::string& dir);
/// Makes the directory hold just these files.
void StoreImage(const Image& image, const std::string& dir);
/// The name of the newest segment in it.
std::string LastSegment(const Image& image);

/// A temporary directory, removed at the end.
class ScratchDir {
 public:
  ScratchDir();
  ~ScratchDir();
  ScratchDir(const ScratchDir&) = delete;
  ScratchDir& operator=(const ScratchDir&) = delete;
  [[nodiscard]] std::string PathOf(const std::string& name) const {
    return (path_ / name).string();
  }

 private:
  std::filesystem::path path_;
};

/// Syncs nothing, so that tests which open a log thousands of times are quick.
class UnsyncedDisk : public Disk {
 public:
  int Fdatasync(int /*fd*/) override { return 0; }
  int Fsync(int /*fd*/) override { return 0; }
};

/// Fails or stalls when it is told to.
class FaultyDisk : public UnsyncedDisk {
 public:
  ssize_t Pwrite(int fd, const char* bytes, std::size_t count, off_t offset) override;
  int Fdatasync(int fd) override;

  /// errno of every write or sync from now on; 0 is none.
  std::atomic<int> write_error{0};
  std::atomic<int> sync_error{0};
  /// Only writes of at least so many bytes fail.
  std::atomic<std::size_t> failing_write_bytes_min{0};
  std::atomic<int> syncs{0};
  /// Writes that have failed. Waiters are notified.
  std::atomic<int> failed_writes{0};

  /// Syncs wait until Release, and the caller until one of them does.
  void Stall();
  void AwaitStalled();
  void Release();

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool stalling_ = false;
  int waiting_ = 0;
};

inline constexpr Incarnation kIncarnation{0x1111, 0x2222};

/// Options for a small log of kIncarnation.
Options SmallLog(const std::string& dir, Disk* disk);

raft::Entry MakeEntry(std::uint64_t term, std::uint64_t index, std::size_t bytes);
storage::LogUpdate OneEntry(ShardId shard, std::uint64_t term, std::uint64_t index,
                            std::size_t bytes);
/// Appends and waits for the outcome.
Status AppendAndWait(Wal& wal, std::vector<storage::LogUpdate> updates);

}  // namespace ringfort::wal

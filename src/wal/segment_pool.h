// Files that are ready to become the next segment: filled with zeros ahead of time, or segments
// that nobody needs any more. A thread of its own does the slow part.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "ringfort/status.h"
#include "wal/file.h"
#include "wal/segment.h"

namespace ringfort::wal {

/// Thread-safe. Keeps one file ready, and at most kSparesMax of those that come back.
class SegmentPool {
 public:
  static constexpr std::size_t kSparesMax = 2;

  /// `spares` are the names of files that an earlier process left ready.
  SegmentPool(std::shared_ptr<Directory> directory, Disk& disk, std::uint64_t segment_bytes,
              std::vector<std::string> spares);
  ~SegmentPool();
  SegmentPool(const SegmentPool&) = delete;
  SegmentPool& operator=(const SegmentPool&) = delete;

  /// A file that is filled, allocated and synced, still under its name as a spare, of
  /// `segment_bytes` or, where `bytes_min` is more, of that. Waits for one where none is ready. An
  /// error is the last word: it was tried again for this call.
  Result<File> Take(std::uint64_t bytes_min);

  /// Takes over the file of a segment that the log does not need, once no reader holds it. Files
  /// leave the log in the order of the calls.
  void Retire(std::shared_ptr<Segment> segment);

 private:
  struct Retired {
    std::string name;
    std::uint64_t bytes;
    std::weak_ptr<Segment> readers;
  };

  void Run();
  /// Lock held by the caller and released meanwhile.
  void FillOne(std::unique_lock<std::mutex>& lock);
  void RetireOne(std::unique_lock<std::mutex>& lock);
  /// Writes a new file of zeros and gives it its name as a spare.
  Status Fill(const std::string& spare, std::uint64_t bytes);
  std::string NextSpareName();

  const std::shared_ptr<Directory> directory_;
  Disk& disk_;
  const std::uint64_t segment_bytes_;

  std::mutex mutex_;
  std::condition_variable wake_helper_;
  std::condition_variable wake_taker_;
  std::deque<std::string> spares_;
  std::deque<Retired> retired_;
  std::uint64_t next_spare_ = 1;
  /// How large a file Take waits for; 0 when it does not wait.
  std::uint64_t wanted_bytes_ = 0;
  /// Why the last try to make a file failed, and the last one to retire one: a disk too full for a
  /// new file must still give old ones back. The next Take that waits forgets both.
  Status fill_failure_;
  Status retire_failure_;
  bool stopping_ = false;
  std::thread helper_;
};

}  // namespace ringfort::wal

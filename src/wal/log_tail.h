// The end of the log: the segment that is written, the number of the next batch, and what is
// synced.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/ids.h"
#include "ringfort/status.h"
#include "wal/format.h"
#include "wal/segment.h"
#include "wal/segment_pool.h"
#include "wal/synced_note.h"

namespace ringfort::wal {

/// Collects the records of one batch in a buffer that is used again for the next one.
class BatchBuilder {
 public:
  /// Forgets what was collected. `seed` is that of the segment that the batch will be in.
  void Start(std::uint64_t seed);
  void Add(const Record& record);

  [[nodiscard]] std::uint32_t records() const { return records_; }
  [[nodiscard]] std::string_view body() const {
    return std::string_view(bytes_).substr(kBatchHeaderBytes);
  }

 private:
  friend class LogTail;

  std::string bytes_;
  std::uint64_t seed_ = 0;
  std::uint32_t records_ = 0;
};

/// One thread. After an error nothing more may be written: what the disk holds is unknown.
class LogTail {
 public:
  LogTail(std::shared_ptr<Directory> directory, SegmentPool& pool, SyncedNote note,
          const Incarnation& incarnation, std::uint64_t next_batch);

  /// The format of the segments that begin from now on; an older one changes nothing. The current
  /// segment is left where it has an older format: MakeRoom begins another.
  void SetFormat(std::uint32_t format) { format_ = std::max(format_, format); }
  [[nodiscard]] bool has_old_format() const {
    return segment_ != nullptr && segment_->header.format < format_;
  }

  /// Goes on writing at `offset` of a segment that recovery found.
  void Resume(std::shared_ptr<Segment> segment, std::uint64_t offset);

  /// Sees to it that a batch whose records take `body_bytes` fits into the current segment. Where
  /// there is room only in a new one, syncs the old one and begins another, which has room for
  /// `state_bytes()` more: see at_segment_start().
  Status MakeRoom(std::uint64_t body_bytes, const std::function<std::uint64_t()>& state_bytes);
  /// The next batch is the segment's first, so it must begin with the state of every shard.
  [[nodiscard]] bool at_segment_start() const { return position_ == kSegmentHeaderBytes; }

  /// Writes the batch and, if asked, syncs it and everything before it. Returns where it lies.
  Result<std::uint64_t> Write(BatchBuilder* batch, bool sync);
  /// Syncs what is not synced yet.
  Status Sync();
  /// Notes durably that the torn end is marked in the log itself.
  Status ClearTornNote();

  [[nodiscard]] const std::shared_ptr<Segment>& segment() const { return segment_; }
  [[nodiscard]] bool all_synced() const { return synced_through_ + 1 == next_batch_; }

 private:
  Status BeginSegment(std::uint64_t bytes_min);

  const std::shared_ptr<Directory> directory_;
  SegmentPool& pool_;
  SyncedNote note_;
  const Incarnation incarnation_;

  std::uint32_t format_ = kFormatVersionMin;
  std::shared_ptr<Segment> segment_;
  std::uint64_t position_ = 0;
  std::uint64_t next_batch_;
  std::uint64_t synced_through_;
};

}  // namespace ringfort::wal

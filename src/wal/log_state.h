// What the log holds of each shard, in memory: hard state, base, and where each entry lies. Built
// by applying records in the order of the log; recovery and the writer both do it this way.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <unordered_map>
#include <vector>

#include "base/ids.h"
#include "raft/types.h"
#include "ringfort/status.h"
#include "storage/log_store.h"
#include "wal/format.h"

namespace ringfort::wal {

/// Where an entry's record lies.
struct EntryPosition {
  std::uint64_t segment = 0;
  std::uint64_t offset = 0;
  std::uint32_t payload_bytes = 0;
};

/// One shard. Not thread-safe.
class ShardLog {
 public:
  [[nodiscard]] const raft::HardState& hard_state() const { return hard_state_; }
  [[nodiscard]] const raft::LogBase& base() const { return base_; }
  [[nodiscard]] storage::Generation generation() const { return generation_; }
  /// base().index when there are no entries.
  [[nodiscard]] LogIndex last() const { return last_; }
  /// Entries base().index + 1 up to here are in segments that are not there any more. At or below
  /// base().index in every log that is whole.
  [[nodiscard]] LogIndex missing_through() const { return missing_through_; }
  [[nodiscard]] const std::vector<raft::TermRun>& terms() const { return terms_; }
  /// The indices of the kMembers entries.
  [[nodiscard]] const std::vector<LogIndex>& members_entries() const { return members_entries_; }

  /// Whether all of first..last is there to be read.
  [[nodiscard]] bool Holds(LogIndex first, LogIndex last) const;
  /// Of an entry that Holds.
  [[nodiscard]] EntryPosition Position(LogIndex index) const;
  [[nodiscard]] Term TermOf(LogIndex index) const;
  /// The oldest segment with an entry that is still needed; none without entries.
  [[nodiscard]] std::optional<std::uint64_t> oldest_segment() const;
  /// What the entries' records take in the segments.
  [[nodiscard]] std::uint64_t entry_bytes() const { return entry_bytes_; }

  /// Applies a record. kCorruption with the reason when it does not follow from what came before.
  Status Apply(const Record& record, std::uint64_t segment, std::uint64_t offset);
  /// The shard's state as the first segment that is left shows it.
  void Seed(const Record& record, StatePayload payload);
  /// Whether the state record says what this object holds.
  [[nodiscard]] bool Matches(const Record& record, const StatePayload& payload) const;

 private:
  /// Entry `first_ + i` is `entries_[head_ + i]`. 8 bytes an entry; segment and term are kept by
  /// runs.
  struct Entry {
    std::uint32_t offset_eighth;
    std::uint32_t payload_bytes;
  };
  struct SegmentRun {
    LogIndex first;
    std::uint64_t segment;
  };

  Status AddEntry(const Record& record, std::uint64_t segment, std::uint64_t offset);
  Status CutTo(const Record& record);
  void Begin(raft::LogBase base);
  void DropFrom(LogIndex index);
  /// Takes entries_[from, to) out of the sum.
  void Uncount(std::size_t from, std::size_t to);
  void DropThrough(LogIndex index);
  void ClearEntries();

  raft::HardState hard_state_;
  raft::LogBase base_;
  storage::Generation generation_;
  LogIndex last_;
  LogIndex missing_through_;
  LogIndex first_{1};
  std::size_t head_ = 0;
  std::vector<Entry> entries_;
  std::uint64_t entry_bytes_ = 0;
  std::vector<raft::TermRun> terms_;
  std::vector<SegmentRun> segments_;
  std::vector<LogIndex> members_entries_;
};

/// All shards, and which of them need which segment. Not thread-safe.
class LogState {
 public:
  /// Applies the record that lies at `offset` of the segment. `seeding` is true for the first batch
  /// of the first segment, whose state records tell of what came before it.
  Status Apply(const Record& record, std::uint64_t segment, std::uint64_t offset, bool seeding);
  /// kCorruption when entries that are still needed were in segments that are gone.
  [[nodiscard]] Status CheckComplete() const;

  /// Null when the log has never heard of the shard.
  [[nodiscard]] const ShardLog* Find(ShardId shard) const;
  [[nodiscard]] std::vector<ShardId> shards() const;
  /// Calls back with one kState record a shard; the record lives for the call only.
  void ForEachState(const std::function<void(const Record&)>& add) const;

  /// The oldest segment that some shard needs an entry of; none when no shard has entries.
  [[nodiscard]] std::optional<std::uint64_t> oldest_needed() const;
  /// The shards whose oldest entry lies in the segment.
  [[nodiscard]] std::vector<ShardId> HoldersOf(std::uint64_t segment) const;

 private:
  void MoveHolder(ShardId shard, std::optional<std::uint64_t> from,
                  std::optional<std::uint64_t> to);

  std::unordered_map<ShardId, ShardLog> shards_;
  /// Segment -> the shards whose oldest entry lies in it. No empty sets.
  std::map<std::uint64_t, std::set<ShardId>> holders_;
};

}  // namespace ringfort::wal

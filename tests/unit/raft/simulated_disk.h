// One replica's log on a simulated disk: what a crash leaves of it is what was synced, or less when
// the disk lied and the end of the log is torn.
#pragma once

#include <deque>
#include <optional>
#include <vector>

#include "raft/raft.h"

namespace ringfort::raft {

class SimulatedDisk {
 public:
  explicit SimulatedDisk(LogBase base) : base_(std::move(base)), flushed_(base_.index) {}

  /// Stores one Ready's content, synced.
  void Store(const Ready& ready) { Store({ready.base, ready.hard_state, ready.entries}); }
  void Store(const std::optional<HardState>& hard_state, const std::vector<Entry>& entries) {
    Store({std::nullopt, hard_state, entries});
  }
  /// Moves the start of the log. `index` is at most flushed().
  void Cut(LogIndex index);
  /// The state machine is on disk up to `index`.
  void Flush(LogIndex index) { flushed_ = index; }
  /// Loses up to `records` of the newest records, none that would end the log below what is
  /// flushed. Either way the end of the log is torn, and the replica unsure.
  void Tear(std::size_t records);

  [[nodiscard]] Restored Recover() const;
  [[nodiscard]] const LogBase& base() const { return base_; }
  [[nodiscard]] const HardState& hard_state() const { return hard_state_; }
  [[nodiscard]] LogIndex first() const { return base_.index + 1; }
  [[nodiscard]] LogIndex last() const { return base_.index + entries_.size(); }
  [[nodiscard]] LogIndex flushed() const { return flushed_; }
  [[nodiscard]] const Entry* Find(LogIndex index) const;
  /// The newest on the disk.
  [[nodiscard]] Members members() const;

 private:
  struct Record {
    std::optional<LogBase> base;
    std::optional<HardState> hard_state;
    std::vector<Entry> entries;
  };
  void Store(Record record);
  static void Replay(const Record& record, LogIndex base, HardState* hard_state,
                     std::vector<Entry>* entries);

  LogBase base_;
  LogIndex flushed_;
  HardState hard_state_;
  std::vector<Entry> entries_;
  /// What stood before the newest records, which are what a tear can take.
  HardState settled_hard_state_;
  std::vector<Entry> settled_entries_;
  std::deque<Record> recent_;
};

}  // namespace ringfort::raft

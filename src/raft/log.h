// A shard's log as the core sees it: all of its terms, and the newest entries themselves. Older
// entries are on disk only; the driver fetches them when a follower or the state machine needs
// them.
#pragma once

#include <cstddef>
#include <deque>
#include <optional>
#include <vector>

#include "base/ids.h"
#include "raft/types.h"

namespace ringfort::raft {

class Log {
 public:
  /// A log as recovered: `last` >= base.index, `terms` and `members_entries` as in
  /// storage::RecoveredShard. Nothing is cached.
  Log(LogBase base, LogIndex last, std::vector<TermRun> terms,
      const std::vector<Entry>& members_entries = {});

  [[nodiscard]] const LogBase& base() const { return base_; }
  /// The newest in the log, committed or not: those in force (Raft thesis, section 4.1).
  [[nodiscard]] const Members& members() const {
    return changes_.empty() ? base_.members : changes_.back();
  }
  /// Those that were in force at `index`, which is not below the base.
  [[nodiscard]] const Members& MembersAt(LogIndex index) const;
  [[nodiscard]] LogIndex last_index() const { return last_; }
  [[nodiscard]] Term last_term() const;
  /// The term at `index`; none below the base or above the end.
  [[nodiscard]] std::optional<Term> TermAt(LogIndex index) const;
  /// Whether a log that ends so is at least as up to date as this one (Raft paper, section 5.4.1).
  [[nodiscard]] bool IsUpToDate(LogIndex last_index, Term last_term) const;
  /// The largest index at or below `index` whose term is at most `term`: where a log that has
  /// `term` at `index` may still agree with this one. Not below the base.
  [[nodiscard]] LogIndex LastAtOrBelow(LogIndex index, Term term) const;

  /// Adds consecutive entries from at most last + 1 on; what stood there and after is replaced.
  void Append(const std::vector<Entry>& entries);

  /// The cached entries first..last, from the front as many as fit into `bytes_max`, but at least
  /// one; empty where `first` is not cached.
  [[nodiscard]] std::vector<Entry> Cached(LogIndex first, LogIndex last,
                                          std::size_t bytes_max) const;
  [[nodiscard]] bool IsCached(LogIndex index) const {
    return !cache_.empty() && index >= cache_.front().index && index <= last_;
  }
  [[nodiscard]] std::size_t cached_bytes() const { return cached_bytes_; }
  /// Forgets cached entries up to `through`. They must be on disk.
  void EvictThrough(LogIndex through);
  /// Forgets cached entries from the oldest on, none beyond `through`, until at most `bytes_max`
  /// remain.
  void EvictTo(std::size_t bytes_max, LogIndex through);

  /// Moves the base to `index`, which is in the log.
  void Cut(LogIndex index);

 private:
  LogBase base_;
  LogIndex last_;
  std::vector<TermRun> terms_;
  /// What the members entries above the base say, by rising Members::index.
  std::vector<Members> changes_;
  /// Consecutive, ending at last_; or empty.
  std::deque<Entry> cache_;
  std::size_t cached_bytes_ = 0;
};

}  // namespace ringfort::raft

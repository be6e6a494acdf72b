// How many of a node's copies turn out to be damaged: many within minutes are no few bad blocks.
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <mutex>

#include "base/ids.h"
#include "base/time.h"
#include "replica/snapshot_turns.h"

namespace ringfort::node {

/// Thread-safe.
class DamageWatch {
 public:
  /// How long a finding counts.
  static constexpr Duration kWindow = std::chrono::minutes(10);

  /// The shard's copy here turned out to be damaged.
  void Note(ShardId shard, MonotonicTime now) {
    const std::lock_guard lock(mutex_);
    found_[shard] = now;
  }
  /// So many copies did within the last ten minutes.
  [[nodiscard]] std::size_t FoundLately(MonotonicTime now) const {
    const std::lock_guard lock(mutex_);
    std::erase_if(found_, [now](const auto& one) { return now - one.second >= kWindow; });
    return found_.size();
  }
  /// Of `copies` that a node holds, `found` damaged at about the same time are many: the disk is
  /// bad, or a fault of ours calls whole copies damaged. More than 3, or more than one in twenty
  /// and than a single one.
  static bool AreMany(std::size_t found, std::size_t copies) {
    return found > 3 || (found > 1 && found * 20 > copies);
  }
  /// One copy at a time is repaired: null while another has the turn.
  [[nodiscard]] std::shared_ptr<const void> TakeTurn() { return turns_.Take(); }

 private:
  mutable std::mutex mutex_;
  mutable std::map<ShardId, MonotonicTime> found_;  // Guarded by mutex_.
  replica::SnapshotTurns turns_{1};
};

}  // namespace ringfort::node

// Sums up a replica's data as of one index, so that replicas can be compared (protocols 8, Verify).
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/ids.h"
#include "raft/types.h"
#include "storage/shard_store.h"

namespace ringfort::replica {

/// Equal on all replicas that hold the same state at `index`.
struct ShardSum {
  LogIndex index;
  /// XXH3 over members, raw keys and raw values in the order of the store, each with the hash so
  /// far as its seed.
  std::uint64_t checksum = 0;
  /// Of the data; sessions do not count.
  std::uint64_t entries = 0;
  /// Of all keys and values that were summed up.
  std::uint64_t bytes = 0;
  /// Why there is no sum; empty when there is one.
  std::string error;

  bool operator==(const ShardSum&) const = default;
};

/// One sum on its way. One thread at a time.
class ShardSummer {
 public:
  /// `members` are those in force at `index`, and `cursor` is over `data` as of then.
  ShardSummer(LogIndex index, const raft::Members& members,
              std::shared_ptr<const storage::ShardData> data,
              std::unique_ptr<storage::Cursor> cursor);

  /// Reads a piece of the data: a few milliseconds of work, so that clients' reads come between
  /// pieces. Not on a loop.
  void Step();
  [[nodiscard]] bool done() const { return cursor_ == nullptr; }
  /// Whole once it is done.
  [[nodiscard]] const ShardSum& sum() const { return sum_; }

 private:
  ShardSum sum_;
  /// Before the cursor, so that it ends after it.
  const std::shared_ptr<const storage::ShardData> data_;
  std::unique_ptr<storage::Cursor> cursor_;
};

}  // namespace ringfort::replica

// How many snapshots a node sends at a time, whatever the number of its shards that have to send
// one: each takes an export, and keeps log that could be cut.
#pragma once

#include <atomic>
#include <memory>

namespace ringfort::replica {

/// Thread-safe. Turns may outlive it.
class SnapshotTurns {
 public:
  explicit SnapshotTurns(int turns) : free_(std::make_shared<std::atomic<int>>(turns)) {}

  /// A turn, taken until it is let go of. Null: there is none now, or somebody asked at the same
  /// moment; ask again later.
  std::shared_ptr<const void> Take() {
    if (free_->fetch_sub(1) > 0) {
      return {free_.get(), [free = free_](const void* /*turn*/) { free->fetch_add(1); }};
    }
    free_->fetch_add(1);
    return nullptr;
  }

 private:
  const std::shared_ptr<std::atomic<int>> free_;
};

}  // namespace ringfort::replica

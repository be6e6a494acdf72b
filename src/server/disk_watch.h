// Looks at the room on the disks of a node, again and again, and tells the node.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "env/loop.h"
#include "storage/disk_room.h"

namespace ringfort::server {

/// Destroyed after its loop and its pool have stopped.
class DiskWatch {
 public:
  /// Called on the pool after each look, with the worst of the disks.
  using Tell = std::function<void(storage::DiskRoom room, const storage::DiskSpace& space)>;

  /// `dirs` may lie on different file systems.
  DiskWatch(std::vector<std::string> dirs, std::uint64_t reserve_bytes, env::Loop* loop,
            env::Executor* pool, Tell tell);

  /// Looks once, here and now, and from then on every half second on the pool: a look at a disk
  /// that hangs takes as long as it takes. Once.
  void Start();

 private:
  void Look();
  void LookLater();

  /// The room of one of the directories, as it was judged last.
  struct Disk {
    std::string dir;
    storage::DiskRoom room = storage::DiskRoom::kEnough;
    storage::DiskSpace space;
  };

  const std::uint64_t reserve_bytes_;
  env::Loop* const loop_;
  env::Executor* const pool_;
  const Tell tell_;
  /// One look at a time.
  std::vector<Disk> disks_;
};

}  // namespace ringfort::server

// How much room is left on the disks of a node, and what the node may still do with it. RocksDB
// ends the process that meets a full disk, so writes are refused long before (design 3).
#pragma once

#include <cstdint>

namespace ringfort::storage {

/// From good to bad. The numbers travel in heartbeats.
enum class DiskRoom : std::uint8_t {
  kEnough = 0,
  /// No clients' puts any more. Deletes and changes of the cluster map, which lead to room, and
  /// everything else go on.
  kFull = 1,
  /// No commands at all, not even those of a primary elsewhere: what is left is for flushes,
  /// compactions and the log's own records.
  kExhausted = 2,
};

struct DiskSpace {
  std::uint64_t total_bytes = 0;
  /// What an ordinary user may still take.
  std::uint64_t free_bytes = 0;
};

/// How much of such a disk is kept free where the operator wants `wanted_bytes`: that, but at most
/// a tenth of it.
std::uint64_t ReserveOf(const DiskSpace& space, std::uint64_t wanted_bytes);

/// Full below the reserve, exhausted below half of it. A state that was worse `before` ends only
/// with a quarter more room than where it began, so that it does not come and go with every write.
DiskRoom JudgeRoom(const DiskSpace& space, std::uint64_t wanted_bytes, DiskRoom before);

}  // namespace ringfort::storage

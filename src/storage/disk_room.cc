#include "storage/disk_room.h"

#include <algorithm>

namespace ringfort::storage {

std::uint64_t ReserveOf(const DiskSpace& space, std::uint64_t wanted_bytes) {
  return std::min(wanted_bytes, space.total_bytes / 10);
}

DiskRoom JudgeRoom(const DiskSpace& space, std::uint64_t wanted_bytes, DiskRoom before) {
  const std::uint64_t reserve = ReserveOf(space, wanted_bytes);
  const auto below = [&](std::uint64_t limit, DiskRoom state) {
    return space.free_bytes < limit + (before >= state ? limit / 4 : 0);
  };
  if (below(reserve / 2, DiskRoom::kExhausted)) return DiskRoom::kExhausted;
  return below(reserve, DiskRoom::kFull) ? DiskRoom::kFull : DiskRoom::kEnough;
}

}  // namespace ringfort::storage

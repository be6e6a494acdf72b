#include "server/disk_watch.h"

#include <sys/statvfs.h>

#include <algorithm>
#include <chrono>
#include <utility>

namespace ringfort::server {
namespace {

constexpr std::chrono::milliseconds kInterval{500};

}  // namespace

DiskWatch::DiskWatch(std::vector<std::string> dirs, std::uint64_t reserve_bytes, env::Loop* loop,
                     env::Executor* pool, Tell tell)
    : reserve_bytes_(reserve_bytes), loop_(loop), pool_(pool), tell_(std::move(tell)) {
  for (std::string& dir : dirs) disks_.push_back({.dir = std::move(dir), .space = {}});
}

void DiskWatch::Start() {
  Look();
  loop_->Post([this] { LookLater(); });
}

void DiskWatch::LookLater() {
  loop_->RunAt(loop_->Now() + kInterval, [this] {
    pool_->Post([this] {
      Look();
      loop_->Post([this] { LookLater(); });
    });
  });
}

void DiskWatch::Look() {
  for (Disk& disk : disks_) {
    struct statvfs found {};
    // A disk that cannot be asked has other troubles, which its reads and writes will show.
    if (::statvfs(disk.dir.c_str(), &found) != 0) continue;
    disk.space = {found.f_blocks * found.f_frsize, found.f_bavail * found.f_frsize};
    disk.room = storage::JudgeRoom(disk.space, reserve_bytes_, disk.room);
  }
  const auto worst =
      std::max_element(disks_.begin(), disks_.end(), [](const Disk& a, const Disk& b) {
        return std::pair(a.room, b.space.free_bytes) < std::pair(b.room, a.space.free_bytes);
      });
  tell_(worst->room, worst->space);
}

}  // namespace ringfort::server

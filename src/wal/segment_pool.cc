// The helper's loop: retire what the log gave up, then see that one spare is ready.
#include "wal/segment_pool.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <utility>

namespace ringfort::wal {
namespace {

/// Zeros are written and synced in pieces, so that the log's own syncs never wait behind much.
constexpr std::uint64_t kFillChunkBytes = 1 << 20;
/// How often to look whether the last reader of a retired segment has let go of it.
constexpr std::chrono::milliseconds kReaderPoll{5};

std::uint64_t SpareNumber(std::string_view name) {
  name.remove_prefix(kSparePrefix.size());
  std::uint64_t number = 0;
  std::from_chars(name.data(), name.data() + name.size(), number);
  return number;
}

}  // namespace

SegmentPool::SegmentPool(std::shared_ptr<Directory> directory, Disk& disk,
                         std::uint64_t segment_bytes, std::vector<std::string> spares)
    : directory_(std::move(directory)), disk_(disk), segment_bytes_(segment_bytes) {
  for (const std::string& name : spares) {
    next_spare_ = std::max(next_spare_, SpareNumber(name) + 1);
    std::uint64_t bytes = 0;
    if (const Result<File> file = File::Open(directory_->PathOf(name), false); file.ok()) {
      const Result<std::uint64_t> size = file->size_bytes();
      if (size.ok()) bytes = *size;
    }
    if (bytes == segment_bytes_ && spares_.size() < kSparesMax) {
      spares_.push_back(name);
    } else {
      retired_.push_back({name, bytes, {}});
    }
  }
  helper_ = std::thread([this] { Run(); });
}

SegmentPool::~SegmentPool() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_helper_.notify_one();
  helper_.join();
}

Result<File> SegmentPool::Take(std::uint64_t bytes_min) {
  std::string name;
  {
    std::unique_lock lock(mutex_);
    if (bytes_min > segment_bytes_ || spares_.empty()) {
      wanted_bytes_ = std::max(bytes_min, segment_bytes_);
      fill_failure_ = Status::Ok();
      retire_failure_ = Status::Ok();
      wake_helper_.notify_one();
      wake_taker_.wait(lock, [this] { return wanted_bytes_ == 0; });
      if (!fill_failure_.ok()) return fill_failure_;
    }
    name = std::move(spares_.front());
    spares_.pop_front();
  }
  wake_helper_.notify_one();
  return File::Open(directory_->PathOf(name), /*writable=*/true, disk_);
}

void SegmentPool::Retire(std::shared_ptr<Segment> segment) {
  const std::lock_guard lock(mutex_);
  retired_.push_back({SegmentName(segment->header.sequence), segment->header.segment_bytes,
                      std::weak_ptr<Segment>(segment)});
  segment.reset();
  wake_helper_.notify_one();
}

void SegmentPool::Run() {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    const bool retirable = !retired_.empty() && retired_.front().readers.expired();
    if (retirable && retire_failure_.ok()) {
      RetireOne(lock);
    } else if (wanted_bytes_ != 0 || (spares_.empty() && fill_failure_.ok())) {
      FillOne(lock);
    } else if (!retired_.empty() && retire_failure_.ok()) {
      wake_helper_.wait_for(lock, kReaderPoll);
    } else {
      wake_helper_.wait(lock);
    }
  }
}

void SegmentPool::FillOne(std::unique_lock<std::mutex>& lock) {
  const std::uint64_t wanted = wanted_bytes_;
  if (wanted == segment_bytes_ && !spares_.empty()) {
    // A retired segment came in time, perhaps after a fill that had failed.
    fill_failure_ = Status::Ok();
    wanted_bytes_ = 0;
    wake_taker_.notify_one();
    return;
  }
  const std::string name = NextSpareName();
  lock.unlock();
  Status filled = Fill(name, std::max(wanted, segment_bytes_));
  lock.lock();
  // A Take that came meanwhile and wants a larger file is served by the next turn.
  const bool serves_taker = wanted_bytes_ != 0 && wanted_bytes_ <= std::max(wanted, segment_bytes_);
  if (filled.ok() && serves_taker) {
    spares_.push_front(name);
  } else if (filled.ok()) {
    spares_.push_back(name);
  }
  fill_failure_ = std::move(filled);
  // Where a fill ahead of time failed, a Take that came meanwhile still gets its own try.
  if (fill_failure_.ok() ? serves_taker : wanted != 0) {
    wanted_bytes_ = 0;
    wake_taker_.notify_one();
  }
}

void SegmentPool::RetireOne(std::unique_lock<std::mutex>& lock) {
  const Retired retired = retired_.front();
  const bool keep = retired.bytes == segment_bytes_ && spares_.size() < kSparesMax;
  const std::string name = NextSpareName();
  lock.unlock();
  Status status = keep ? directory_->Rename(retired.name, name) : directory_->Remove(retired.name);
  // One at a time: a log never shows a gap because a later file's removal lasted and an earlier's
  // not.
  if (status.ok()) status = directory_->Sync();
  lock.lock();
  if (!status.ok()) {
    // It stays the next to go: a later segment must not leave before it.
    retire_failure_ = std::move(status);
    return;
  }
  retired_.pop_front();
  if (keep) spares_.push_back(name);
}

Status SegmentPool::Fill(const std::string& spare, std::uint64_t bytes) {
  const std::string filling(kFillingName);
  Result<File> file = File::Create(directory_->PathOf(filling), disk_);
  if (!file.ok()) return file.status();
  const std::string zeros(std::min(kFillChunkBytes, bytes), '\0');
  for (std::uint64_t offset = 0; offset < bytes; offset += zeros.size()) {
    const std::uint64_t count = std::min<std::uint64_t>(zeros.size(), bytes - offset);
    Status status = file->WriteAt(offset, std::string_view(zeros).substr(0, count));
    if (status.ok()) status = file->Sync();
    if (!status.ok()) {
      // Gives the space back; the write's own error is the one that counts.
      directory_->Remove(filling).IgnoreError();
      return status;
    }
    const std::lock_guard lock(mutex_);
    if (stopping_) return {Code::kCancelled, "the log is being closed"};
  }
  if (Status status = directory_->Rename(filling, spare); !status.ok()) return status;
  return directory_->Sync();
}

std::string SegmentPool::NextSpareName() {
  return std::string(kSparePrefix) + std::to_string(next_spare_++);
}

}  // namespace ringfort::wal

#include "tests/unit/wal/scratch_log.h"

#include <stdlib.h>

#include <fstream>
#include <future>
#include <iterator>
#include <utility>

#include "base/check.h"

namespace ringfort::wal {

namespace fs = std::filesystem;

Image LoadImage(const std::string& dir) {
  Image image;
  for (const fs::directory_entry& file : fs::directory_iterator(dir)) {
    std::ifstream in(file.path(), std::ios::binary);
    image[file.path().filename().string()] =
        std::string(std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>());
  }
  return image;
}

void StoreImage(const Image& image, const std::string& dir) {
  fs::create_directories(dir);
  for (const fs::directory_entry& file : fs::directory_iterator(dir)) {
    if (!image.contains(file.path().filename().string())) fs::remove(file.path());
  }
  for (const auto& [name, bytes] : image) {
    // Overwritten, not truncated first: a file system may sync a file that is replaced that way.
    const fs::path path = fs::path(dir) / name;
    auto mode = std::ios::binary | std::ios::out;
    if (fs::exists(path)) mode |= std::ios::in;
    std::fstream out(path, mode);
    out.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    out.close();
    RF_CHECK(out.good()) << name;
    if (fs::file_size(path) != bytes.size()) fs::resize_file(path, bytes.size());
  }
}

std::string LastSegment(const Image& image) {
  std::string last;
  for (const auto& [name, bytes] : image) {
    if (ParseSegmentName(name)) last = name;
  }
  return last;
}

ScratchDir::ScratchDir() {
  std::string pattern = (fs::temp_directory_path() / "ringfort-wal-XXXXXX").string();
  RF_CHECK(::mkdtemp(pattern.data()) != nullptr);
  path_ = pattern;
}

ScratchDir::~ScratchDir() {
  fs::remove_all(path_);
}

ssize_t FaultyDisk::Pwrite(int fd, const char* bytes, std::size_t count, off_t offset) {
  if (const int error = write_error; error != 0 && count >= failing_write_bytes_min) {
    ++failed_writes;
    failed_writes.notify_all();
    errno = error;
    return -1;
  }
  return Disk::Pwrite(fd, bytes, count, offset);
}

int FaultyDisk::Fdatasync(int /*fd*/) {
  ++syncs;
  {
    std::unique_lock lock(mutex_);
    if (stalling_) {
      ++waiting_;
      changed_.notify_all();
      changed_.wait(lock, [this] { return !stalling_; });
      --waiting_;
    }
  }
  if (const int error = sync_error; error != 0) {
    errno = error;
    return -1;
  }
  return 0;
}

void FaultyDisk::Stall() {
  const std::lock_guard lock(mutex_);
  stalling_ = true;
}

void FaultyDisk::AwaitStalled() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return waiting_ > 0; });
}

void FaultyDisk::Release() {
  const std::lock_guard lock(mutex_);
  stalling_ = false;
  changed_.notify_all();
}

Options SmallLog(const std::string& dir, Disk* disk) {
  Options options;
  options.dir = dir;
  options.incarnation = kIncarnation;
  options.segment_bytes = 64 << 10;
  options.disk = disk;
  return options;
}

raft::Entry MakeEntry(std::uint64_t term, std::uint64_t index, std::size_t bytes) {
  // Bytes that depend on the place, so that a mixed-up read shows.
  std::string data(bytes, '\0');
  for (std::size_t i = 0; i < bytes; ++i) data[i] = static_cast<char>(index * 31 + i * 7 + term);
  return {Term(term), LogIndex(index), raft::EntryKind::kCommand, SharedBytes(std::move(data))};
}

storage::LogUpdate OneEntry(ShardId shard, std::uint64_t term, std::uint64_t index,
                            std::size_t bytes) {
  storage::LogUpdate update;
  update.shard = shard;
  update.entries.push_back(MakeEntry(term, index, bytes));
  return update;
}

Status AppendAndWait(Wal& wal, std::vector<storage::LogUpdate> updates) {
  std::promise<Status> outcome;
  wal.Append(std::move(updates),
             [&outcome](Status status) { outcome.set_value(std::move(status)); });
  return outcome.get_future().get();
}

}  // namespace ringfort::wal

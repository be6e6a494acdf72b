// The system calls behind file.h.
#include "wal/file.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <system_error>
#include <utility>

namespace ringfort::wal {
namespace {

std::string_view Hint(int error) {
  switch (error) {
    case ENOSPC:
    case EDQUOT: return " (free space on this disk, then start the node again)";
    case EACCES:
    case EPERM:
    case EROFS: return " (give the node's user the right to write there)";
    case EIO: return " (the disk fails: look at the kernel's log)";
    case EMFILE:
    case ENFILE: return " (raise the limit of open files)";
    default: return "";
  }
}

}  // namespace

ssize_t Disk::Pwrite(int fd, const char* bytes, std::size_t count, off_t offset) {
  return ::pwrite(fd, bytes, count, offset);
}

int Disk::Fdatasync(int fd) {
  return ::fdatasync(fd);
}

int Disk::Fsync(int fd) {
  return ::fsync(fd);
}

Disk& Disk::Real() {
  static Disk disk;
  return disk;
}

Status IoError(std::string_view verb, std::string_view path, int error) {
  std::string message = "cannot ";
  message.append(verb).append(" ").append(path).append(": ");
  message.append(std::generic_category().message(error)).append(Hint(error));
  return {Code::kIoError, std::move(message)};
}

File::File(File&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), path_(std::move(other.path_)), disk_(other.disk_) {}

File& File::operator=(File&& other) noexcept {
  std::swap(fd_, other.fd_);
  std::swap(path_, other.path_);
  std::swap(disk_, other.disk_);
  return *this;
}

File::~File() {
  if (fd_ >= 0) ::close(fd_);
}

Result<File> File::Open(std::string path, bool writable, Disk& disk) {
  const int fd = ::open(path.c_str(), (writable ? O_RDWR : O_RDONLY) | O_CLOEXEC);
  if (fd < 0 && errno == ENOENT) return Status(Code::kNotFound, "there is no file " + path);
  if (fd < 0) return IoError("open", path, errno);
  return File(fd, std::move(path), disk);
}

Result<File> File::Create(std::string path, Disk& disk) {
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
  if (fd < 0) return IoError("create", path, errno);
  return File(fd, std::move(path), disk);
}

Status File::ReadAt(std::uint64_t offset, char* out, std::size_t count) const {
  while (count > 0) {
    const ssize_t got = ::pread(fd_, out, count, static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return IoError("read", path_, errno);
    if (got == 0) {
      return {Code::kIoError,
              "cannot read " + path_ + ": it ends at byte " + std::to_string(offset)};
    }
    out += got;
    offset += static_cast<std::uint64_t>(got);
    count -= static_cast<std::size_t>(got);
  }
  return Status::Ok();
}

Status File::WriteAt(std::uint64_t offset, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t put = disk_->Pwrite(fd_, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return IoError("write", path_, errno);
    offset += static_cast<std::uint64_t>(put);
    bytes.remove_prefix(static_cast<std::size_t>(put));
  }
  return Status::Ok();
}

Status File::Sync() {
  // Not repeated on any error: a second sync may succeed without what the first one lost.
  if (disk_->Fdatasync(fd_) != 0) return IoError("sync", path_, errno);
  return Status::Ok();
}

void File::DropCache() {
  ::posix_fadvise(fd_, 0, 0, POSIX_FADV_DONTNEED);
}

Result<std::uint64_t> File::size_bytes() const {
  struct stat found {};
  if (::fstat(fd_, &found) != 0) return IoError("look at", path_, errno);
  return static_cast<std::uint64_t>(found.st_size);
}

Directory::~Directory() {
  ::close(fd_);
}

Result<std::shared_ptr<Directory>> Directory::Open(std::string path, Disk& disk) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0 && errno == ENOENT) return Status(Code::kNotFound, "there is no directory " + path);
  if (fd < 0) return IoError("open", path, errno);
  return std::shared_ptr<Directory>(new Directory(fd, std::move(path), disk));
}

Result<std::shared_ptr<Directory>> Directory::OpenOrCreate(const std::string& path, Disk& disk) {
  Result<std::shared_ptr<Directory>> there = Open(path, disk);
  if (there.ok() || there.status().code() != Code::kNotFound) return there;
  if (::mkdir(path.c_str(), 0750) != 0) return IoError("create", path, errno);
  const std::string parent = std::filesystem::absolute(path).parent_path().string();
  Result<std::shared_ptr<Directory>> above = Open(parent, disk);
  if (!above.ok()) return above.status();
  if (Status synced = (*above)->Sync(); !synced.ok()) return synced;
  return Open(path, disk);
}

Status Directory::Lock() {
  if (::flock(fd_, LOCK_EX | LOCK_NB) == 0) return Status::Ok();
  if (errno != EWOULDBLOCK) return IoError("lock", path_, errno);
  return {Code::kIoError, "cannot lock " + path_ +
                              ": another process uses it (stop that one, or choose another data "
                              "directory)"};
}

Result<std::vector<std::string>> Directory::List() const {
  DIR* stream = ::opendir(path_.c_str());
  if (stream == nullptr) return IoError("list", path_, errno);
  std::vector<std::string> names;
  errno = 0;
  while (const dirent* entry = ::readdir(stream)) {
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") names.emplace_back(name);
  }
  const int error = errno;
  ::closedir(stream);
  if (error != 0) return IoError("list", path_, error);
  return names;
}

Status Directory::Rename(const std::string& from, const std::string& to) {
  if (::renameat(fd_, from.c_str(), fd_, to.c_str()) == 0) return Status::Ok();
  return IoError("rename", PathOf(from), errno);
}

Status Directory::Remove(const std::string& name) {
  if (::unlinkat(fd_, name.c_str(), 0) == 0) return Status::Ok();
  return IoError("remove", PathOf(name), errno);
}

Status Directory::Sync() {
  if (disk_.Fsync(fd_) != 0) return IoError("sync", path_, errno);
  return Status::Ok();
}

std::string Directory::PathOf(std::string_view name) const {
  return path_ + "/" + std::string(name);
}

}  // namespace ringfort::wal

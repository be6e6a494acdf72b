// POSIX files and directories with Status errors. Every message names the file and the system's
// reason. The two calls that a disk can fail late, write and sync, go through a door for tests.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "ringfort/status.h"

namespace ringfort::wal {

/// The system calls that reach the disk. Thread-safe. Tests override them to fail or to stall.
class Disk {
 public:
  virtual ~Disk() = default;
  virtual ssize_t Pwrite(int fd, const char* bytes, std::size_t count, off_t offset);
  virtual int Fdatasync(int fd);
  /// Of a directory.
  virtual int Fsync(int fd);

  /// The real one.
  static Disk& Real();
};

/// kIoError: "cannot VERB PATH: REASON OF errno (HINT)".
Status IoError(std::string_view verb, std::string_view path, int error);

/// An open file; closed at the end. Reads and writes at an offset are thread-safe.
class File {
 public:
  File() = default;
  File(File&& other) noexcept;
  File& operator=(File&& other) noexcept;
  ~File();

  /// Opens for reading and writing, or for reading only. kNotFound when there is none.
  static Result<File> Open(std::string path, bool writable, Disk& disk = Disk::Real());
  /// Makes an empty file, in place of what stood there.
  static Result<File> Create(std::string path, Disk& disk = Disk::Real());

  /// All of the bytes, or an error; the end of the file is one.
  Status ReadAt(std::uint64_t offset, char* out, std::size_t count) const;
  Status WriteAt(std::uint64_t offset, std::string_view bytes);
  /// fdatasync.
  Status Sync();
  /// Makes the next read come from the disk, as far as what the cache holds is on it.
  void DropCache();

  [[nodiscard]] Result<std::uint64_t> size_bytes() const;
  [[nodiscard]] const std::string& path() const { return path_; }
  /// After the file was renamed.
  void set_path(std::string path) { path_ = std::move(path); }

 private:
  File(int fd, std::string path, Disk& disk) : fd_(fd), path_(std::move(path)), disk_(&disk) {}

  int fd_ = -1;
  std::string path_;
  Disk* disk_ = nullptr;
};

/// An open directory. Thread-safe.
class Directory {
 public:
  ~Directory();
  Directory(const Directory&) = delete;
  Directory& operator=(const Directory&) = delete;

  /// kNotFound when there is none.
  static Result<std::shared_ptr<Directory>> Open(std::string path, Disk& disk = Disk::Real());
  /// Opens it; makes it first, durably, when it is not there. Its parent must be.
  static Result<std::shared_ptr<Directory>> OpenOrCreate(const std::string& path,
                                                         Disk& disk = Disk::Real());

  /// Keeps other processes out until this object dies; an error when one is in.
  Status Lock();
  [[nodiscard]] Result<std::vector<std::string>> List() const;
  /// Each lasts only after Sync.
  Status Rename(const std::string& from, const std::string& to);
  Status Remove(const std::string& name);
  Status Sync();

  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] std::string PathOf(std::string_view name) const;

 private:
  Directory(int fd, std::string path, Disk& disk) : fd_(fd), path_(std::move(path)), disk_(disk) {}

  int fd_;
  std::string path_;
  Disk& disk_;
};

}  // namespace ringfort::wal

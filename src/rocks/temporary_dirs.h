// Directories for the files of snapshots that come and go. They lie inside the store's own, so that
// files move between them and RocksDB as links.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

#include "ringfort/status.h"

namespace ringfort::rocks {

class TemporaryDirs;

/// A name for a directory, its owner's alone. What is there is removed at the end: not on a loop.
class TemporaryDir {
 public:
  TemporaryDir(TemporaryDirs* owner, std::string path);
  ~TemporaryDir();
  TemporaryDir(const TemporaryDir&) = delete;
  TemporaryDir& operator=(const TemporaryDir&) = delete;

  /// Nothing is there until somebody makes it.
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  TemporaryDirs* const owner_;
  const std::string path_;
};

/// Thread-safe. Outlives what it hands out, which a check holds it to.
class TemporaryDirs {
 public:
  explicit TemporaryDirs(std::string root) : root_(std::move(root)) {}
  ~TemporaryDirs();

  /// Makes the root, and removes what an earlier process left there. Once, before anything else.
  Status Clean();
  /// Another path than ever before.
  std::unique_ptr<TemporaryDir> Next();

 private:
  friend class TemporaryDir;

  const std::string root_;
  std::atomic<std::uint64_t> last_ = 0;
  std::atomic<int> in_use_ = 0;
};

}  // namespace ringfort::rocks

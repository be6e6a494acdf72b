// A file system on which a directory that is open is opened once.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>

#include <rocksdb/file_system.h>

namespace ringfort::rocks {

/// RocksDB 7.8.3 keeps the data directory open for each column family that a process has made (seen
/// in /proc): a descriptor for each replica, which no budget of tables knows of. Here they share
/// one. Thread-safe.
class SharedDirectories : public rocksdb::FileSystemWrapper {
 public:
  using FileSystemWrapper::FileSystemWrapper;

  [[nodiscard]] const char* Name() const override { return "ringfort.SharedDirectories"; }
  rocksdb::IOStatus NewDirectory(const std::string& path, const rocksdb::IOOptions& options,
                                 std::unique_ptr<rocksdb::FSDirectory>* directory,
                                 rocksdb::IODebugContext* context) override;

 private:
  std::mutex mutex_;
  /// By path; guarded by mutex_.
  std::map<std::string, std::weak_ptr<rocksdb::FSDirectory>> open_;
};

}  // namespace ringfort::rocks

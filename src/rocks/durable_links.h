// A file system that makes links into one directory durable at once.
#pragma once

#include <memory>
#include <string>

#include <rocksdb/file_system.h>

namespace ringfort::rocks {

/// RocksDB 7.8.3 imports tables by links, and then syncs a manifest that names them, but not the
/// directory (seen by strace). A power cut between may leave a manifest whose tables are missing,
/// with which the whole store does not open. So here each link into `dir` is synced before LinkFile
/// answers. Thread-safe.
class DurableLinks : public rocksdb::FileSystemWrapper {
 public:
  DurableLinks(const std::shared_ptr<rocksdb::FileSystem>& base, std::string dir)
      : FileSystemWrapper(base), dir_(std::move(dir)) {}

  [[nodiscard]] const char* Name() const override { return "ringfort.DurableLinks"; }
  rocksdb::IOStatus LinkFile(const std::string& from, const std::string& to,
                             const rocksdb::IOOptions& options,
                             rocksdb::IODebugContext* context) override;

 private:
  const std::string dir_;
};

}  // namespace ringfort::rocks

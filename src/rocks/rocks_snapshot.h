// A snapshot of one replica's data: the tables of its column family at one moment, as links, and a
// manifest that says what RocksDB must be told about them.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include <rocksdb/db.h>
#include <rocksdb/rate_limiter.h>

#include "ringfort/status.h"
#include "rocks/temporary_dirs.h"
#include "storage/shard_store.h"

namespace ringfort::rocks {

/// Threads: as Snapshot says.
class RocksSnapshot : public storage::Snapshot {
 public:
  /// Flushes and links. One moment: RocksDB links one version of the column family, and a batch
  /// lies in one memtable and so in one table.
  static Result<std::shared_ptr<storage::Snapshot>> Make(rocksdb::DB* db,
                                                         rocksdb::ColumnFamilyHandle* family,
                                                         std::unique_ptr<TemporaryDir> dir,
                                                         rocksdb::RateLimiter* budget);

  [[nodiscard]] storage::Applied applied() const override { return applied_; }
  [[nodiscard]] const std::vector<storage::SnapshotFile>& files() const override { return files_; }
  [[nodiscard]] Result<std::string> Read(std::size_t file, std::uint64_t offset,
                                         std::size_t bytes_max) const override;

 private:
  explicit RocksSnapshot(std::unique_ptr<TemporaryDir> dir) : dir_(std::move(dir)) {}

  const std::unique_ptr<TemporaryDir> dir_;
  std::vector<std::string> paths_;
  std::vector<storage::SnapshotFile> files_;
  storage::Applied applied_;
};

}  // namespace ringfort::rocks

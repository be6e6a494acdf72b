// The files of a snapshot on their way into RocksDB.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <rocksdb/env.h>
#include <rocksdb/metadata.h>
#include <rocksdb/rate_limiter.h>

#include "ringfort/status.h"
#include "rocks/import_room.h"
#include "rocks/temporary_dirs.h"
#include "storage/shard_store.h"

namespace ringfort::rocks {

/// Threads: as Import says.
class RocksImport : public storage::Import {
 public:
  struct Plan {
    storage::Applied applied;
    std::vector<storage::SnapshotFile> files;
    /// For the files that are written.
    rocksdb::EnvOptions file_options;
    rocksdb::RateLimiter* budget;
    /// Where all bytes of `files` are set aside; how many they are.
    ImportRoom* room;
    std::uint64_t bytes;
    /// Makes the column family out of checked and synced tables, durably.
    std::function<Status(const rocksdb::ExportImportFilesMetaData&)> adopt;
  };
  ~RocksImport() override { plan_.room->GiveBack(awaited_); }
  static Result<std::unique_ptr<storage::Import>> Begin(Plan plan,
                                                        std::unique_ptr<TemporaryDir> dir);

  [[nodiscard]] Position position() const override { return position_; }
  Status Write(Position at, std::string_view bytes) override;
  Status Finish() override;

 private:
  RocksImport(Plan plan, std::unique_ptr<TemporaryDir> dir)
      : plan_(std::move(plan)), dir_(std::move(dir)), awaited_(plan_.bytes) {}

  [[nodiscard]] std::string FileName(std::size_t file) const;
  rocksdb::Status Append(std::string_view bytes);
  Status CheckFiles() const;
  [[nodiscard]] Result<rocksdb::ExportImportFilesMetaData> ReadManifest() const;

  const Plan plan_;
  const std::unique_ptr<TemporaryDir> dir_;
  Position position_;
  /// Bytes that are still to come.
  std::uint64_t awaited_;
  /// The one in hand; none at the beginning of each.
  std::unique_ptr<rocksdb::WritableFile> open_;
  /// The error that ended the import.
  Status failed_;
};

}  // namespace ringfort::rocks

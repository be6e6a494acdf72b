// The shards' data on disk: one RocksDB for a node, one column family for a replica.
//
// Nothing is written ahead: the Raft log is the write-ahead log. A crash takes each replica back to
// what it had flushed, its applied mark with it, and the log is replayed from there.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include <rocksdb/db.h>
#include <rocksdb/metadata.h>

#include "ringfort/status.h"
#include "rocks/background_errors.h"
#include "rocks/damage_marks.h"
#include "rocks/import_room.h"
#include "rocks/rocks_options.h"
#include "rocks/rocks_shard.h"
#include "rocks/temporary_dirs.h"
#include "storage/shard_store.h"

namespace ringfort::rocks {

/// Thread-safe. Outlives every ShardData, Snapshot and Import that it handed out.
class RocksStore : public storage::ShardStore {
 public:
  /// Opens the store in `options.dir`, or makes it. Reads and writes the disk.
  ///
  /// kWrongCluster: the data belong to another incarnation. kCorruption: data are missing where
  /// `expect_existing` says they must be, or the files are damaged. kIoError: another process has
  /// the directory, or it cannot be read or written.
  static Result<std::unique_ptr<RocksStore>> Open(Options options);
  /// The maps that the files in `dir` hold, which nobody has open. Changes nothing.
  static Result<std::vector<Name>> ListIn(const std::string& dir);

  /// Flushes for at most `flush_on_close_for` and closes the files. Nobody holds a ShardData,
  /// Snapshot or Import.
  ~RocksStore() override;

  [[nodiscard]] std::vector<Name> List() const override;
  Status Create(const std::vector<Name>& names) override;
  /// Whoever opens the same name while it is open gets the same object.
  Result<std::shared_ptr<storage::ShardData>> Open(Name name) override;
  Status Drop(Name name) override;
  Status MarkDamaged(Name name, const Status& damage) override;
  Result<std::shared_ptr<storage::Snapshot>> Export(Name name) override;
  Result<std::unique_ptr<storage::Import>> BeginImport(
      Name name, storage::Applied applied, std::vector<storage::SnapshotFile> files) override;

  /// Ok, or the first error of a write, flush or compaction. It is final: Apply and Flush fail with
  /// it from then on, and the node must stop.
  [[nodiscard]] Status health() const { return errors_->health(); }

 private:
  struct Family {
    rocksdb::ColumnFamilyHandle* handle = nullptr;
    std::weak_ptr<RocksShard> open;
    /// As it was found when the store was opened.
    Status damage;
  };

  explicit RocksStore(Options options);

  Status OpenFiles(bool exists);
  Status CheckFormat();
  Status CheckIncarnation();
  Result<std::shared_ptr<RocksShard>> OpenShard(Name name);
  [[nodiscard]] Status CheckNotThere(Name name) const;
  Status Adopt(Name name, const rocksdb::ExportImportFilesMetaData& tables);
  /// So many bytes imports may fill: what is free, less the reserve.
  [[nodiscard]] std::uint64_t BytesForImports() const;
  void FlushBeforeClose();

  const Options options_;
  const std::shared_ptr<BackgroundErrors> errors_;
  const std::shared_ptr<DamageMarks> marks_;
  const Budgets budgets_;
  TemporaryDirs temporary_;
  ImportRoom import_room_;
  std::unique_ptr<rocksdb::DB> db_;
  rocksdb::ColumnFamilyHandle* default_family_ = nullptr;

  mutable std::mutex mutex_;
  std::map<Name, Family> families_;  // Guarded by mutex_.
};

}  // namespace ringfort::rocks

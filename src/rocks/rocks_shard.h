// One replica's data: a column family of the node's RocksDB, written without a WAL.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include <rocksdb/db.h>
#include <rocksdb/write_buffer_manager.h>

#include "ringfort/status.h"
#include "rocks/background_errors.h"
#include "storage/shard_store.h"

namespace ringfort::rocks {

/// What a replica's data needs of the store that opened it. The store outlives it.
struct ShardPlace {
  rocksdb::DB* db;
  rocksdb::ColumnFamilyHandle* family;
  const rocksdb::WriteBufferManager* write_buffers;
  BackgroundErrors* errors;
  Status damage;
};

/// Threads: as ShardData says.
class RocksShard : public storage::ShardData {
 public:
  /// Reads the applied mark, from disk where it has to.
  static Result<std::shared_ptr<RocksShard>> Open(ShardPlace place);

  [[nodiscard]] Result<std::optional<std::string>> Get(std::string_view key,
                                                       storage::ReadDepth depth) const override;
  [[nodiscard]] Result<storage::RangePage> Range(const storage::RangeQuery& query,
                                                 storage::ReadDepth depth) const override;
  [[nodiscard]] std::unique_ptr<storage::Cursor> OpenCursor() const override;
  Status Apply(const std::vector<storage::Mutation>& mutations, storage::Applied applied,
               bool may_wait) override;
  [[nodiscard]] storage::Applied applied() const override;
  [[nodiscard]] Result<storage::Applied> flushed_applied() const override;
  Status Flush() override;
  [[nodiscard]] Status damage() const override { return place_.damage; }
  [[nodiscard]] std::uint64_t size_bytes() const override;

  [[nodiscard]] rocksdb::ColumnFamilyHandle* family() const { return place_.family; }

 private:
  RocksShard(ShardPlace place, storage::Applied applied) : place_(place), applied_(applied) {}

  static Result<storage::Applied> ReadApplied(ShardPlace place, rocksdb::ReadTier tier);
  Status MakeRoom(bool may_wait);

  const ShardPlace place_;
  mutable std::mutex mutex_;
  storage::Applied applied_;  // Guarded by mutex_.
};

}  // namespace ringfort::rocks

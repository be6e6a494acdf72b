// How a node's RocksDB is set up. Each setting that differs from RocksDB's own says why.
#include "rocks/rocks_options.h"

#include <algorithm>

#include <rocksdb/cache.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/rate_limiter.h>
#include <rocksdb/table.h>

#include "rocks/durable_links.h"
#include "rocks/no_options_files.h"
#include "rocks/shared_directories.h"

namespace ringfort::rocks {
namespace {

constexpr std::uint64_t kKiB = 1024;
constexpr std::uint64_t kMiB = 1024 * kKiB;

rocksdb::DBOptions NodeOptions(const Options& options,
                               std::shared_ptr<rocksdb::WriteBufferManager> write_buffers) {
  rocksdb::DBOptions db;
  db.write_buffer_manager = std::move(write_buffers);
  db.max_background_jobs = 2;  // One flush, one compaction: a node's loops come first.
  db.max_open_files = options.open_files_max;
  // Files are deleted in the background: the end of a loop's read must not unlink one.
  db.avoid_unnecessary_blocking_io = true;
  db.fail_if_options_file_error = false;  // There is none: see NoOptionsFiles.
  // Closing is RocksStore's: RocksDB flushes without a limit of time.
  db.avoid_flush_during_shutdown = true;
  // An error is final for the node; RocksDB must not carry on behind its back.
  db.max_bgerror_resume_count = 0;
  // Write back as we go instead of in one burst that a synced log write would wait behind.
  db.bytes_per_sync = kMiB;
  if (options.background_bytes_per_second > 0) {
    db.rate_limiter.reset(
        rocksdb::NewGenericRateLimiter(static_cast<int64_t>(options.background_bytes_per_second)));
  }
  db.compaction_readahead_size = 2 * kMiB;
  db.max_manifest_file_size = 64 * kMiB;
  // RocksDB describes every column family in its info log, at each start.
  db.max_log_file_size = 16 * kMiB;
  db.keep_log_file_num = 3;
  // Nobody reads RocksDB's statistics here: no thread and no log lines for them.
  db.stats_dump_period_sec = 0;
  db.stats_persist_period_sec = 0;
  db.skip_stats_update_on_db_open = true;
  return db;
}

rocksdb::ColumnFamilyOptions ReplicaOptions(const Options& options) {
  rocksdb::BlockBasedTableOptions table;
  table.block_cache =
      rocksdb::NewLRUCache(options.block_cache_bytes, /*num_shard_bits=*/-1,
                           /*strict_capacity_limit=*/false, /*high_pri_pool_ratio=*/0.5);
  // Indexes and filters count against the budget, and leave the cache after the data.
  table.cache_index_and_filter_blocks = true;
  table.cache_index_and_filter_blocks_with_high_priority = true;
  table.pin_l0_filter_and_index_blocks_in_cache = true;
  table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
  table.block_size = 8 * kKiB;
  table.format_version = 5;
  table.checksum = rocksdb::kXXH3;

  rocksdb::ColumnFamilyOptions family;
  family.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  // A memtable takes memory in blocks of this size, once its first 2 KiB are used. RocksDB's own
  // choice (1 MiB) is more than thousands of replicas with little to do can have. For the same
  // reason there is no memtable bloom filter: it is allocated in full beforehand.
  family.arena_block_size = 8 * kKiB;
  family.write_buffer_size =
      std::clamp<std::uint64_t>(options.write_buffer_bytes / 4, 256 * kKiB, 32 * kMiB);
  // A stall of one column family stalls all: leave room before it comes to that.
  family.max_write_buffer_number = 4;
  family.level_compaction_dynamic_level_bytes = true;
  // Level 0 is short-lived; it is flushed faster without.
  family.compression_per_level = {rocksdb::kNoCompression, rocksdb::kLZ4Compression};
  return family;
}

}  // namespace

Budgets::Budgets(const Options& options)
    : write_buffers(std::make_shared<rocksdb::WriteBufferManager>(options.write_buffer_bytes)),
      env(rocksdb::NewCompositeEnv(
          std::make_shared<SharedDirectories>(std::make_shared<DurableLinks>(
              std::make_shared<NoOptionsFiles>(rocksdb::FileSystem::Default()), options.dir)))),
      db(NodeOptions(options, write_buffers)),
      column_family(ReplicaOptions(options)) {
  db.env = env.get();
}

}  // namespace ringfort::rocks

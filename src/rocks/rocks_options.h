// How a node's RocksDB is set up: what Ringfort asks of it, and why.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include <rocksdb/env.h>
#include <rocksdb/listener.h>
#include <rocksdb/options.h>
#include <rocksdb/write_buffer_manager.h>

#include "base/ids.h"

namespace ringfort::rocks {

/// Budgets are for the whole node, whatever the number of replicas.
struct Options {
  std::string dir;
  /// Whose data this is. Written when the store is made, compared whenever it is opened.
  Incarnation incarnation;
  /// The node has stored here before: an empty directory is a loss, not a beginning.
  bool expect_existing = false;

  std::uint64_t block_cache_bytes = std::uint64_t{512} << 20;
  /// All memtables together. At this size the oldest is flushed; at twice this size Apply waits or
  /// answers kOverloaded. An idle replica takes 2 KiB of it (and 66 KiB beside it), one with a
  /// few writes 10 KiB.
  std::uint64_t write_buffer_bytes = std::uint64_t{256} << 20;
  /// Data files held open at a time; the rest are opened again when needed. (A node's follows from
  /// what its process may open: server/descriptors.h.)
  int open_files_max = 512;
  /// Flushes, compactions and imports together write no faster; 0 is no limit. The pass over its
  /// files that an export or import takes to check them counts too.
  std::uint64_t background_bytes_per_second = 0;
  /// Called before anything that was applied is made durable, on RocksDB's threads, each time and
  /// with no lock held: returns once the log lasts as far as it was applied (protocols 4). It
  /// cannot refuse: where the log failed, it must stop the node. Usable until the store is closed.
  std::function<void()> before_flush;
  /// What imports leave free of the disk, as storage::ReserveOf has it.
  std::uint64_t disk_reserve_bytes = 0;
  /// For how long closing flushes what is in memory, so that the next start replays less of the
  /// log. What it does not get to is replayed. Zero flushes nothing: the disk is then as after kill
  /// -9.
  std::chrono::milliseconds flush_on_close_for{5000};
};

/// What the column families of a node share.
struct Budgets {
  explicit Budgets(const Options& options);

  std::shared_ptr<rocksdb::WriteBufferManager> write_buffers;
  /// Of `db`, which does not own it.
  std::unique_ptr<rocksdb::Env> env;
  rocksdb::DBOptions db;
  rocksdb::ColumnFamilyOptions column_family;
};

}  // namespace ringfort::rocks

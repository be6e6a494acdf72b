// Opens what a node has on disk. Where the log or the data are damaged, both are set aside, and the
// node comes back without them: never as a voter with a shorter memory (protocols 4).
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "ringfort/status.h"
#include "rocks/rocks_store.h"
#include "server/data_dir.h"
#include "wal/wal.h"

namespace ringfort::server {

struct Stores {
  /// Outlives the shards, whose every flush syncs it first.
  std::unique_ptr<wal::Wal> log;
  std::unique_ptr<rocks::RocksStore> shards;
  /// What was found damaged and where it is now, for the operator: one line; empty when nothing
  /// was.
  std::string damage;
};

/// The stores of the directory, opened, and the boot counted. The places and the incarnation in the
/// options are filled in here. kCorruption for damage that no other node can make good; other
/// errors as wal::Wal and rocks::RocksStore have them. A crash at any moment leaves what the next
/// call brings to the same end.
///
/// `on_fatal` is called, on any thread, when the log cannot be synced before a flush of the shards.
/// It must not return: the flush would go on and leave data that the log lacks.
Result<Stores> OpenStores(DataDir* dir, wal::Options log_options, rocks::Options shard_options,
                          const std::function<void(const Status&)>& on_fatal);

}  // namespace ringfort::server

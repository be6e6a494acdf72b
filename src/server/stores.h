// Opens what a node has on disk. Where the log or the data are damaged, both are quarantined, and
// the node comes back without them: never as a voter with a shorter memory (protocols 4). What is
// absent is not damaged: then the node does not start. And nothing is moved before it is known that
// the node can go on without it.
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

/// Whether a node may go on without its stores.
struct GiveUpRules {
  /// The operator gives the node's copies up (--start_empty): also those that are absent, or of an
  /// old copy of the directory.
  bool start_empty = false;
  /// Asked before damaged stores are moved: whether the other nodes serve all shards of this one,
  /// so that they need nothing of what it holds. Not ok: why that is not known. May block.
  std::function<Status()> others_serve;
};

/// The stores of the directory, opened as they are: nothing is set aside, no boot is counted. The
/// places and the incarnation in the options are filled in here. Errors as wal::Wal and
/// rocks::RocksStore have them; `on_fatal` as for OpenStores.
Result<Stores> OpenStoresAsTheyAre(const DataDir& dir, wal::Options log_options,
                                   rocks::Options shard_options,
                                   const std::function<void(const Status&)>& on_fatal);

/// The stores of the directory, opened, and the boot counted. The places and the incarnation in the
/// options are filled in here. kUnavailable for absent ones, and for damaged ones while the other
/// nodes do not serve: nothing is changed then. kConditionFailed for --start_empty with stores that
/// are whole. kCorruption for damage that no other node can make good; other errors as wal::Wal and
/// rocks::RocksStore have them. A crash at any moment leaves what the next call brings to the same
/// end.
///
/// `on_fatal` is called, on any thread, when the log cannot be synced before a flush of the shards.
/// It must not return: the flush would go on and leave data that the log lacks.
Result<Stores> OpenStores(DataDir* dir, wal::Options log_options, rocks::Options shard_options,
                          const std::function<void(const Status&)>& on_fatal,
                          const GiveUpRules& rules);

}  // namespace ringfort::server

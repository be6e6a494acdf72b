// Keeps the log within its budget: cuts each shard's log up to what its data have in files, and
// flushes the shards that alone hold the oldest segment back.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "base/ids.h"
#include "env/loop.h"
#include "node/shard_loop.h"
#include "storage/log_store.h"
#include "storage/shard_store.h"

namespace ringfort::node {

struct LogKeeperOptions {
  Duration interval = std::chrono::seconds(1);
  /// Above half of this, logs are cut; above all of it, shards are flushed so that more can be cut.
  std::size_t log_bytes_max = std::size_t{512} << 20;
};

/// Lives on the control loop; its disk work on the pool.
class LogKeeper {
 public:
  struct Kept {
    ShardId shard;
    std::shared_ptr<storage::ShardData> data;
    ShardLoop* loop;
  };

  LogKeeper(LogKeeperOptions options, env::Loop* control, env::Executor* pool,
            storage::LogStore* log, std::function<void(const Status&)> on_fatal);

  void Start(std::vector<Kept> shards);
  void Stop() { stopped_ = true; }

 private:
  void Look();
  /// On the pool.
  Status FlushAndCut();

  const LogKeeperOptions options_;
  env::Loop* const control_;
  env::Executor* const pool_;
  storage::LogStore* const log_;
  const std::function<void(const Status&)> on_fatal_;
  std::vector<Kept> shards_;
  bool stopped_ = false;
};

}  // namespace ringfort::node

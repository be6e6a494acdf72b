// Keeps the log within its budget: cuts each shard's log up to what its data have in files, and
// flushes the shards that alone hold the oldest segment back. What such a shard cannot apply, for
// want of a quorum, is written to the log once more.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
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
  /// Above half of this, logs are cut as far as no member needs them; above all of it, shards are
  /// flushed, and cut without regard to members that lag: those get a snapshot.
  std::size_t log_bytes_max = std::size_t{512} << 20;
};

/// Lives on the control loop; its disk work on the pool.
class LogKeeper {
 public:
  LogKeeper(LogKeeperOptions options, env::Loop* control, env::Executor* pool,
            storage::LogStore* log, std::function<void(const Status&)> on_fatal);

  struct Kept {
    ShardId shard;
    /// Null, as the loop: a void replica's, whose log stays as it is.
    std::shared_ptr<storage::ShardData> data;
    ShardLoop* loop;
  };
  using Shards = std::vector<Kept>;
  /// Finds all replicas of the node and hands them over, on the control loop.
  using Collect = std::function<void(std::function<void(Shards)>)>;

  void Start(Collect collect);
  void Stop() { stopped_ = true; }

 private:
  void Look();
  /// On the pool.
  Status FlushAndCut(const Shards& shards);
  /// What a flush did not free.
  Status WriteAgain(ShardId shard);

  const LogKeeperOptions options_;
  env::Loop* const control_;
  env::Executor* const pool_;
  storage::LogStore* const log_;
  const std::function<void(const Status&)> on_fatal_;
  Collect collect_;
  // On the pool, where one round is at work at a time.
  /// For how many rounds each shard was flushed or written again while it held the oldest segment
  /// of a full log.
  std::map<ShardId, int> pressed_;
  /// What was written again since the log was last within its budget.
  std::size_t rewritten_bytes_ = 0;
  bool stopped_ = false;
};

}  // namespace ringfort::node

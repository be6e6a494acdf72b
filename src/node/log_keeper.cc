#include "node/log_keeper.h"

#include <algorithm>
#include <utility>

namespace ringfort::node {
namespace {

// A round flushes at most so many shards, so that it ends soon and the next one sees what it
// achieved.
constexpr std::size_t kFlushesPerRound = 8;

}  // namespace

LogKeeper::LogKeeper(LogKeeperOptions options, env::Loop* control, env::Executor* pool,
                     storage::LogStore* log, std::function<void(const Status&)> on_fatal)
    : options_(options),
      control_(control),
      pool_(pool),
      log_(log),
      on_fatal_(std::move(on_fatal)) {}

void LogKeeper::Start(std::vector<Kept> shards) {
  shards_ = std::move(shards);
  Look();
}

void LogKeeper::Look() {
  if (stopped_) return;
  auto again = [this] { control_->RunAt(control_->Now() + options_.interval, [this] { Look(); }); };
  if (log_->usage().bytes <= options_.log_bytes_max / 2) {
    again();
    return;
  }
  pool_->Post([this, again] {
    Status status = FlushAndCut();
    control_->Post([this, again, status = std::move(status)] {
      if (!status.ok()) on_fatal_(status);
      again();
    });
  });
}

Status LogKeeper::FlushAndCut() {
  const storage::LogStore::Usage usage = log_->usage();
  if (usage.bytes > options_.log_bytes_max) {
    std::size_t flushes = 0;
    for (const Kept& kept : shards_) {
      const bool oldest =
          std::find(usage.oldest.begin(), usage.oldest.end(), kept.shard) != usage.oldest.end();
      if (!oldest || flushes == kFlushesPerRound) continue;
      ++flushes;
      if (Status status = kept.data->Flush(); !status.ok()) return status;
    }
  }
  for (const Kept& kept : shards_) {
    auto flushed = kept.data->flushed_applied();
    if (!flushed.ok()) return flushed.status();
    kept.loop->loop()->Post([loop = kept.loop, shard = kept.shard, index = flushed->index] {
      if (replica::Replica* replica = loop->Find(shard)) replica->CutLog(index);
    });
  }
  return Status::Ok();
}

}  // namespace ringfort::node

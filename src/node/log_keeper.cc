#include "node/log_keeper.h"

#include <algorithm>
#include <utility>

namespace ringfort::node {
namespace {

// A round flushes at most so many shards, so that it ends soon and the next one sees what it
// achieved.
constexpr std::size_t kFlushesPerRound = 8;
// Rounds of a full log follow on one another ten times as fast. A shard that still holds it back
// after a flush will hardly gain by another one at once.
constexpr int kRoundsPerFlush = 10;

}  // namespace

LogKeeper::LogKeeper(LogKeeperOptions options, env::Loop* control, env::Executor* pool,
                     storage::LogStore* log, std::function<void(const Status&)> on_fatal)
    : options_(options),
      control_(control),
      pool_(pool),
      log_(log),
      on_fatal_(std::move(on_fatal)) {}

void LogKeeper::Start(Collect collect) {
  collect_ = std::move(collect);
  Look();
}

void LogKeeper::Look() {
  if (stopped_) return;
  const std::size_t bytes = log_->usage().bytes;
  if (bytes <= options_.log_bytes_max) rewritten_bytes_ = 0;
  const Duration pause =
      bytes > options_.log_bytes_max ? options_.interval / kRoundsPerFlush : options_.interval;
  auto again = [this, pause] { control_->RunAt(control_->Now() + pause, [this] { Look(); }); };
  if (bytes <= options_.log_bytes_max / 2) {
    again();
    return;
  }
  collect_([this, again](Shards shards) {
    pool_->Post([this, again, shards = std::move(shards)]() mutable {
      Status status = FlushAndCut(shards);
      shards.clear();
      control_->Post([this, again, status = std::move(status)] {
        if (!status.ok()) on_fatal_(status);
        again();
      });
    });
  });
}

Status LogKeeper::FlushAndCut(const Shards& shards) {
  // What the last round cut takes effect with the next write, and a node may have nothing to write.
  if (Status status = log_->Sync(); !status.ok()) return status;
  const storage::LogStore::Usage usage = log_->usage();
  const bool full = usage.bytes > options_.log_bytes_max;
  std::size_t flushes = 0;
  std::map<ShardId, int> before = std::exchange(pressed_, {});
  for (const Kept& kept : shards) {
    const bool pressed = full && std::find(usage.oldest.begin(), usage.oldest.end(), kept.shard) !=
                                     usage.oldest.end();
    if (kept.data == nullptr) {
      if (!pressed) continue;
      if (Status status = WriteAgain(kept.shard); !status.ok()) return status;
      continue;
    }
    if (pressed) {
      int& rounds = pressed_[kept.shard] = before[kept.shard];
      if (rounds % kRoundsPerFlush != 0) {
        ++rounds;
        if (Status status = WriteAgain(kept.shard); !status.ok()) return status;
      } else if (flushes < kFlushesPerRound) {
        ++rounds;
        ++flushes;
        if (Status status = kept.data->Flush(); !status.ok()) return status;
      }
    }
    auto flushed = kept.data->flushed_applied();
    // Damage is believed of a read that fails twice.
    if (flushed.status().code() == Code::kCorruption) flushed = kept.data->flushed_applied();
    if (flushed.status().code() == Code::kCorruption) {
      kept.loop->loop()->Post([loop = kept.loop, shard = kept.shard, data = kept.data.get(),
                               status = flushed.status()] {
        replica::Replica* replica = loop->Find(shard);
        if (replica != nullptr && replica->data().get() == data) replica->OnDamaged(status);
      });
      continue;
    }
    if (!flushed.ok()) return flushed.status();
    kept.loop->loop()->Post([loop = kept.loop, shard = kept.shard, data = kept.data.get(),
                             index = flushed->index, pressed] {
      replica::Replica* replica = loop->Find(shard);
      // A snapshot may have put other data in their place meanwhile.
      if (replica != nullptr && replica->data().get() == data) {
        replica->CutLog(index, pressed);
      }
    });
  }
  return Status::Ok();
}

Status LogKeeper::WriteAgain(ShardId shard) {
  // No more than that: or a log full of what nobody can apply would be written over and over.
  if (rewritten_bytes_ > options_.log_bytes_max / 2) return Status::Ok();
  const Result<std::size_t> bytes = log_->Rewrite(shard);
  if (bytes.ok()) rewritten_bytes_ += *bytes;
  return bytes.status();
}

}  // namespace ringfort::node

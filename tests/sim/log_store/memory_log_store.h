// The simulator's log: in memory, and as forgetful as a disk. The contract suite in
// tests/contract/log_store runs on this one and on the real one.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <vector>

#include "base/time.h"
#include "env/loop.h"
#include "storage/log_store.h"

namespace ringfort::sim {

/// What becomes of the writes that were not synced when the machine stopped.
enum class Unsynced : std::uint8_t {
  kLost,  ///< Nothing of them is there.
  kKept,  ///< All that had been begun is there, though nobody was told.
  kTorn,  ///< The last is there in part: the log opens as unsure. Nothing of them is there.
};

/// The disk and the process on it in one: it outlives a crash, and is opened again by TakeRecovery.
/// One thread, unlike the real one, so a simulator can drive it by a virtual clock.
class MemoryLogStore final : public storage::LogStore {
 public:
  struct Options {
    /// As --durability=relaxed.
    bool relaxed = false;
    /// Runs the task when a write, and its sync, that begin now are over. Never at once.
    std::function<void(env::Task)> when_written;
    std::function<MonotonicTime()> now;
  };

  explicit MemoryLogStore(Options options);

  storage::Recovery TakeRecovery() override;
  void Append(std::vector<storage::LogUpdate> updates, storage::AppendDone done) override;
  /// At once: the writes in flight are synced when it returns, though their `done` comes later.
  Status Sync() override;
  Result<std::vector<raft::Entry>> Read(ShardId shard, LogIndex first, LogIndex last,
                                        std::size_t bytes_max) override;
  void Cut(ShardId shard, LogIndex index, Term term, const raft::Members& members) override;
  [[nodiscard]] Usage usage() const override;
  [[nodiscard]] Duration stalled_for() const override;

  /// The process or the machine stops. No `done` of before is called any more. Then TakeRecovery
  /// shows what the disk kept.
  void ForgetUnsynced(Unsynced fate);
  /// Every write from the one in flight on fails with this error.
  void FailWrites(Status failure);

 private:
  struct StoredEntry {
    raft::Entry entry;
    std::uint64_t batch = 0;
  };
  struct Shard {
    raft::HardState hard_state;
    raft::LogBase base;
    storage::Generation generation;
    std::deque<StoredEntry> entries;

    [[nodiscard]] LogIndex last() const { return base.index + entries.size(); }
  };
  using Shards = std::map<ShardId, Shard>;
  using Cuts = std::map<ShardId, raft::LogBase>;

  /// One call of Append.
  struct Work {
    std::vector<storage::LogUpdate> updates;
    storage::AppendDone done;
  };
  struct Batch {
    std::uint64_t number = 0;
    Cuts cuts;
    std::vector<Work> works;
    bool sync = false;
    bool written = false;
  };

  void BeginWrite();
  void FinishWrite();
  /// Takes the batch into what this process sees, and onto the disk if it is a synced one.
  void Apply(Batch* batch);
  void SyncWritten();
  [[nodiscard]] bool NeedsSync(const Batch& batch) const;
  static void ApplyTo(Shards* shards, const Batch& batch);

  const Options options_;
  /// As a running process sees it, and as a crash would leave it.
  Shards seen_;
  Shards synced_;
  /// Written, in seen_, and not yet in synced_; without their callbacks.
  std::vector<Batch> unsynced_;
  bool torn_ = false;
  Status failure_;

  std::deque<Work> queue_;
  Cuts cuts_;
  std::unique_ptr<Batch> in_flight_;
  MonotonicTime in_flight_since_ = kNever;
  std::uint64_t next_batch_ = 1;
  /// Dies with the process: a task of before a crash finds it gone.
  std::shared_ptr<bool> process_ = std::make_shared<bool>(true);
};

}  // namespace ringfort::sim

// The simulator's log: in memory, and as forgetful as a disk. The contract suite in
// tests/contract/log_store runs on this one and on the real one.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
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
    /// For who watches: sees each update when it is written, and again when it is synced. May be
    /// empty.
    std::function<void(const storage::LogUpdate&, bool synced)> watch = nullptr;
  };

  explicit MemoryLogStore(Options options);

  storage::Recovery TakeRecovery() override;
  void Append(std::vector<storage::LogUpdate> updates, storage::AppendDone done) override;
  /// At once: the writes in flight are synced when it returns, though their `done` comes later.
  Status Sync() override;
  Result<std::vector<raft::Entry>> Read(ShardId shard, LogIndex first, LogIndex last,
                                        std::size_t bytes_max) override;
  void Cut(ShardId shard, LogIndex index, Term term, const raft::Members& members) override;
  Result<std::size_t> Rewrite(ShardId shard) override;
  void SetFeatureLevel(FeatureLevel level) override { level_ = std::max(level_, level); }
  [[nodiscard]] Usage usage() const override;
  [[nodiscard]] Duration stalled_for() const override;

  /// The process or the machine stops. No `done` of before is called any more. Then TakeRecovery
  /// shows what the disk kept.
  void ForgetUnsynced(Unsynced fate);
  /// Every write from the one in flight on fails with this error.
  void FailWrites(Status failure);
  /// A new disk.
  void Wipe();
  /// The highest that was set on this disk: a release that does not know it refuses the log.
  [[nodiscard]] FeatureLevel feature_level() const { return level_; }
  /// The disk as a crash would leave it now; and that one in the place of this. No process runs.
  struct Disk;
  [[nodiscard]] std::shared_ptr<const Disk> CopyDisk() const;
  void PutBack(const Disk& disk);

  // For who watches; what was cut away counts as held.

  [[nodiscard]] std::optional<raft::HardState> SyncedHardState(ShardId shard) const;
  /// Whether the shard's log, as a crash would leave it, reaches up to there.
  [[nodiscard]] bool HasSynced(ShardId shard, LogIndex index) const;
  /// All entries as a crash would leave them, an update for each shard.
  [[nodiscard]] std::vector<storage::LogUpdate> SyncedEntries() const;
  /// The entry as a crash would leave it; null when there is none, or it was cut away.
  [[nodiscard]] const raft::Entry* SyncedEntry(ShardId shard, LogIndex index) const;
  /// The term of a written entry, or of the base; none outside.
  [[nodiscard]] std::optional<Term> WrittenTerm(ShardId shard, LogIndex index) const;
  /// What the shard's written log stands on; null when there is none.
  [[nodiscard]] const raft::LogBase* WrittenBase(ShardId shard) const;
  /// The members that were in force at `index` of the written log, and then each later change.
  [[nodiscard]] std::vector<raft::Members> WrittenMembers(ShardId shard, LogIndex index) const;
  /// Which data the shard's written log stands on; 0: it has none.
  [[nodiscard]] storage::Generation WrittenGeneration(ShardId shard) const;

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
    /// Null outside.
    [[nodiscard]] const StoredEntry* Find(LogIndex index) const {
      return index > base.index && index <= last() ? &entries[index - base.index - 1] : nullptr;
    }
  };
  using Shards = std::map<ShardId, Shard>;
  using Cuts = std::map<ShardId, raft::LogBase>;

  /// One call of Append.
  struct Work {
    std::vector<storage::LogUpdate> updates;
    storage::AppendDone done;
  };
  struct Chores {
    Cuts cuts;
    std::set<ShardId> rewrites;

    [[nodiscard]] bool empty() const { return cuts.empty() && rewrites.empty(); }
  };
  struct Batch {
    std::uint64_t number = 0;
    Chores chores;
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
  void ApplyTo(Shards* shards, const Batch& batch);
  void Count(const Batch& batch, const raft::Entry& entry);

  const Options options_;
  FeatureLevel level_;
  /// As a running process sees it, and as a crash would leave it.
  Shards seen_;
  Shards synced_;
  /// Written, in seen_, and not yet in synced_; without their callbacks.
  std::vector<Batch> unsynced_;
  bool torn_ = false;
  Status failure_;

  std::deque<Work> queue_;
  Chores chores_;
  std::unique_ptr<Batch> in_flight_;
  MonotonicTime in_flight_since_ = kNever;
  std::uint64_t next_batch_ = 1;
  /// What was written to each segment, in bytes of entries.
  std::map<std::uint64_t, std::size_t> segment_bytes_;
  /// Dies with the process: a task of before a crash finds it gone.
  std::shared_ptr<bool> process_ = std::make_shared<bool>(true);
};

struct MemoryLogStore::Disk {
  Shards shards;
  bool torn = false;
  FeatureLevel level;
  std::map<std::uint64_t, std::size_t> segment_bytes;
};

}  // namespace ringfort::sim

// The log of a node on disk: one writer thread, group commit across shards. See format.h for what
// the files look like, recovery.h and scan.h for how they are judged.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "base/ids.h"
#include "ringfort/status.h"
#include "storage/log_store.h"
#include "wal/file.h"
#include "wal/log_state.h"
#include "wal/log_tail.h"
#include "wal/segment.h"
#include "wal/segment_pool.h"

namespace ringfort::wal {

enum class Durability : std::uint8_t {
  kSynced,   ///< Every append is synced before it is acknowledged.
  kRelaxed,  ///< Appends that have only entries are acknowledged once they are written.
};

struct Options {
  /// Made when it is not there; its parent must be. One process at a time.
  std::string dir;
  /// Whose log it is. Never empty.
  Incarnation incarnation;
  /// The node's identity says that there is a log: an empty directory is then damage.
  bool expect_existing = false;
  /// The log held so many batches when it was last opened: one with fewer, an old copy, is damage.
  std::uint64_t batches_min = 0;
  /// From 64 KiB to 4 GiB, a multiple of 4 KiB. May change between starts.
  std::uint64_t segment_bytes = 64 << 20;
  Durability durability = Durability::kSynced;
  /// Where writes and syncs go; lives longer than the log.
  Disk* disk = &Disk::Real();
};

/// Thread-safe. The queue is not bounded here: replicas bound what they have in flight.
/// The destructor first finishes everything that was handed in, and syncs it whatever the
/// durability.
class Wal final : public storage::LogStore {
 public:
  /// A batch takes at most so many bytes of records, or one append that is larger by itself.
  static constexpr std::uint64_t kBatchBytesMax = 8 << 20;
  /// A shard with more entries than this is not written again. A batch carries one such shard.
  static constexpr std::uint64_t kRewriteBytesMax = 16 << 20;
  /// Further ones are not taken: whoever asks will ask again.
  static constexpr std::size_t kRewritesWaitingMax = 4;

  /// kInvalidArgument for the options, kCorruption for a damaged or missing log, kWrongCluster for
  /// another incarnation's, kIoError for the rest, a directory in use among it. A torn end is none:
  /// see storage::Recovery::unsure. Blocks on the disk.
  static Result<std::unique_ptr<Wal>> Open(const Options& options);
  ~Wal() override;

  /// How many batches it held, synced, when it was opened: never fewer at the next opening.
  [[nodiscard]] std::uint64_t batches_at_open() const { return batches_at_open_; }

  storage::Recovery TakeRecovery() override;
  void Append(std::vector<storage::LogUpdate> updates, storage::AppendDone done) override;
  /// Not on the writer's thread, that is, not in a `done`. Also makes earlier cuts last.
  Status Sync() override;
  Result<std::vector<raft::Entry>> Read(ShardId shard, LogIndex first, LogIndex last,
                                        std::size_t bytes_max) override;
  void Cut(ShardId shard, LogIndex index, Term term, const raft::Members& members) override;
  Result<std::size_t> Rewrite(ShardId shard) override;
  void SetFeatureLevel(FeatureLevel level) override;
  /// Spare files are not counted; there are at most three.
  [[nodiscard]] Usage usage() const override;
  [[nodiscard]] Duration stalled_for() const override;

 private:
  /// One call of Append or Sync.
  struct Work {
    std::vector<storage::LogUpdate> updates;
    storage::AppendDone done;
    std::uint64_t body_bytes = 0;
    bool sync = false;
    /// Of the segments that begin from then on; 0: as before.
    std::uint32_t format = 0;
  };
  /// What the log will hold of a shard once everything that was encoded is written.
  struct Planned {
    LogIndex base;
    LogIndex last;
  };
  using Cuts = std::map<ShardId, raft::LogBase>;

  Wal(const Options& options, std::shared_ptr<Directory> directory, struct RecoveredLog log);

  Status PrepareRecovery();
  void Enqueue(Work work);

  // On the writer's thread, and before it starts.
  void RunWriter();
  Status Commit(const std::vector<Work>& works, Cuts cuts, storage::LogUpdate again);
  /// In this order: the cuts, what is written `again`, the works' updates.
  Status WriteRecords(const std::vector<Work>& works, const Cuts& cuts,
                      const storage::LogUpdate& again, bool sync);
  void KeepWritableCuts(Cuts* cuts);
  void KeepIfUnchanged(const Cuts& cuts, storage::LogUpdate* again) const;
  void AddUpdate(const storage::LogUpdate& update);
  void ApplyBatch(std::uint64_t batch_offset);
  void RetireSegments();

  const Options options_;
  const std::shared_ptr<Directory> directory_;
  const std::uint64_t batches_at_open_;
  SegmentPool pool_;
  storage::Recovery recovery_;
  bool was_torn_;

  // The writer's.
  LogTail tail_;
  BatchBuilder batch_;
  std::unordered_map<ShardId, Planned> planned_;
  Status failure_;

  /// Guards state_ and segments_; the writer, which alone changes them, reads them without it.
  mutable std::mutex state_mutex_;
  LogState state_;
  Segments segments_;

  std::mutex queue_mutex_;
  std::condition_variable wake_writer_;
  std::deque<Work> queue_;
  /// The newest cut of each shard that no batch carries yet.
  Cuts cuts_;
  /// All entries that a shard had when it was asked for.
  std::deque<storage::LogUpdate> rewrites_;
  bool stopping_ = false;

  /// CLOCK_BOOTTIME, in nanoseconds, when the commit in flight began; 0 when none is.
  std::atomic<std::int64_t> in_flight_since_{0};
  std::thread writer_;
};

}  // namespace ringfort::wal

// The door to the replicated log on disk: one log for all shards of a node.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <vector>

#include "base/ids.h"
#include "base/time.h"
#include "raft/types.h"
#include "ringfort/status.h"

namespace ringfort::storage {

/// Names the column family of a replica; grows with every import, so an old one is never mistaken.
using Generation = StrongNumber<struct GenerationTag, std::uint64_t>;

/// What one shard adds to the log. Within an update, all of it lasts or none of it.
struct LogUpdate {
  ShardId shard;
  /// The new term and vote, if they changed. Always synced, whatever the durability.
  std::optional<raft::HardState> hard_state;
  /// Begins the shard's log anew on this base and drops every entry it had: creation, or a
  /// snapshot.
  std::optional<raft::LogBase> base;
  /// With `base`: the column family that holds the state at the base.
  Generation generation;
  /// Consecutive entries. The first may be at or below the last one stored: the stored suffix from
  /// there on is then replaced (Raft's conflict rule). Never leaves a gap.
  std::vector<raft::Entry> entries;
};

/// What the log knows of a shard when it has been opened.
struct RecoveredShard {
  ShardId shard;
  raft::HardState hard_state;
  raft::LogBase base;
  Generation generation;
  /// Equal to base.index when there are no entries.
  LogIndex last;
  /// The terms of base.index + 1 to last, in order; empty when there are none.
  std::vector<raft::TermRun> terms;
  /// All entries of kind kMembers in the log, in order.
  std::vector<raft::Entry> members_entries;
};

struct Recovery {
  std::vector<RecoveredShard> shards;
  /// The log ended in a torn write above the newest batch that is known to be synced: what was torn
  /// may have been acknowledged, so no shard's memory can be relied on (protocols 4). The store has
  /// then set `unsure` in every shard's hard state, durably, before it cleaned the torn end away.
  bool unsure = false;
};

/// Called once: ok when the updates are as durable as was asked. An error is final for the store.
using AppendDone = std::function<void(Status)>;

/// Thread-safe. Updates of one shard are handed in by one thread at a time, and last in that order.
class LogStore {
 public:
  virtual ~LogStore() = default;

  /// Takes what recovery found. Once, before anything else.
  virtual Recovery TakeRecovery() = 0;

  /// Queues the updates for the next group commit and returns at once. `done` is called on the
  /// writer's thread, in the order of the calls, when they are synced (or written, where the store
  /// was opened with relaxed durability and no update has a hard state or a base). After an error,
  /// every later call fails too: nobody knows what the disk kept.
  virtual void Append(std::vector<LogUpdate> updates, AppendDone done) = 0;

  /// Returns once everything handed to Append so far is synced.
  virtual Status Sync() = 0;

  /// Entries first..last of a shard, at least one, then as many as fit into `bytes_max`. Reads the
  /// disk: not on a loop. kNotFound when they are not all in the log (cut, or not yet appended).
  virtual Result<std::vector<raft::Entry>> Read(ShardId shard, LogIndex first, LogIndex last,
                                                std::size_t bytes_max) = 0;

  /// Allows the log to forget the shard's entries up to `index`, whose term is `term` and where
  /// `members` are in force: the new base. May last only later; a restart may show the old base.
  virtual void Cut(ShardId shard, LogIndex index, Term term, const raft::Members& members) = 0;

  /// Has the log write the shard's entries once more at its end, with the next write, so that they
  /// hold no old segment back; returns how many bytes that takes. Changes nothing that Read or a
  /// recovery shows; does nothing for a shard whose entries are many, or change before that write,
  /// or while others wait for it. Reads the disk: not on a loop. Its errors are those of Read.
  virtual Result<std::size_t> Rewrite(ShardId shard) = 0;

  /// What the cluster has agreed on: from now on the log may be written in that level's formats,
  /// and soon is, so that a release that does not know them refuses it. Never lowered.
  virtual void SetFeatureLevel(FeatureLevel level) = 0;

  /// The shards that hold the oldest segment back, and how many segment bytes the log holds. A node
  /// over its budget flushes those shards and cuts them; what they then still need is written
  /// again.
  struct Usage {
    std::size_t bytes = 0;
    std::vector<ShardId> oldest;
  };
  [[nodiscard]] virtual Usage usage() const = 0;

  /// How long the write or sync in flight has been going on; zero when none is. For liveness.
  [[nodiscard]] virtual Duration stalled_for() const = 0;
};

}  // namespace ringfort::storage

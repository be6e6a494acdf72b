// The replicated state machine of a shard: entries of the log become data and outcomes, in the same
// way on every replica.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "raft/types.h"
#include "replica/sessions.h"
#include "ringfort/disk.pb.h"
#include "ringfort/status.h"
#include "storage/shard_store.h"

namespace ringfort::replica {

/// What one entry led to.
struct AppliedEntry {
  LogIndex index;
  Outcome outcome;
};

/// Whether what lies under the raw key is part of the replicated state, and so the same on every
/// replica at the same index.
bool IsReplicated(std::string_view raw_key);

/// One thread at a time.
class StateMachine {
 public:
  /// Reads the sessions and the session time of a stored replica. Reads the disk.
  static Result<std::unique_ptr<StateMachine>> Load(std::shared_ptr<storage::ShardData> data);

  /// Applies consecutive entries from applied + 1 on, all or nothing; those behind a Verify are
  /// left for the next call, for at its index the data must be seen. With `may_wait` false it
  /// answers kOverloaded where it would have to wait for the disk: try again off the loop with
  /// true. Any other error is final for the replica.
  Result<std::vector<AppliedEntry>> Apply(const std::vector<raft::Entry>& entries, bool may_wait);

  /// The data as of applied(), when the last Apply ended with a Verify; once, else null.
  [[nodiscard]] std::unique_ptr<storage::Cursor> TakeCursor() { return std::move(cursor_); }

  [[nodiscard]] storage::Applied applied() const { return data_->applied(); }
  [[nodiscard]] SessionTime session_time() const { return session_time_; }
  [[nodiscard]] std::size_t session_count() const { return sessions_.size(); }

 private:
  explicit StateMachine(std::shared_ptr<storage::ShardData> data) : data_(std::move(data)) {}

  /// What a batch of entries is about to change.
  struct Batch {
    std::vector<storage::Mutation> mutations;
    storage::ReadDepth depth = storage::ReadDepth::kMemory;
    /// Its last entry so far is a Verify.
    bool verifies = false;
  };
  Result<Outcome> ApplyEntry(const raft::Entry& entry, Batch* batch);
  Result<Outcome> ApplyWrite(LogIndex index, const proto::Write& write, Batch* batch);
  Result<bool> ConditionsHold(const proto::Write& write, const Batch& batch) const;
  /// The version of the entry, 0 when it is absent, with the batch's own changes seen.
  Result<LogIndex> VersionOf(const std::string& raw_key, const Batch& batch) const;
  void StageSessions(Batch* batch);

  std::shared_ptr<storage::ShardData> data_;
  Sessions sessions_;
  SessionTime session_time_;
  /// Of the batch being applied.
  SessionTime staged_time_;
  std::unique_ptr<storage::Cursor> cursor_;
};

}  // namespace ringfort::replica

// What counts as committed: an entry of the primary's own term that a majority has synced, and all
// before it (Raft paper, sections 5.3 and 5.4.2).
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string_view>
#include <utility>
#include <vector>

#include "storage/log_store.h"
#include "storage/shard_store.h"
#include "tests/sim/checkers/complain.h"
#include "tests/sim/checkers/election_safety.h"

namespace ringfort::sim {

class CommitRule {
 public:
  CommitRule(Complain complain, LogOf log_of, const ElectionSafety* elections)
      : complain_(std::move(complain)), log_of_(std::move(log_of)), elections_(elections) {}

  /// The node has synced the update.
  void OnSynced(NodeId node, const storage::LogUpdate& update);
  /// The primary sends a change of members: in force at once, though nobody may have synced it yet.
  void OnChange(ShardId shard, LogIndex index, Term term, std::string_view members);
  /// The primary of `term` says that everything up to `commit` is committed.
  void OnAnnounced(NodeId primary, ShardId shard, Term term, LogIndex commit);
  /// A replica has applied everything up to there.
  void OnApplied(ShardId shard, storage::Applied applied);

  /// The last entry that primaries of one term said to be committed.
  struct Last {
    LogIndex index;
    Term term;
  };
  /// By the primary's term.
  [[nodiscard]] const std::map<Term, Last>& commits(ShardId shard) {
    return shards_[shard].commits;
  }

 private:
  struct Copies {
    Term term;
    /// Who has synced it at any time. What a replica said counts, also when its directory is lost
    /// before that is heard: who comes in its place has another id.
    std::set<ReplicaId> holders = {};
    /// A majority had synced it while its own term's primary led: that one may have counted it.
    bool counted = false;
  };
  struct Shard {
    std::map<LogIndex, std::vector<Copies>> synced;
    /// The changes of members that were seen: the primary's own disk may be behind them.
    std::map<std::pair<LogIndex, Term>, raft::Members> changes;
    /// Known to be committed, whoever said so.
    LogIndex known;
    std::map<Term, Last> commits;
  };
  [[nodiscard]] bool MajorityHas(NodeId primary, ShardId shard, LogIndex index,
                                 const std::set<ReplicaId>& holders) const;

  const Complain complain_;
  const LogOf log_of_;
  const ElectionSafety* const elections_;
  std::map<ShardId, Shard> shards_;
};

}  // namespace ringfort::sim

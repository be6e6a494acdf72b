// What must hold after every step of a cluster, whatever the network, the disks and the clocks did:
// the five properties of the Raft paper (figure 3), what was acknowledged, and what only grows.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include "raft/raft.h"
#include "tests/unit/raft/simulated_disk.h"

namespace ringfort::raft {

/// A broken promise. The test catches it and prints how to play the run again.
class Violation : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// Watches all replicas of one shard.
class Invariants {
 public:
  struct Replica {
    const Raft* raft = nullptr;  ///< Null while its process is down.
    const SimulatedDisk* disk = nullptr;
  };

  /// All replicas that exist, by id.
  using Replicas = std::map<ReplicaId, Replica>;

  /// A replica is made: an id is never used twice (protocols 1).
  void OnCreated(ReplicaId id, const SimulatedDisk& disk);
  /// After a step of replica `id`.
  void AfterStep(ReplicaId id, const Replicas& replicas);
  /// The replica crashed and will start anew from its disk.
  void OnCrash(ReplicaId id, const SimulatedDisk& disk);
  /// It lost what it had synced: its copies prove nothing.
  void OnLost(ReplicaId id) { lossy_.insert(id); }
  /// Replica `i` hands these out to be stored.
  void OnStored(const Raft& raft, const std::vector<Entry>& entries);
  void OnApplied(const Entry& entry);

  /// A client was told that its write at `index` is done, or an answer showed the state at `index`.
  void OnShown(LogIndex index) { shown_ = std::max(shown_, index); }
  /// What a read that starts now must see.
  [[nodiscard]] LogIndex shown() const { return shown_; }
  static void CheckRead(LogIndex answered, LogIndex shown_at_start, const std::string& how);

  /// The newest term in which somebody led.
  [[nodiscard]] Term newest_primary() const {
    return primaries_.empty() ? Term() : primaries_.rbegin()->first;
  }
  [[nodiscard]] std::size_t committed() const { return committed_.size(); }

 private:
  struct Seen {
    HardState on_disk;
    LogIndex commit;
    LogIndex applied;
    LogIndex everywhere;
    MonotonicTime bound = kNever;
    /// Those in force after the step before.
    Members members;
  };

  void CheckOnlyGrows(Seen* seen, const Raft& raft, const SimulatedDisk& disk);
  void CheckElection(const Raft& raft);
  void CheckCommitted(const Raft& raft, const Members& before, const Replicas& replicas);

  std::map<ReplicaId, Seen> seen_;
  std::map<Term, ReplicaId> primaries_;
  struct Written {
    SharedBytes data;
    EntryKind kind;
    Term previous_term;
  };
  /// By index and term: log matching, by induction over the entry before.
  std::map<std::pair<LogIndex, Term>, Written> written_;
  struct Committed {
    Term term;
    /// The term of the replica that was first seen to have it committed.
    Term known_in;
  };
  std::map<LogIndex, Committed> committed_;
  std::map<LogIndex, Entry> applied_;
  LogIndex shown_;
  std::set<ReplicaId> lossy_;
};

}  // namespace ringfort::raft

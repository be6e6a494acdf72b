// Two ends of a snapshot transfer with everything between them in a test's hands: clock, pools,
// messages.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/random.h"
#include "base/time.h"
#include "replica/snapshot_pace.h"
#include "replica/snapshot_receiver.h"
#include "replica/snapshot_sender.h"
#include "tests/sim/shard_store/memory_shard_store.h"

namespace ringfort::replica {

constexpr storage::ShardStore::Name kSource{ShardId(4), storage::Generation(1)};
constexpr NodeId kPrimaryNode(1);

/// Small, so that a small shard takes many messages. (The memory store's files have 4 KiB.)
inline SnapshotTuning SmallTuning() {
  SnapshotTuning tuning;
  tuning.chunk_bytes = 512;
  tuning.window_bytes = 2048;
  return tuning;
}

/// A node's pool: tasks wait until the test runs them.
class TestPool {
 public:
  [[nodiscard]] RunInPool Door();
  /// Runs one task, and then what follows it on the loop. False when there is none.
  bool RunOne();
  void RunAll();

 private:
  std::deque<std::pair<env::Task, env::Task>> tasks_;
};

/// What a shard of `entries` entries, applied at index `entries` in term 3, holds.
void FillSource(storage::ShardStore* store, int entries);
std::vector<std::pair<std::string, std::string>> Contents(storage::ShardStore* store,
                                                          storage::ShardStore::Name name);

class SnapshotWorld {
 public:
  explicit SnapshotWorld(std::uint64_t seed, int entries = 300);
  ~SnapshotWorld();

  void StartSender(std::uint64_t transfer = 77, Term term = Term(5));
  void StopSender() { sender.reset(); }
  /// The follower's process stops and starts: what it had in hand is gone, what it installed is
  /// not.
  void RestartReceiver();
  /// The connection is lost with all that was on its way, and there is a new one.
  void Reconnect();

  /// Does one thing that can happen now, by chance: a task of a pool, a message; or lets time pass
  /// when nothing else can happen.
  void Step();
  /// Until the sender is done; a failure of the test after `steps_max`.
  void RunToTheEnd(int steps_max = 20'000);
  void DeliverToFollower(std::size_t which);
  void DeliverToPrimary(std::size_t which);
  void Pass(Duration time);

  /// What messages suffer: each happens once in so many; 0 is never.
  struct Faults {
    std::uint64_t lose = 0;
    std::uint64_t repeat = 0;
    std::uint64_t reorder = 0;
    std::uint64_t flip = 0;
  } faults;

  Random random;
  MonotonicTime now{std::chrono::seconds(1000)};
  sim::MemoryShardStore here;
  sim::MemoryShardStore there;
  TestPool primary_pool;
  TestPool follower_pool;
  std::deque<proto::SnapshotMessage> to_follower;
  std::deque<proto::SnapshotMessage> to_primary;
  std::unique_ptr<SnapshotPace> pace = std::make_unique<SnapshotPace>(0);
  std::function<Result<std::shared_ptr<const void>>()> take_turn = [] {
    return std::shared_ptr<const void>(std::make_shared<const char>());
  };
  /// The follower's.
  Term term;
  /// On the follower's disk.
  storage::DiskRoom room = storage::DiskRoom::kEnough;
  /// The link to the follower takes nothing.
  bool link_full = false;
  /// The log of the source does not tell the members any more.
  Status base_status;

  std::unique_ptr<SnapshotSender> sender;
  std::unique_ptr<SnapshotReceiver> receiver;

  // What was seen.
  std::optional<Status> done;
  raft::LogBase done_base;
  std::uint64_t chunk_bytes_sent = 0;
  /// The generation that the follower's log names.
  std::optional<storage::Generation> installed;
  /// What `install` answers, and whether at once.
  Status install_status;
  bool install_at_once = true;

 private:
  void MakeReceiver();
  void Send(std::deque<proto::SnapshotMessage>* queue, proto::SnapshotMessage message);

  std::multiset<MonotonicTime> wakes_;
  std::uint64_t last_generation_ = 1;
};

}  // namespace ringfort::replica

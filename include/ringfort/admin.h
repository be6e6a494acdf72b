// What tools look at and ask for: the cluster map, what each node says of itself, what the meta
// group knows of nodes, shards and moves, and the changes that an operator makes. Plain copies,
// taken at one moment; see "For tools" in ringfort/client.h.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace ringfort {

enum class NodeState : std::uint8_t {
  kJoining,   ///< Made known to the others; holds nothing yet.
  kActive,    ///<
  kDraining,  ///< Is being emptied.
  kGone,      ///< Holds nothing, and is no member any more. Its id may join again.
};

/// Why a shard moves.
enum class MoveCause : std::uint8_t { kBalance, kDrain, kRepair, kReplace };

struct NodeView {
  std::uint32_t id = 0;
  std::string address;  ///< HOST:PORT
  std::string zone;
  std::uint32_t weight = 1;
  NodeState state = NodeState::kActive;
};

struct ShardView {
  /// Node ids, preferred primary first. Of a shard that moves: where it was when that began.
  std::vector<std::uint32_t> replicas;
  /// Who leads the shard, as far as the node that answered knows; 0 unknown.
  std::uint32_t primary_hint = 0;
  /// Where it will be; empty when it does not move.
  std::vector<std::uint32_t> moving_to = {};
  /// Of a shard that moves.
  MoveCause move_cause = MoveCause::kBalance;
};

struct ClusterView {
  /// Only grows.
  std::uint64_t version = 0;
  std::string cluster_name;
  /// 32 hexadecimal digits; empty until the cluster was created.
  std::string cluster_id;
  std::vector<NodeView> nodes;
  /// By shard id; their number is a power of two.
  std::vector<ShardView> shards;
};

/// A learner has no vote: it is being filled, and becomes a follower once it has caught up.
enum class ReplicaRole : std::uint8_t { kFollower, kCandidate, kPrimary, kLearner };

struct FollowerView {
  std::uint32_t node = 0;
  /// The last log index that the primary knows it to hold.
  std::uint64_t match = 0;
  std::uint64_t lag_entries = 0;
  bool alive = false;
  bool learner = false;
};

struct HotKeyView {
  std::string shard_key;
  /// Of the replica's requests of the last 30 s or so, from 0 to 1, estimated from the one request
  /// in 32 that is sampled.
  double share = 0;
};

/// What is asked of a replica, and what it costs. Totals are since the replica was made in this run
/// of its node; rates are means in which what was 10 s ago weighs 1/e of what is now. Bytes are
/// those of keys and values.
struct LoadView {
  std::uint64_t reads = 0;
  std::uint64_t writes = 0;
  std::uint64_t bytes_in = 0;
  std::uint64_t bytes_out = 0;
  /// How long the replica had its event loop, and threads of the node's blocking pool.
  std::chrono::nanoseconds loop_time{0};
  std::chrono::nanoseconds pool_time{0};
  double reads_per_second = 0;
  double writes_per_second = 0;
  double bytes_in_per_second = 0;
  double bytes_out_per_second = 0;
  /// Of one core: 1 is all of it.
  double loop_share = 0;
  double pool_share = 0;
  /// The hottest first, at most 10; only when asked for.
  std::vector<HotKeyView> hot_keys;
};

/// What a replica's data came to as of one log index: equal on all replicas of the shard, or their
/// data differ. See Client::StartVerify.
struct SumView {
  std::uint64_t index = 0;
  std::uint64_t checksum = 0;
  std::uint64_t entries = 0;
  /// Of keys and values as they are stored, sessions too.
  std::uint64_t bytes = 0;
  /// Why there is no checksum: the data could not be read to their end. Empty when there is one.
  std::string error;
};

struct ReplicaView {
  std::uint32_t shard = 0;
  ReplicaRole role = ReplicaRole::kFollower;
  std::uint64_t term = 0;
  /// Whom it follows, or itself; 0 none.
  std::uint32_t primary = 0;
  std::uint64_t commit = 0;
  std::uint64_t applied = 0;
  std::uint64_t first_log_index = 0;
  std::uint64_t last = 0;
  /// Its log may lack what it acknowledged before a crash; it does not vote until it has caught up.
  bool unsure = false;
  bool lease_valid = false;
  /// It is primary and can answer requests now.
  bool serving = false;
  /// Of a primary only.
  std::vector<FollowerView> followers;
  std::uint64_t data_bytes = 0;
  std::uint64_t sessions = 0;
  LoadView load;
  /// The newest sum that it has made since its node started.
  std::optional<SumView> sum;
  /// Why its data cannot be read in full; empty when they can. It votes, serves no reads, and is
  /// repaired by a snapshot of its primary.
  std::string damage;
  /// What the repair waits for; empty while it is under way. How many bytes of disk it takes, as
  /// far as is known.
  std::string repair_waits_for;
  std::uint64_t repair_bytes = 0;
  /// How often an operator has begun the shard anew from one copy: Client::RecoverShard.
  std::uint64_t epoch = 0;
};

/// What a node keeps of a shard that was begun anew without it, or from it: it counts for nothing,
/// and stays until Client::DiscardVoid.
struct VoidCopyView {
  /// The number of shards stands for the meta group.
  std::uint32_t shard = 0;
  std::uint32_t replica = 0;
  /// Its own epoch, and the shard's.
  std::uint64_t epoch = 0;
  std::uint64_t shard_epoch = 0;
  /// Where its log ends.
  std::uint64_t last_term = 0;
  std::uint64_t last = 0;
  std::uint64_t data_bytes = 0;
  /// Only data, as they were before the shard was begun anew from them.
  bool data_only = false;
};

struct CounterView {
  std::string name;
  std::uint64_t value = 0;
};

/// Free space on a node's disks, against its --disk_reserve_mb.
enum class DiskRoom : std::uint8_t {
  kEnough,
  kFull,       ///< It refuses puts; reads, deletes and all else go on.
  kExhausted,  ///< It refuses all writes, and takes none from other nodes.
};

struct NodeStatusView {
  std::uint32_t node = 0;
  /// Who its data directory is: 32 hexadecimal digits.
  std::string incarnation;
  /// How often it has started on that directory.
  std::uint64_t boot = 0;
  /// 32 hexadecimal digits; empty until the cluster was created.
  std::string cluster_id;
  /// Empty when the node serves; else one line: why not, and what to do.
  std::string waiting_for;
  std::vector<ReplicaView> replicas;
  /// None: the node is not in the meta group.
  std::optional<ReplicaView> meta_replica;
  std::vector<VoidCopyView> void_copies = {};
  std::vector<CounterView> counters;
  std::uint64_t log_bytes = 0;
  DiskRoom disk_room = DiskRoom::kEnough;
  std::uint64_t disk_free_bytes = 0;
  std::chrono::milliseconds uptime{0};
  /// Of the program.
  std::string version;
};

// ---- What the primary of the meta group knows: Client::ClusterState.

/// Of a node that is gone only `node` is filled.
struct NodeSummaryView {
  NodeView node;
  bool alive = false;
  /// Since its last report; of a node that was never heard of, since the primary was elected.
  std::chrono::milliseconds silent{0};
  /// Of a dead node: until its replicas are replaced on others. Zero: that has begun, or it is
  /// alive.
  std::chrono::milliseconds repair_in{0};
  /// As it reports, learners among them; and as the map says, with all moves done.
  std::uint32_t replicas = 0;
  std::uint32_t replicas_planned = 0;
  std::uint32_t primaries = 0;
  std::uint32_t primaries_planned = 0;
  std::uint64_t data_bytes = 0;
  std::uint64_t disk_free_bytes = 0;
  DiskRoom disk_room = DiskRoom::kEnough;
  /// It is being stopped politely.
  bool leaving = false;
  /// All its voters have caught up.
  bool ready = false;
  /// Processor time that the shards it leads take in one second.
  std::chrono::nanoseconds load{0};
  /// Of the map that it has; 0: it has not reported.
  std::uint64_t map_version = 0;
  /// Its wall clock less that of the meta group's primary.
  std::chrono::milliseconds clock_ahead{0};
  /// What it runs, and the newest feature level which that knows; empty: it has not reported.
  std::string release;
  std::uint32_t knows_level = 0;
};

/// What the nodes' releases have agreed on: which formats and commands are in use.
struct FeatureView {
  std::uint32_t level = 0;
  /// The first release that knows it.
  std::string release;
  /// The next level, where there is one that the answering node knows; else 0 and empty.
  std::uint32_t next_level = 0;
  std::string next_release;
  /// Which nodes keep the cluster from the next level, and what to do; empty: none does.
  std::string waits_for;
};

struct MoveView {
  /// The number of shards stands for the meta group.
  std::uint32_t shard = 0;
  std::vector<std::uint32_t> from;
  std::vector<std::uint32_t> to;
  MoveCause cause = MoveCause::kBalance;
  /// Else it waits for its turn.
  bool begun = false;
  /// What it does now, in a few words.
  std::string stage;
  /// Why it does not go on: one line; empty when it does.
  std::string stuck;
  std::uint64_t sent_bytes = 0;
  std::uint64_t total_bytes = 0;
};

struct ShardSummaryView {
  /// The number of shards stands for the meta group.
  std::uint32_t shard = 0;
  /// 0: nobody reported that it leads.
  std::uint32_t primary = 0;
  /// Where the map has it.
  std::vector<std::uint32_t> replicas;
  /// Its members, as its primary reports them.
  std::vector<std::uint32_t> voters;
  /// Those that are alive and have caught up.
  std::vector<std::uint32_t> healthy_voters;
  std::vector<std::uint32_t> learners;
  std::uint64_t data_bytes = 0;
  /// Processor time that it takes in one second.
  std::chrono::nanoseconds load{0};
};

struct ClusterStateView {
  std::uint64_t map_version = 0;
  std::string cluster_name;
  /// 32 hexadecimal digits.
  std::string cluster_id;
  /// How many shards there are, and how many replicas of each the cluster wants.
  std::uint32_t shard_count = 0;
  std::uint32_t replicas = 0;
  /// The node that answered.
  std::uint32_t meta_primary = 0;
  std::vector<std::uint32_t> meta_voters;
  /// No move begins.
  bool paused = false;
  std::vector<NodeSummaryView> nodes;
  /// Under way, or waiting for their turn; those under way first.
  std::vector<MoveView> moves;
  /// By shard id; the meta group last.
  std::vector<ShardSummaryView> shards;
  FeatureView features;
};

// ---- What an operator changes: Client::ChangeNode, Client::Rebalance.

struct NodeChange {
  enum class Kind : std::uint8_t {
    kDrain,      ///< Empties the node; it stays a member.
    kUndrain,    ///< A draining node takes replicas again.
    kRemove,     ///< Empties the node, or rebuilds elsewhere what a dead one held; then it is gone.
    kReplace,    ///< The same, and everything goes to `replacement`.
    kSetWeight,  ///<
    kSetZone,    ///<
  };
  Kind kind = Kind::kDrain;
  std::uint32_t node = 0;
  /// kReplace only.
  std::uint32_t replacement = 0;
  /// kSetWeight only.
  std::uint32_t weight = 0;
  /// kSetZone only; empty: the node is a zone of its own.
  std::string zone = {};
  /// Say what would happen, and change nothing.
  bool dry_run = false;
  /// The operator has been told that shards would keep fewer copies than the cluster wants. Without
  /// it such a change is refused by kConditionFailed, and the message names it.
  bool accept_fewer_copies = false;
};

enum class RebalanceAction : std::uint8_t {
  kDryRun,  ///< Say what would move, and change nothing.
  kStart,
  kPause,
  kResume,
  /// Of the moves for balance: what has not begun does not begin; what has goes back where that is
  /// safe. Those for other causes go on; NodeChange::kUndrain takes back a drain or a replacement.
  kCancel,
};

struct PlannedMoveView {
  /// The number of shards stands for the meta group.
  std::uint32_t shard = 0;
  std::vector<std::uint32_t> from;
  std::vector<std::uint32_t> to;
  MoveCause cause = MoveCause::kBalance;
  /// To be copied, all new replicas together.
  std::uint64_t bytes = 0;
};

struct MovesOfCauseView {
  MoveCause cause = MoveCause::kBalance;
  std::uint32_t moves = 0;
};

/// What a change moves, or would move.
struct PlanView {
  /// Of the map after the change; 0: nothing was changed.
  std::uint64_t map_version = 0;
  std::vector<PlannedMoveView> moves;
  /// Shards that get another primary without a copy.
  std::uint32_t transfers = 0;
  /// Moves that were planned before and that the change takes back: all copies are where they were.
  std::uint32_t taken_back = 0;
  /// Moves that were planned before and that the change leaves as they were. kCancel takes back
  /// those of kBalance only.
  std::vector<MovesOfCauseView> left_alone = {};
};

/// Who changed what.
struct EventView {
  /// Only grows.
  std::uint64_t number = 0;
  /// By the clock of the meta group's primary.
  std::chrono::system_clock::time_point at;
  std::string who;
  std::string what;
};

// ---- A shard that has lost a majority for good: Client::RecoverShard.

/// A copy of a shard that can be reached.
struct ShardCopyView {
  std::uint32_t node = 0;
  std::uint32_t replica = 0;
  std::uint64_t epoch = 0;
  std::uint64_t term = 0;
  /// Where its log ends: of two copies of one epoch, that of the higher last term, and then of the
  /// higher last index, is the newer one.
  std::uint64_t last_term = 0;
  std::uint64_t last = 0;
  std::uint64_t applied = 0;
  /// It may have forgotten what it acknowledged before a crash.
  bool unsure = false;
  /// Why its data cannot be read; empty when they can.
  std::string damage;
  /// It leads, or follows a primary that it hears.
  bool has_primary = false;
  /// The shard was begun anew without it.
  bool is_void = false;
  std::uint64_t data_bytes = 0;
};

struct ShardRecoveryView {
  /// By node.
  std::vector<ShardCopyView> copies;
  /// Nodes of the cluster that did not answer.
  std::vector<std::uint32_t> silent;
  /// Where the newest copy is that can be read; 0: nowhere.
  std::uint32_t newest = 0;
  /// The shard has a primary, or these copies can still elect one: nothing is lost.
  bool can_have_primary = false;
  /// Why the copy on the node that was asked is not taken; empty: it may be, or it was.
  std::string refused;
  /// What the shard is from now on, or would be; 0 where it is refused.
  std::uint64_t epoch = 0;
  std::uint32_t replica = 0;
  std::uint64_t term = 0;
  std::uint64_t index = 0;
  /// Entries at the end of its log that are taken though they may never have been committed.
  std::uint64_t unconfirmed = 0;
};

}  // namespace ringfort

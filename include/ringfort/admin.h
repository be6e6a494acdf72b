// What tools look at: the cluster map and what each node says of itself. Plain copies, taken at one
// moment; see Client::Map and Client::NodeStatus in ringfort/client.h.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace ringfort {

struct NodeView {
  std::uint32_t id = 0;
  std::string address;  ///< HOST:PORT
  std::string zone;
  std::uint32_t weight = 1;
};

struct ShardView {
  /// Node ids, preferred primary first.
  std::vector<std::uint32_t> replicas;
  /// Who leads the shard, as far as the node that answered knows; 0 unknown.
  std::uint32_t primary_hint = 0;
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
  std::vector<CounterView> counters;
  std::uint64_t log_bytes = 0;
  DiskRoom disk_room = DiskRoom::kEnough;
  std::uint64_t disk_free_bytes = 0;
  std::chrono::milliseconds uptime{0};
  /// Of the program.
  std::string version;
};

}  // namespace ringfort

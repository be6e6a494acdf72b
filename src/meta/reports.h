// What nodes have told the meta group's primary of themselves and of the shards that they lead.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/ids.h"
#include "base/time.h"
#include "env/transport.h"
#include "raft/types.h"
#include "ringfort/peer.pb.h"
#include "storage/disk_room.h"

namespace ringfort::meta {

/// Some pulses may be lost before a node counts as dead.
inline constexpr Duration kDeadAfter = std::chrono::seconds(3);

struct NodeNews {
  env::PeerIdentity identity;
  MonotonicTime heard_at = kNever;
  /// Since when this process was heard.
  MonotonicTime since = kNever;
  std::uint64_t sequence = 0;
  MapVersion map_version;
  std::uint32_t replicas = 0;
  std::uint64_t data_bytes = 0;
  std::uint64_t disk_free_bytes = 0;
  storage::DiskRoom room = storage::DiskRoom::kEnough;
  bool leaving = false;
  bool ready = false;
  /// Of these it keeps a void copy, which stands in the way of another there.
  std::set<ShardId> voids;
  /// Its wall clock less the one here, when the report came.
  std::int64_t clock_ahead_ms = 0;
  /// What it runs, and the newest feature level which that knows.
  std::string release;
  FeatureLevel knows;
};

struct FollowerNews {
  NodeId node;
  bool caught_up = false;
  std::uint64_t sent_bytes = 0;
  std::uint64_t total_bytes = 0;
};

/// What the primary of a shard says of it.
struct ShardNews {
  NodeId primary;
  Term term;
  raft::Members members;
  /// The members are joint, or not committed yet.
  bool changing = false;
  std::vector<FollowerNews> followers;
  std::uint64_t data_bytes = 0;
  std::uint64_t load_ns = 0;
  std::string refused;

  /// Null: the node is no follower.
  [[nodiscard]] const FollowerNews* Find(NodeId node) const;
};

/// Counts for one term of the meta group: its primary begins with none.
class Reports {
 public:
  /// `last`: the highest shard there is, the meta group's.
  explicit Reports(ShardId last) : last_(last) {}

  /// Takes in a report, which came when the wall's clock here was at `unix_ms`. False: it makes no
  /// sense, or adds to one that is not here.
  bool Take(const env::PeerIdentity& from, const proto::NodeReport& report, MonotonicTime now,
            std::uint64_t unix_ms);

  /// The shard was begun anew: what is said of lower epochs counts no more.
  void ExpectEpoch(ShardId shard, std::uint64_t epoch);

  /// The shards of which something is new since the last call.
  std::set<ShardId> TakeChanged() { return std::exchange(changed_, {}); }

  /// Null: it was never heard of.
  [[nodiscard]] const NodeNews* Of(NodeId node) const;
  /// Null: nobody says that it leads the shard.
  [[nodiscard]] const ShardNews* Of(ShardId shard) const;
  [[nodiscard]] bool IsAlive(NodeId node, MonotonicTime now) const;
  /// Since when the node is silent: its last report, or `begin` where there was none.
  [[nodiscard]] Duration SilentFor(NodeId node, MonotonicTime begin, MonotonicTime now) const;
  /// The voters on nodes that are alive, and are the primary or caught up.
  [[nodiscard]] std::vector<NodeId> HealthyVoters(const ShardNews& news, MonotonicTime now) const;

 private:
  ShardId last_;
  std::map<NodeId, NodeNews> nodes_;
  std::map<ShardId, ShardNews> shards_;
  std::map<ShardId, std::uint64_t> epochs_;
  std::set<ShardId> changed_;
};

}  // namespace ringfort::meta

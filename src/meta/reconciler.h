// From what is placed and what is reported to the next safe steps. Everything that a step follows
// from is in the map and in the reports, so the meta group's primary may die between any two, and
// the next one goes on (design section 5).
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "meta/reports.h"
#include "meta/state.h"

namespace ringfort::meta {

struct ReconcilerOptions {
  /// A node that was not heard of for so long is replaced by others.
  Duration repair_after = std::chrono::minutes(5);
  /// Moves that fill a node, and moves that a node's primaries feed, at the same time.
  std::size_t moves_per_node = 2;
  /// What a disk must have free beyond the replica that it is to receive. (What it keeps back is
  /// its node's own matter: storage::DiskRoom.)
  std::uint64_t reserve_bytes = std::uint64_t{128} << 20;
  /// A node leads again once its process is up for so long.
  Duration settled_after = std::chrono::seconds(3);
};

/// What the members of a shard shall be.
struct SetMembers {
  std::vector<NodeId> voters;
  std::vector<std::pair<NodeId, Incarnation>> learners;

  bool operator==(const SetMembers&) const = default;
};
struct TransferTo {
  NodeId node;

  bool operator==(const TransferTo&) const = default;
};

/// To be carried out by the shard's primary if its members are still those of `members_index`: so
/// it may be lost, late or repeated.
struct Order {
  NodeId primary;
  ShardId shard;
  LogIndex members_index;
  std::variant<SetMembers, TransferTo> what;

  bool operator==(const Order&) const = default;
};

/// How a move stands.
struct Progress {
  bool begun = false;
  /// In a few words.
  std::string stage;
  /// Why it does not go on; empty while it does.
  std::string stuck;
};

struct Steps {
  std::vector<Order> orders;
  /// What the map shall say; none: what it says.
  std::optional<State> next;
  std::vector<std::string> events;
  std::map<ShardId, Progress> moves;
};

/// The shards that are not as the map has them although they do not move: their members or their
/// primary are others. Kept from round to round, for to look at all shards of a large cluster takes
/// longer than all the rest of a round.
class Strays {
 public:
  /// Anew, after the map or all reports have become others.
  void LookAtAll(const ring::ClusterMap& map, const Reports& reports);
  /// Of these shards something new is reported.
  void LookAt(const ring::ClusterMap& map, const Reports& reports, const std::set<ShardId>& shards);
  [[nodiscard]] const std::set<ShardId>& shards() const { return shards_; }

 private:
  std::set<ShardId> shards_;
};

/// `strays`: at least the shards that Strays finds. `since`: when this primary of the meta group
/// began; the times of dead nodes count from there. No step leaves a shard with fewer healthy
/// voters than it had, but those that a smaller cluster cannot have. Pure.
Steps Reconcile(const State& state, const Reports& reports, const std::set<ShardId>& strays,
                MonotonicTime since, MonotonicTime now, const ReconcilerOptions& options);

}  // namespace ringfort::meta

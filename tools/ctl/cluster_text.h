// How nodes, shards and moves are called, as text and as JSON, by every command that shows them.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "ringfort/admin.h"
#include "tools/ctl/json_bytes.h"

namespace ringfort::ctl {

using NodeIds = std::vector<std::uint32_t>;

/// "joining", "active", "draining", "gone"
std::string StateName(NodeState state);
/// "balance", "drain", "repair", "replace"
std::string CauseName(MoveCause cause);
/// "follower", "candidate", "primary", "learner"
std::string RoleName(ReplicaRole role);
/// "enough", "full", "exhausted"
std::string RoomName(DiskRoom room);
/// The number; "meta" for the meta group, whose number is that of shards.
std::string ShardName(std::uint32_t shard, std::uint32_t shard_count);
/// "1 2 3"; "none"
std::string IdsText(const NodeIds& nodes);
/// "node 3", "nodes 1, 2, 3"
std::string NodeNames(const NodeIds& nodes);
/// "shard 3", "shards 3, 4 and 12 more"
std::string ShardNames(const std::vector<std::string>& shards);
/// "1 2 3 -> 2 3 4"
std::string WayText(const NodeIds& from, const NodeIds& to);
/// Why it moves, naming nodes: "node 3 is drained". `emptied`: those that are; more may leave.
std::string CauseText(MoveCause cause, const NodeIds& from, const NodeIds& to,
                      const NodeIds& emptied);
/// Of one processor: "12.3 %".
std::string LoadText(std::chrono::nanoseconds load_per_second);
/// "3 shards", "1 shard"
std::string Plural(std::uint64_t count, const std::string& what);
/// "2026-11-22 14:40:27Z"
std::string TimeText(std::chrono::system_clock::time_point at);

/// Those of `a` that are not in `b`.
NodeIds Without(const NodeIds& a, const NodeIds& b);
bool Contains(const NodeIds& nodes, std::uint32_t node);
/// Those of the map that are being emptied.
NodeIds DrainingIn(const ClusterView& map);
/// Null when there is none.
const NodeSummaryView* FindNode(const ClusterStateView& state, std::uint32_t node);

/// The meta group stands as "meta".
Json ShardJson(std::uint32_t shard, std::uint32_t shard_count);
Json NodeSummaryJson(const NodeSummaryView& node);
Json MoveJson(const MoveView& move, std::uint32_t shard_count);
std::string Dumped(const Json& json);

}  // namespace ringfort::ctl

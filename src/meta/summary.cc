#include "meta/summary.h"

#include <algorithm>
#include <map>

#include "meta/node_sets.h"
#include "meta/upgrade.h"
#include "raft/quorum.h"
#include "wire/id_codec.h"

namespace ringfort::meta {
namespace {

std::uint64_t Milliseconds(Duration duration) {
  return static_cast<std::uint64_t>(std::max<std::int64_t>(
      0, std::chrono::duration_cast<std::chrono::milliseconds>(duration).count()));
}

template <typename List>
void AddNodes(const std::vector<NodeId>& nodes, List* out) {
  for (const NodeId node : nodes) out->Add(node.value());
}

// What a node has, and will have once all moves are done.
struct Holdings {
  std::uint32_t primaries = 0;
  std::uint32_t replicas_planned = 0;
  std::uint32_t primaries_planned = 0;
  std::uint64_t load_ns = 0;
  /// It has a replica of the meta group, which counts for none of the shards'.
  std::uint32_t meta = 0;
};

std::map<NodeId, Holdings> CountHoldings(const ring::ClusterMap& map, const Reports& reports) {
  std::map<NodeId, Holdings> holdings;
  for (std::uint32_t i = 0; i < map.shards(); ++i) {
    const ShardId shard(i);
    for (const NodeId node : map.TargetOf(shard)) ++holdings[node].replicas_planned;
    ++holdings[map.TargetOf(shard).front()].primaries_planned;
    const ShardNews* news = reports.Of(shard);
    if (news == nullptr) continue;
    ++holdings[news->primary].primaries;
    holdings[news->primary].load_ns += news->load_ns;
  }
  if (const ShardNews* news = reports.Of(map.meta_shard()); news != nullptr) {
    raft::ForEachMember(news->members,
                        [&](const raft::Member& member) { holdings[member.node].meta = 1; });
  }
  return holdings;
}

void FillNode(const ring::NodeInfo& node, const Reports& reports, const Holdings& holdings,
              MonotonicTime since, MonotonicTime now, Duration repair_after,
              proto::NodeSummary* out) {
  out->set_id(node.id.value());
  out->set_address(node.address);
  out->set_zone(node.zone);
  out->set_weight(node.weight);
  out->set_state(static_cast<proto::NodeState>(node.state));
  if (node.state == ring::NodeState::kGone) return;  // What was heard of it before is no more.
  out->set_alive(reports.IsAlive(node.id, now));
  const Duration silent = reports.SilentFor(node.id, since, now);
  out->set_silent_ms(Milliseconds(silent));
  const bool repaired =
      node.state == ring::NodeState::kActive || node.state == ring::NodeState::kDraining;
  if (!out->alive() && !node.lost && repaired) {
    out->set_repair_in_ms(Milliseconds(repair_after - silent));
  }
  out->set_replicas_planned(holdings.replicas_planned);
  out->set_primaries(holdings.primaries);
  out->set_primaries_planned(holdings.primaries_planned);
  out->set_load_ns(holdings.load_ns);
  const NodeNews* news = reports.Of(node.id);
  if (news == nullptr) return;
  out->set_replicas(news->replicas - std::min(news->replicas, holdings.meta));
  out->set_data_bytes(news->data_bytes);
  out->set_disk_free_bytes(news->disk_free_bytes);
  out->set_disk_room(static_cast<std::uint32_t>(news->room));
  out->set_leaving(news->leaving);
  out->set_ready(news->ready);
  out->set_map_version(news->map_version.value());
  out->set_clock_ahead_ms(news->clock_ahead_ms);
  out->set_release(news->release);
  out->set_knows_level(news->knows.value());
}

void FillShard(ShardId shard, const ring::ClusterMap& map, const Reports& reports,
               MonotonicTime now, proto::ShardSummary* out) {
  out->set_shard(shard.value());
  AddNodes(map.PlaceOf(shard), out->mutable_replicas());
  const ShardNews* news = reports.Of(shard);
  if (news == nullptr) return;
  if (reports.IsAlive(news->primary, now)) out->set_primary(news->primary.value());
  for (const raft::Member& voter : news->members.voters) out->add_voters(voter.node.value());
  for (const raft::Member& learner : news->members.learners) {
    out->add_learners(learner.node.value());
  }
  AddNodes(reports.HealthyVoters(*news, now), out->mutable_healthy_voters());
  out->set_data_bytes(news->data_bytes);
  out->set_load_ns(news->load_ns);
}

void FillMove(ShardId shard, const ring::ClusterMap& map, const Progress& progress,
              const Reports& reports, proto::MoveSummary* out) {
  const ring::Move& move = map.moves.at(shard);
  out->set_shard(shard.value());
  AddNodes(map.PlaceOf(shard), out->mutable_from());
  AddNodes(move.to, out->mutable_to());
  out->set_cause(static_cast<proto::MoveCause>(move.cause));
  out->set_begun(progress.begun);
  out->set_stage(progress.stage);
  out->set_stuck(progress.stuck);
  const ShardNews* news = reports.Of(shard);
  if (news == nullptr) return;
  std::uint64_t sent = 0;
  std::uint64_t total = 0;
  for (const NodeId node : move.to) {
    if (std::ranges::find(map.PlaceOf(shard), node) != map.PlaceOf(shard).end()) continue;
    const FollowerNews* follower = news->Find(node);
    const bool done = follower != nullptr && follower->caught_up;
    const bool sends = follower != nullptr && follower->total_bytes > 0;
    const std::uint64_t bytes = sends ? follower->total_bytes : news->data_bytes;
    total += bytes;
    sent += done ? bytes : sends ? follower->sent_bytes : 0;
  }
  out->set_sent_bytes(sent);
  out->set_total_bytes(total);
}

// What moves data, or takes a move back that would have, hands over no role besides.
std::uint32_t CountTransfers(const ring::ClusterMap& before, const ring::ClusterMap& after) {
  std::uint32_t transfers = 0;
  for (ShardId shard; shard <= after.meta_shard(); ++shard) {
    const Nodes& place = before.PlaceOf(shard);
    const Nodes& to = after.TargetOf(shard);
    const bool copies = !Without(to, place).empty();
    const NodeId primary = to.front();
    const bool new_now = primary != place.front() && primary != before.TargetOf(shard).front();
    if (!copies && new_now) ++transfers;
  }
  return transfers;
}

// What becomes of the moves of before.
void CompareMoves(const ring::ClusterMap& before, const ring::ClusterMap& after,
                  proto::Plan* plan) {
  std::uint32_t taken_back = 0;
  std::map<ring::MoveCause, std::uint32_t> left_alone;
  for (const auto& [shard, move] : before.moves) {
    const Nodes& place = before.PlaceOf(shard);
    const auto now = after.moves.find(shard);
    if (now != after.moves.end() && now->second == move) {
      ++left_alone[move.cause];
    } else if (!IsSameSet(move.to, place) && IsSameSet(after.TargetOf(shard), place)) {
      ++taken_back;
    }
  }
  plan->set_taken_back(taken_back);
  for (const auto& [cause, moves] : left_alone) {
    proto::MovesOfCause* left = plan->add_left_alone();
    left->set_cause(static_cast<proto::MoveCause>(cause));
    left->set_moves(moves);
  }
}

}  // namespace

void FillPlan(const State& before, const State& after, const Reports& reports, proto::Plan* plan) {
  if (after.map.version != before.map.version) plan->set_map_version(after.map.version.value());
  plan->set_transfers(CountTransfers(before.map, after.map));
  CompareMoves(before.map, after.map, plan);
  for (const auto& [shard, move] : after.map.moves) {
    const auto old = before.map.moves.find(shard);
    if (old != before.map.moves.end() && old->second == move) continue;
    const Nodes& from = after.map.PlaceOf(shard);
    if (IsSameSet(from, move.to)) continue;  // It goes back.
    proto::PlannedMove* planned = plan->add_moves();
    planned->set_shard(shard.value());
    AddNodes(from, planned->mutable_from());
    AddNodes(move.to, planned->mutable_to());
    planned->set_cause(static_cast<proto::MoveCause>(move.cause));
    const ShardNews* news = reports.Of(shard);
    planned->set_bytes(news == nullptr ? 0 : news->data_bytes * Without(move.to, from).size());
  }
}

void FillState(const State& state, const Reports& reports, const Steps& steps, NodeId meta_primary,
               MonotonicTime since, MonotonicTime now, Duration repair_after,
               proto::ClusterState* out) {
  const ring::ClusterMap& map = state.map;
  out->set_map_version(map.version.value());
  out->set_cluster_name(map.cluster_name);
  out->set_cluster_id(wire::EncodeId(map.cluster_id));
  out->set_shards(map.shards());
  out->set_replicas(map.replicas);
  out->set_meta_primary(meta_primary.value());
  AddNodes(map.meta, out->mutable_meta_voters());
  out->set_paused(state.paused);
  FillFeatures(state, reports, out->mutable_features());
  const std::map<NodeId, Holdings> holdings = CountHoldings(map, reports);
  for (const ring::NodeInfo& node : map.nodes) {
    const auto held = holdings.find(node.id);
    FillNode(node, reports, held == holdings.end() ? Holdings() : held->second, since, now,
             repair_after, out->add_nodes());
  }
  for (const bool begun : {true, false}) {
    for (const auto& [shard, move] : map.moves) {
      const auto found = steps.moves.find(shard);
      const Progress progress = found == steps.moves.end() ? Progress() : found->second;
      if (progress.begun == begun) FillMove(shard, map, progress, reports, out->add_moves());
    }
  }
  for (std::uint32_t i = 0; i <= map.shards(); ++i) {
    FillShard(ShardId(i), map, reports, now, out->add_shard_list());
  }
}

}  // namespace ringfort::meta

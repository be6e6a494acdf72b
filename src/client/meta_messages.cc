#include "client/meta_messages.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "client/messages.h"

namespace ringfort::client {
namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;

/// A count from the wire; what is more than a duration in nanoseconds can hold becomes the longest.
template <typename Unit>
Unit ToDuration(std::uint64_t count) {
  constexpr auto kMost = std::chrono::duration_cast<Unit>(nanoseconds::max()).count();
  return Unit(static_cast<std::int64_t>(std::min(count, static_cast<std::uint64_t>(kMost))));
}

template <typename Ids>
std::vector<std::uint32_t> ToIds(const Ids& ids) {
  return {ids.begin(), ids.end()};
}

proto::ChangeNode::Kind ToProto(NodeChange::Kind kind) {
  switch (kind) {
    case NodeChange::Kind::kDrain: return proto::ChangeNode::DRAIN;
    case NodeChange::Kind::kUndrain: return proto::ChangeNode::UNDRAIN;
    case NodeChange::Kind::kRemove: return proto::ChangeNode::REMOVE;
    case NodeChange::Kind::kReplace: return proto::ChangeNode::REPLACE;
    case NodeChange::Kind::kSetWeight: return proto::ChangeNode::SET_WEIGHT;
    case NodeChange::Kind::kSetZone: return proto::ChangeNode::SET_ZONE;
  }
  return proto::ChangeNode::DRAIN;
}

NodeSummaryView ToNodeSummary(const proto::NodeSummary& from) {
  NodeSummaryView to;
  to.node = {from.id(), Shown(from.address()), Shown(from.zone()), from.weight(),
             ToNodeState(from.state())};
  to.alive = from.alive();
  to.silent = ToDuration<milliseconds>(from.silent_ms());
  to.repair_in = ToDuration<milliseconds>(from.repair_in_ms());
  to.replicas = from.replicas();
  to.replicas_planned = from.replicas_planned();
  to.primaries = from.primaries();
  to.primaries_planned = from.primaries_planned();
  to.data_bytes = from.data_bytes();
  to.disk_free_bytes = from.disk_free_bytes();
  to.disk_room = ToDiskRoom(from.disk_room());
  to.leaving = from.leaving();
  to.ready = from.ready();
  to.load = ToDuration<nanoseconds>(from.load_ns());
  to.map_version = from.map_version();
  to.clock_ahead = milliseconds(from.clock_ahead_ms());
  to.release = Shown(from.release());
  to.knows_level = from.knows_level();
  return to;
}

FeatureView ToFeatures(const proto::FeatureState& from) {
  return {.level = from.level(),
          .release = Shown(from.release()),
          .next_level = from.next_level(),
          .next_release = Shown(from.next_release()),
          .waits_for = Shown(from.waits_for())};
}

MoveView ToMove(const proto::MoveSummary& from) {
  MoveView to;
  to.shard = from.shard();
  to.from = ToIds(from.from());
  to.to = ToIds(from.to());
  to.cause = ToMoveCause(from.cause());
  to.begun = from.begun();
  to.stage = Shown(from.stage());
  to.stuck = Shown(from.stuck());
  to.sent_bytes = from.sent_bytes();
  to.total_bytes = from.total_bytes();
  return to;
}

ShardSummaryView ToShardSummary(const proto::ShardSummary& from) {
  ShardSummaryView to;
  to.shard = from.shard();
  to.primary = from.primary();
  to.replicas = ToIds(from.replicas());
  to.voters = ToIds(from.voters());
  to.healthy_voters = ToIds(from.healthy_voters());
  to.learners = ToIds(from.learners());
  to.data_bytes = from.data_bytes();
  to.load = ToDuration<nanoseconds>(from.load_ns());
  return to;
}

}  // namespace

NodeState ToNodeState(proto::NodeState state) {
  switch (state) {
    case proto::JOINING: return NodeState::kJoining;
    case proto::DRAINING: return NodeState::kDraining;
    case proto::GONE: return NodeState::kGone;
    default: return NodeState::kActive;
  }
}

MoveCause ToMoveCause(proto::MoveCause cause) {
  switch (cause) {
    case proto::DRAIN: return MoveCause::kDrain;
    case proto::REPAIR: return MoveCause::kRepair;
    case proto::REPLACE: return MoveCause::kReplace;
    default: return MoveCause::kBalance;
  }
}

void FillNodeChange(const NodeChange& change, proto::ChangeNode* out) {
  out->set_kind(ToProto(change.kind));
  out->set_node(change.node);
  out->set_replacement(change.replacement);
  out->set_weight(change.weight);
  out->set_zone(change.zone);
  out->set_dry_run(change.dry_run);
  out->set_accept_fewer_copies(change.accept_fewer_copies);
}

proto::Rebalance::Kind ToProto(RebalanceAction action) {
  switch (action) {
    case RebalanceAction::kDryRun: return proto::Rebalance::DRY_RUN;
    case RebalanceAction::kStart: return proto::Rebalance::START;
    case RebalanceAction::kPause: return proto::Rebalance::PAUSE;
    case RebalanceAction::kResume: return proto::Rebalance::RESUME;
    case RebalanceAction::kCancel: return proto::Rebalance::CANCEL;
  }
  return proto::Rebalance::DRY_RUN;
}

Result<ClusterStateView> ToClusterState(const proto::Response& response) {
  if (!response.meta().has_state()) return WrongAnswer("a question for the cluster's state");
  const proto::ClusterState& from = response.meta().state();
  ClusterStateView to;
  to.map_version = from.map_version();
  to.cluster_name = Shown(from.cluster_name());
  to.cluster_id = ToHex(from.cluster_id());
  to.shard_count = from.shards();
  to.replicas = from.replicas();
  to.meta_primary = from.meta_primary();
  to.meta_voters = ToIds(from.meta_voters());
  to.paused = from.paused();
  for (const proto::NodeSummary& node : from.nodes()) to.nodes.push_back(ToNodeSummary(node));
  for (const proto::MoveSummary& move : from.moves()) to.moves.push_back(ToMove(move));
  for (const proto::ShardSummary& shard : from.shard_list()) {
    to.shards.push_back(ToShardSummary(shard));
  }
  to.features = ToFeatures(from.features());
  return to;
}

Result<FeatureView> ToFinalized(const proto::Response& response) {
  if (!response.meta().has_finalized()) return WrongAnswer("the end of an upgrade");
  return ToFeatures(response.meta().finalized());
}

Result<PlanView> ToPlan(const proto::Response& response) {
  if (!response.meta().has_plan()) return WrongAnswer("a change of the cluster");
  const proto::Plan& from = response.meta().plan();
  PlanView to;
  to.map_version = from.map_version();
  to.transfers = from.transfers();
  to.taken_back = from.taken_back();
  for (const proto::MovesOfCause& left : from.left_alone()) {
    to.left_alone.push_back({ToMoveCause(left.cause()), left.moves()});
  }
  for (const proto::PlannedMove& move : from.moves()) {
    to.moves.push_back({move.shard(), ToIds(move.from()), ToIds(move.to()),
                        ToMoveCause(move.cause()), move.bytes()});
  }
  return to;
}

Status ToOrdered(const proto::Response& response) {
  return response.meta().ordered() ? Status() : WrongAnswer("a transfer");
}

Result<std::vector<EventView>> ToEvents(const proto::Response& response) {
  if (!response.meta().has_events()) return WrongAnswer("a question for events");
  std::vector<EventView> to;
  for (const proto::MetaEvent& event : response.meta().events().events()) {
    to.push_back(
        {event.number(),
         std::chrono::system_clock::time_point(ToDuration<milliseconds>(event.at_unix_ms())),
         Shown(event.who()), Shown(event.what())});
  }
  return to;
}

}  // namespace ringfort::client

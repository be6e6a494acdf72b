#include "tests/unit/meta/pretend_cluster.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <utility>

#include "raft/quorum.h"
#include "ring/placement.h"
#include "wire/id_codec.h"
#include "wire/raft_codec.h"

namespace ringfort::meta {

PretendCluster::PretendCluster(std::uint32_t node_count, std::uint32_t shard_count,
                               std::uint32_t replicas, std::uint64_t seed, std::uint32_t zones)
    : reports(ShardId(shard_count)), random(seed) {
  options.repair_after = std::chrono::seconds(30);
  options.settled_after = std::chrono::seconds(1);
  ring::ClusterConfig config;
  config.cluster_name = "pretend";
  config.shards = shard_count;
  config.replicas = replicas;
  for (std::uint32_t i = 1; i <= node_count; ++i) {
    config.nodes.push_back(
        {NodeId(i), "host-" + std::to_string(i) + ":1", "zone-" + std::to_string(i % zones), 1});
  }
  state.map = ring::FirstMap(config, ClusterId{1, 2});
  for (ring::NodeInfo& node : state.map.nodes) {
    node.incarnation = Incarnation{random.Next(), random.Next()};
    nodes[node.id].incarnation = node.incarnation;
  }
  for (std::uint32_t i = 0; i <= shard_count; ++i) {
    Shard& shard = shards.emplace_back();
    std::uint32_t id = 0;
    for (const NodeId node : state.map.PlaceOf(ShardId(i))) {
      shard.members.voters.push_back({ReplicaId(++id), node, nodes[node].incarnation});
      shard.caught_up.insert(ReplicaId(id));
    }
    shard.members.newest_id = ReplicaId(id);
    shard.primary = state.map.PlaceOf(ShardId(i)).front();
  }
}

bool PretendCluster::HasMajority(const Shard& shard) const {
  return raft::QuorumHolds(shard.members, [&](ReplicaId id) {
    bool holds = false;
    raft::ForEachMember(shard.members, [&](const raft::Member& member) {
      holds =
          holds || (member.id == id && nodes.at(member.node).alive && shard.caught_up.contains(id));
    });
    return holds;
  });
}

std::size_t PretendCluster::HealthyVoters(const Shard& shard) const {
  return static_cast<std::size_t>(
      std::ranges::count_if(shard.members.voters, [&](const raft::Member& voter) {
        return nodes.at(voter.node).alive && shard.caught_up.contains(voter.id);
      }));
}

std::uint32_t PretendCluster::ReplicasOn(NodeId node) const {
  std::uint32_t count = 0;
  for (const Shard& shard : shards) {
    raft::ForEachMember(shard.members, [&](const raft::Member& member) {
      if (member.node == node) ++count;
    });
  }
  return count;
}

void PretendCluster::LiveOn(Shard* shard) {
  if (!HasMajority(*shard)) {
    shard->primary = NodeId();
    return;
  }
  if (shard->members.joint()) {
    ++shard->members.index;
    shard->members = raft::Leave(shard->members);
  }
  const auto leads = [&](const raft::Member& voter) {
    return nodes.at(voter.node).alive && shard->caught_up.contains(voter.id);
  };
  const auto primary =
      std::ranges::find(shard->members.voters, shard->primary, &raft::Member::node);
  if (primary == shard->members.voters.end() || !leads(*primary)) {
    shard->primary = std::ranges::find_if(shard->members.voters, leads)->node;
  }
  raft::ForEachMember(shard->members, [&](const raft::Member& member) {
    if (nodes.at(member.node).alive && random.OneIn(3)) shard->caught_up.insert(member.id);
  });
}

void PretendCluster::Report(NodeId id) {
  Node& node = nodes.at(id);
  proto::NodeReport report;
  report.set_sequence(++node.sequence);
  report.set_ready(true);
  report.set_disk_free_bytes(std::uint64_t{1} << 40);
  report.set_replicas(ReplicasOn(id));
  report.set_disk_room(static_cast<std::uint32_t>(node.room));
  for (std::uint32_t i = 0; i < shards.size(); ++i) {
    const Shard& shard = shards[i];
    if (shard.primary != id) continue;
    proto::LedReport* led = report.add_led();
    led->set_shard(i);
    led->set_term(1);
    led->set_changing(!shard.committed);
    wire::EncodeMembers(shard.members, led->mutable_members());
    raft::ForEachMember(shard.members, [&](const raft::Member& member) {
      if (member.node == id) return;
      proto::FollowerReport* follower = led->add_followers();
      follower->set_node(member.node.value());
      follower->set_caught_up(nodes.at(member.node).alive && shard.caught_up.contains(member.id));
    });
  }
  EXPECT_TRUE(reports.Take({id, node.incarnation, BootNumber(node.boot)}, report, now, 0));
}

// As the meta group's primary does; and says where it makes a difference to look at all shards.
void PretendCluster::Look() {
  if (state.map == looked_at_) {
    strays_.LookAt(state.map, reports, reports.TakeChanged());
  } else {
    strays_.LookAtAll(state.map, reports);
    reports.TakeChanged();
    looked_at_ = state.map;
  }
  last = Reconcile(state, reports, strays_.shards(), since, now, options);
  std::set<ShardId> all;
  for (ShardId shard; shard <= state.map.meta_shard(); ++shard) all.insert(shard);
  const Steps twin = Reconcile(state, reports, all, since, now, options);
  if (last.next != twin.next || last.events != twin.events) wrong.push_back("another map");
  // Orders wait for a map that is to be written.
  if (!last.next && last.orders != twin.orders) wrong.push_back("other orders");
}

void PretendCluster::Obey(const Order& order, bool late) {
  Shard& shard = shards[order.shard.value()];
  const bool fits = shard.primary == order.primary && shard.members.index == order.members_index &&
                    !shard.members.joint();
  if (!fits) return;
  if (const auto* transfer = std::get_if<TransferTo>(&order.what)) {
    const auto to = std::ranges::find(shard.members.voters, transfer->node, &raft::Member::node);
    if (to == shard.members.voters.end() || !nodes.at(to->node).alive) return;
    if (shard.caught_up.contains(to->id)) shard.primary = to->node;
    return;
  }
  const auto& wanted = std::get<SetMembers>(order.what);
  const std::size_t healthy = HealthyVoters(shard);
  const auto member_on = [&](NodeId node) {
    raft::Member found{};
    raft::ForEachMember(shard.members, [&](const raft::Member& member) {
      if (member.node == node) found = member;
    });
    return found;
  };
  raft::MembersChange change{order.members_index, {}, {}};
  for (const NodeId node : wanted.voters) {
    change.voters.push_back(member_on(node));
    if (change.voters.back().id == ReplicaId()) {
      wrong.push_back("a voter that was no learner");
      return;
    }
    if (!shard.caught_up.contains(change.voters.back().id) &&
        !raft::IsVoter(shard.members, change.voters.back().id)) {
      wrong.push_back("a voter that has not caught up");
    }
  }
  for (const auto& [node, incarnation] : wanted.learners) {
    raft::Member learner = member_on(node);
    if (learner.id == ReplicaId()) {
      learner = {ReplicaId(), node, incarnation};
      ++shard.learners_made;
    }
    change.learners.push_back(learner);
  }
  auto next = raft::PlanChange(shard.members, change);
  if (!next.ok()) {
    wrong.push_back(next.status().message());
    return;
  }
  next->index = shard.members.index + 1;
  const raft::Members before = std::exchange(shard.members, *std::move(next));
  if (HealthyVoters(shard) < std::min(healthy, shard.members.voters.size())) {
    // A replica judges by what it sees itself; an order that is not late must not depend on that.
    shard.members = before;
    if (late) return;
    wrong.push_back("shard " + std::to_string(order.shard.value()) +
                    " has fewer healthy voters than before");
  }
  if (!HasMajority(shard)) wrong.push_back("a shard has lost its majority by an order");
}

void PretendCluster::Step() {
  now += std::chrono::milliseconds(250);
  for (Shard& shard : shards) LiveOn(&shard);
  for (const auto& [id, node] : nodes) {
    if (node.alive) Report(id);
  }
  // Without a primary the meta group does nothing.
  if (shards.back().primary == NodeId()) return;
  Look();
  if (last.next) {
    state = *last.next;
    std::ranges::move(last.events, std::back_inserter(events));
    if (Status status = ring::CheckMap(state.map); !status.ok()) wrong.push_back(status.message());
    return;
  }
  for (const Order& order : last.orders) {
    if (bad_links && random.OneIn(3)) {
      late_.push_back(order);
      if (random.OneIn(2)) continue;
    }
    Obey(order, false);
  }
  while (!late_.empty() && random.OneIn(2)) {
    const Order order = std::move(late_.front());
    late_.pop_front();
    Obey(order, true);
  }
}

bool PretendCluster::settled() const {
  if (!state.map.moves.empty() || last.next) return false;
  for (std::uint32_t i = 0; i < shards.size(); ++i) {
    const std::vector<NodeId>& place = state.map.PlaceOf(ShardId(i));
    std::vector<NodeId> voters;
    for (const raft::Member& voter : shards[i].members.voters) voters.push_back(voter.node);
    if (!std::ranges::is_permutation(voters, place)) return false;
    if (!shards[i].members.learners.empty() || shards[i].primary != place.front()) return false;
  }
  return true;
}

bool PretendCluster::Settle(int steps) {
  for (int i = 0; i < steps; ++i) {
    Step();
    if (settled() && late_.empty()) return true;
  }
  return false;
}

NodeId PretendCluster::Join(const std::string& zone, std::uint32_t weight) {
  NodeId id(1);
  while (nodes.contains(id)) ++id;
  Node& node = nodes[id];
  node.incarnation = Incarnation{random.Next(), random.Next()};
  proto::JoinCluster request;
  request.set_node(id.value());
  request.set_address("host-" + std::to_string(id.value()) + ":1");
  request.set_zone(zone);
  request.set_weight(weight);
  request.set_incarnation(wire::EncodeId(node.incarnation));
  auto change = meta::Join(state, request, false);
  EXPECT_TRUE(change.ok()) << change.status().ToString();
  state = std::move(change->next);
  return id;
}

Status PretendCluster::Change(proto::ChangeNode::Kind kind, NodeId node, NodeId replacement,
                              std::uint32_t weight) {
  proto::ChangeNode request;
  request.set_kind(kind);
  request.set_node(node.value());
  request.set_replacement(replacement.value());
  request.set_weight(weight);
  auto change = ChangeNode(state, request, headways());
  if (!change.ok()) return change.status();
  state = std::move(change->next);
  return Status::Ok();
}

Headways PretendCluster::headways() const {
  return [this](ShardId shard) { return HeadwayOf(state.map, shard, reports.Of(shard)); };
}

void PretendCluster::Start(NodeId node) {
  if (!nodes[node].alive) ++nodes[node].boot;
  nodes[node].alive = true;
  nodes[node].sequence = 0;
}

void PretendCluster::ReplaceMetaPrimary() {
  reports = Reports(state.map.meta_shard());
  looked_at_ = {};
  since = now;
}

}  // namespace ringfort::meta

#include "node/creation.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "features/features.h"
#include "ring/placement.h"
#include "wire/id_codec.h"
#include "wire/raft_codec.h"

namespace ringfort::node {

proto::CreationRecord MakeRecord(const ring::ClusterConfig& config,
                                 const std::map<NodeId, Incarnation>& incarnations,
                                 ClusterId cluster_id, Duration longest_promise,
                                 FeatureLevel level) {
  const ring::ClusterMap map = ring::FirstMap(config, cluster_id);
  proto::CreationRecord record;
  record.set_cluster_id(wire::EncodeId(cluster_id));
  record.set_cluster_name(config.cluster_name);
  record.set_replicas(config.replicas);
  record.set_feature_level(level.value());
  record.set_longest_promise_ms(static_cast<std::uint32_t>(
      std::chrono::duration_cast<std::chrono::milliseconds>(longest_promise).count()));
  for (const ring::NodeInfo& info : map.nodes) {
    proto::RecordNode* node = record.add_nodes();
    node->set_node(info.id.value());
    node->set_incarnation(wire::EncodeId(incarnations.at(info.id)));
    node->set_address(info.address);
    node->set_zone(info.zone);
    node->set_weight(info.weight);
  }
  const auto add_members = [&](const std::vector<NodeId>& nodes, proto::RecordShard* shard) {
    std::uint32_t replica = 0;
    for (const NodeId node : nodes) {
      wire::EncodeMember({ReplicaId(++replica), node, incarnations.at(node)}, shard->add_members());
    }
  };
  for (const std::vector<NodeId>& nodes : map.placement) add_members(nodes, record.add_shards());
  add_members(map.meta, record.mutable_meta());
  return record;
}

Result<ring::ClusterMap> MapOf(const proto::CreationRecord& record) {
  auto cluster_id = wire::DecodeId<ClusterId>(record.cluster_id(), "cluster id");
  if (!cluster_id.ok()) return cluster_id.status();
  ring::ClusterMap map;
  map.version = ring::kFirstMapVersion;
  map.cluster_name = record.cluster_name();
  map.cluster_id = *cluster_id;
  map.replicas = record.replicas();
  map.feature_level = FeatureLevel(record.feature_level());
  if (map.feature_level > FeatureLevel()) {
    map.feature_release = features::ReleaseOf(map.feature_level);
  }
  for (const proto::RecordNode& node : record.nodes()) {
    auto incarnation = wire::DecodeId<Incarnation>(node.incarnation(), "a node's incarnation");
    if (!incarnation.ok()) return incarnation.status();
    map.nodes.push_back({.id = NodeId(node.node()),
                         .address = node.address(),
                         .zone = node.zone(),
                         .weight = node.weight(),
                         .incarnation = *incarnation});
  }
  const auto nodes_of = [](const proto::RecordShard& shard) {
    std::vector<NodeId> nodes;
    for (const proto::Member& member : shard.members()) nodes.emplace_back(member.node());
    return nodes;
  };
  for (const proto::RecordShard& shard : record.shards()) map.placement.push_back(nodes_of(shard));
  map.meta = nodes_of(record.meta());
  if (Status status = ring::CheckMap(map); !status.ok()) return status;
  return map;
}

bool IsNamed(const proto::CreationRecord& record, const env::PeerIdentity& who) {
  return std::any_of(record.nodes().begin(), record.nodes().end(),
                     [&](const proto::RecordNode& node) {
                       return NodeId(node.node()) == who.node &&
                              node.incarnation() == wire::EncodeId(who.incarnation);
                     });
}

bool HasNode(const proto::CreationRecord& record, NodeId node) {
  return std::any_of(record.nodes().begin(), record.nodes().end(),
                     [&](const proto::RecordNode& one) { return NodeId(one.node()) == node; });
}

Status CheckLease(const proto::CreationRecord& record, Duration lease) {
  const std::chrono::milliseconds longest(record.longest_promise_ms());
  if (lease <= longest) return Status::Ok();
  const auto asked = std::chrono::duration_cast<std::chrono::milliseconds>(lease);
  return {Code::kInvalidArgument, "--lease_ms=" + std::to_string(asked.count()) +
                                      ": the cluster was created with promises of at most " +
                                      std::to_string(longest.count()) + " ms (give at most that)"};
}

Creation::Creation(ring::ClusterConfig config, env::PeerIdentity self, Duration longest_promise,
                   std::optional<proto::CreationRecord> record, Random random, Doors doors)
    : config_(std::move(config)),
      self_(self),
      longest_promise_(longest_promise),
      record_(std::move(record)),
      random_(random),
      doors_(std::move(doors)),
      level_(self.knows) {
  empty_.emplace(self_.node, self_.incarnation);
}

bool Creation::Creates() const {
  return std::all_of(config_.nodes.begin(), config_.nodes.end(),
                     [this](const ring::NodeInfo& node) { return self_.node <= node.id; });
}

void Creation::Start() {
  if (record_) {
    doors_.begin(*record_);
  } else {
    CreateIfAllEmpty();  // A cluster of one needs nobody's answer.
  }
}

std::string Creation::waiting_for() const {
  if (record_) return {};
  if (storing_) return "the cluster's creation record is being stored (this takes a moment)";
  if (left_out_) {
    return "the cluster has no node " + std::to_string(self_.node.value()) +
           " (give --node the number of one of its nodes)";
  }
  if (exists_elsewhere_) {
    return "another node already belongs to a cluster of this name (waiting for its record; a node "
           "that was removed from the cluster comes in again with --join)";
  }
  std::string missing;
  for (const ring::NodeInfo& node : config_.nodes) {
    if (empty_.contains(node.id)) continue;
    missing += (missing.empty() ? "" : ", ") + std::to_string(node.id.value());
  }
  if (!Creates()) {
    const auto lowest = std::min_element(
        config_.nodes.begin(), config_.nodes.end(),
        [](const ring::NodeInfo& a, const ring::NodeInfo& b) { return a.id < b.id; });
    return "the cluster is not created yet: node " + std::to_string(lowest->id.value()) +
           " creates it once all configured nodes are up (start them all)";
  }
  return "the cluster is not created yet: it needs every configured node once, and node " +
         missing + " has not answered (start it)";
}

void Creation::OnConnected(const env::PeerIdentity& peer, bool has_record) {
  if (record_) {
    if (!has_record) HandOut(peer.node);
    return;
  }
  if (has_record) {
    exists_elsewhere_ = true;  // It sends the record to us.
    return;
  }
  if (!Creates()) {
    // The creator may have asked while this link, which the answer takes, was not up.
    OnQuestion(peer);
    return;
  }
  proto::PeerMessage question;
  question.mutable_creation_question();
  doors_.transport->Send(peer.node, env::Lane::kLiveness, question.SerializeAsString());
}

void Creation::HandOut(NodeId to) {
  if (record_->shards_size() == 0) return;  // This node joined later: it does not have all of it.
  proto::PeerMessage message;
  *message.mutable_creation_record() = *record_;
  doors_.transport->Send(to, env::Lane::kLiveness, message.SerializeAsString());
}

void Creation::OnQuestion(const env::PeerIdentity& from) {
  proto::PeerMessage answer;
  answer.mutable_creation_answer()->set_empty(!record_ && !storing_);
  doors_.transport->Send(from.node, env::Lane::kLiveness, answer.SerializeAsString());
}

void Creation::OnAnswer(const env::PeerIdentity& from, const proto::CreationAnswer& answer) {
  if (record_ || storing_ || !Creates()) return;
  if (!answer.empty()) {
    exists_elsewhere_ = true;
    return;
  }
  empty_[from.node] = from.incarnation;
  level_ = std::min(level_, from.knows);
  CreateIfAllEmpty();
}

void Creation::CreateIfAllEmpty() {
  if (record_ || storing_ || exists_elsewhere_ || !Creates()) return;
  const bool all =
      std::all_of(config_.nodes.begin(), config_.nodes.end(),
                  [this](const ring::NodeInfo& node) { return empty_.contains(node.id); });
  if (!all) return;
  const ClusterId cluster_id{random_.Next(), random_.Next()};
  Take(MakeRecord(config_, empty_, cluster_id, longest_promise_, level_));
}

void Creation::OnRecord(const env::PeerIdentity& from, const proto::CreationRecord& record) {
  if (record_) {
    if (record_->cluster_id() != record.cluster_id()) {
      doors_.log(
          "node " + std::to_string(from.node.value()) +
          " sent the creation record of another cluster; ignored (check its data directory)");
    }
    return;
  }
  if (storing_) return;
  exists_elsewhere_ = true;
  if (auto map = MapOf(record); !map.ok()) {
    doors_.log("node " + std::to_string(from.node.value()) +
               " sent a creation record that makes no sense: " + map.status().message());
    return;
  }
  if (record.cluster_name() != config_.cluster_name || !HasNode(record, self_.node)) {
    left_out_ = true;
    doors_.log(waiting_for());
    return;
  }
  if (!IsNamed(record, self_)) {
    doors_.log("node " + std::to_string(self_.node.value()) +
               " had another data directory before: this one begins without any replica, and is "
               "filled from the other nodes");
  }
  Take(record);
}

void Creation::Take(const proto::CreationRecord& record) {
  storing_ = true;
  doors_.store(record, [this, record](Status status) {
    storing_ = false;
    if (!status.ok()) return;  // The node stops.
    record_ = record;
    // Also by who did not make it: the maker may be gone, and who connected meanwhile was told
    // nothing.
    for (const proto::RecordNode& node : record.nodes()) {
      if (NodeId(node.node()) != self_.node) HandOut(NodeId(node.node()));
    }
    doors_.begin(*record_);
  });
}

}  // namespace ringfort::node

// This node and the meta group: the map that it takes over, the pulses that it answers, the orders
// that it carries out, and the part of the meta group's primary where its replica leads.
#include <utility>

#include "node/claims.h"
#include "node/node.h"
#include "ringfort/version.h"
#include "wire/map_codec.h"
#include "wire/raft_codec.h"
#include "wire/status_codec.h"

namespace ringfort::node {
namespace {

constexpr Duration kSavePause = std::chrono::seconds(1);
/// After so long without a pulse nobody is said to lead the meta group.
constexpr Duration kPulseMax = std::chrono::seconds(3);
constexpr std::size_t kStrangersMax = 4;
/// For so long a link to one is kept.
constexpr Duration kStrangerMax = std::chrono::seconds(10);
constexpr Duration kAskPause = std::chrono::seconds(1);

}  // namespace

std::unique_ptr<meta::MetaPrimary> Node::MakeMetaPrimary() {
  meta::MetaOptions options = options_.meta;
  options.knows = options_.knows;
  return std::make_unique<meta::MetaPrimary>(
      options,
      meta::MetaPrimary::Doors{
          .self = self_.node,
          .control = doors_.loops.front(),
          .wall = doors_.wall,
          .submit =
              [this](proto::Request request, meta::MetaPrimary::OnReply then) {
                SubmitToMeta(std::move(request), std::move(then));
              },
          .send = [this](NodeId to, const proto::PeerMessage& message) { SendOrHear(to, message); },
          .on_map = [this](const ring::ClusterMap& map) { TakeMap(map); },
          .record = [this]() -> const proto::CreationRecord& { return identity_.record(); },
          .first_map = [this] { return *map_.Get(); },
          .log_line = doors_.log_line,
          .on_unknown = doors_.on_fatal});
}

void Node::SubmitToMeta(proto::Request request, meta::MetaPrimary::OnReply then) {
  const ShardId shard(shards_);
  request.set_shard(shard.value());
  ShardLoop& loop = LoopOf(shard);
  auto submitted = std::make_shared<proto::Request>(std::move(request));
  loop.loop()->Post([this, &loop, shard, submitted, then = std::move(then)] {
    Reply reply = [this, then](proto::Response response) {
      doors_.loops.front()->Post([then, response = std::move(response)] { then(response); });
    };
    replica::Replica* replica = loop.Find(shard);
    if (replica == nullptr) {
      proto::Response response;
      wire::EncodeStatus(Status(Code::kNotPrimary, "this node is not in the meta group"),
                         response.mutable_error());
      reply(std::move(response));
      return;
    }
    const auto left = std::chrono::milliseconds(submitted->timeout_ms());
    // Also on full disks: to take a node in, or to drain one, is how operators make room.
    replica->Submit({std::move(*submitted), std::move(reply), loop.Now() + left,
                     /*makes_room=*/true});
  });
}

void Node::SendOrHear(NodeId to, const proto::PeerMessage& message) {
  if (to != self_.node) {
    doors_.transport->Send(to, env::Lane::kBulk, message.SerializeAsString());
    return;
  }
  doors_.loops.front()->Post([this, message] {
    if (!stopped_) OnMetaMessage(self_, message);
  });
}

bool Node::OnMetaMessage(const env::PeerIdentity& from, const proto::PeerMessage& message) {
  switch (message.body_case()) {
    case proto::PeerMessage::kMetaPulse: OnPulse(from, message.meta_pulse()); return true;
    case proto::PeerMessage::kNodeReport: meta_->OnReport(from, message.node_report()); return true;
    case proto::PeerMessage::kShardOrder: OnOrder(message.shard_order()); return true;
    case proto::PeerMessage::kMapQuestion: {
      const MapVersion theirs(message.map_question().newer_than());
      if (!IsCredible(map_.Get()->version, theirs)) {
        Rubbish(from.node, "a map version that cannot be true");
        return true;
      }
      if (theirs > map_.Get()->version) AskForMap(from.node);
      if (theirs < map_.Get()->version) SendMap(from.node);
      return true;
    }
    case proto::PeerMessage::kMapAnswer: {
      proto::ClusterMap encoded;
      if (!encoded.ParseFromString(message.map_answer().map())) {
        Rubbish(from.node, "a cluster map that cannot be read");
        return true;
      }
      auto map = wire::DecodeMap(encoded);
      if (!map.ok() || map->cluster_id != cluster_id() || map->shards() != shards_) {
        Rubbish(from.node, map.ok() ? "another cluster's map" : map.status().message());
        return true;
      }
      if (!IsCredible(map_.Get()->version, map->version)) {
        Rubbish(from.node, "a cluster map of a version that cannot be true");
        return true;
      }
      for (const auto& [shard, epoch] : map->epochs) {
        if (!Believes(from.node, shard, epoch)) return true;
      }
      TakeMap(*std::move(map));
      return true;
    }
    default: return false;
  }
}

void Node::OnStranger(const env::PeerIdentity& from, const proto::PeerMessage& message) {
  if (message.has_meta_pulse() && Term(message.meta_pulse().term()) >= meta_term_) {
    AskStranger(from.node, MapVersion(message.meta_pulse().map_version()),
                message.meta_pulse().address());
  }
  if (message.has_map_answer() && strangers_.contains(from.node)) OnMetaMessage(from, message);
  if (message.has_map_question()) {
    TellIfGone(from.node);
    AskStranger(from.node, MapVersion(message.map_question().newer_than()),
                message.map_question().address());
  }
}

// This node's map is old, and to ask for the new one takes a link. Which cluster the sender is of,
// its hello has shown.
void Node::AskStranger(NodeId node, MapVersion version, const std::string& address) {
  if (version <= map_.Get()->version || address.empty()) return;
  LinkStranger(node, address);
  AskForMap(node);
}

void Node::LinkStranger(NodeId node, const std::string& address) {
  if (strangers_.size() >= kStrangersMax) strangers_.clear();
  const auto [stranger, made] = strangers_.try_emplace(node);
  if (stranger->second.address != address) stranger->second = {address, std::nullopt};
  if (!made) return;
  LinkPeers();
  doors_.loops.front()->RunAt(doors_.loops.front()->Now() + kStrangerMax, [this, node] {
    if (!stopped_ && strangers_.erase(node) > 0) LinkPeers();
  });
}

void Node::AskForMap(NodeId of) {
  proto::PeerMessage question;
  const MapHolder::Map map = map_.Get();
  question.mutable_map_question()->set_newer_than(map->version.value());
  if (const ring::NodeInfo* own = map->FindNode(self_.node)) {
    question.mutable_map_question()->set_address(own->address);
  }
  // Its other lane may be up later.
  doors_.transport->Send(of, env::Lane::kLiveness, question.SerializeAsString());
}

void Node::SendMap(NodeId to) {
  proto::PeerMessage answer;
  proto::ClusterMap map;
  wire::EncodeMap(*map_.Get(), &map);
  answer.mutable_map_answer()->set_map(map.SerializeAsString());
  // Its other lane may be up later.
  doors_.transport->Send(to, env::Lane::kLiveness, answer.SerializeAsString());
}

// Who is gone is not pulsed any more, nor who has only ever heard of nodes that are: it has to ask.
// And where the meta group has no primary, who was away must still hear of the nodes that came
// meanwhile: their shards do not wait for the meta group.
void Node::AskAround() {
  if (stopped_) return;
  const MonotonicTime now = doors_.loops.front()->Now();
  doors_.loops.front()->RunAt(now + kAskPause, [this] { AskAround(); });
  if (now - pulsed_at_ <= kPulseMax) return;
  const std::vector<ring::NodeInfo>& nodes = map_.Get()->nodes;
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    const ring::NodeInfo& node = nodes[++ask_next_ % nodes.size()];
    if (node.id == self_.node || node.state == ring::NodeState::kGone) continue;
    return AskForMap(node.id);
  }
}

void Node::TellIfGone(NodeId node) {
  const MapHolder::Map map = map_.Get();
  const ring::NodeInfo* info = map->FindNode(node);
  if (info == nullptr || info->state != ring::NodeState::kGone) return;
  LinkStranger(node, info->address);
  SendMap(node);
}

void Node::OnPulse(const env::PeerIdentity& from, const proto::MetaPulse& pulse) {
  if (!IsCredible(meta_term_, Term(pulse.term()))) {
    return Rubbish(from.node, "a term of the meta group that cannot be true");
  }
  if (Term(pulse.term()) < meta_term_) return;  // It was replaced, and does not know yet.
  meta_term_ = Term(pulse.term());
  meta_primary_ = from.node;
  pulsed_at_ = doors_.loops.front()->Now();
  if (MapVersion(pulse.map_version()) > map_.Get()->version) AskForMap(from.node);
  reporter_->Answer(from.node, pulse, [this, to = from.node](proto::NodeReport report) {
    report.set_map_version(map_.Get()->version.value());
    report.set_disk_room(static_cast<std::uint32_t>(room_.load()));
    report.set_disk_free_bytes(free_bytes_);
    report.set_leaving(leaving_ != nullptr);
    for (const auto& [shard, left] : voids_) report.add_void_shards(shard.value());
    report.set_clock_unix_ms(meta::UnixMilliseconds(*doors_.wall));
    report.set_release(kVersion);
    report.set_knows_level(options_.knows.value());
    proto::PeerMessage message;
    *message.mutable_node_report() = std::move(report);
    SendOrHear(to, message);
  });
}

void Node::OnOrder(const proto::ShardOrder& order) {
  if (Term(order.meta_term()) < meta_term_ || order.shard() > shards_) return;
  ShardLoop& loop = LoopOf(ShardId(order.shard()));
  loop.loop()->Post([&loop, order] {
    if (replica::Replica* replica = loop.Find(ShardId(order.shard()))) {
      replica->Obey(order, loop.Now());
    }
  });
}

// The map.

void Node::TakeMap(const ring::ClusterMap& map) {
  if (map.cluster_id != cluster_id()) return;
  if (map.feature_level > options_.knows) {
    // Before it is stored: a release that knows it takes it then.
    doors_.on_fatal(features::TooNew("cluster \"" + map.cluster_name + "\"", map.feature_level,
                                     map.feature_release));
    return;
  }
  if (!map_.Take(map)) return;
  if (map.feature_level > feature_level_.load()) {
    // A start that finds the level in its log, and not in its map, would send to older releases
    // what they do not understand.
    wire::EncodeMap(map, identity_.mutable_map());
    SaveIdentity([this, map] {
      if (!stopped_) TakeLevel(map);
    });
  }
  for (const auto& [shard, epoch] : map.epochs) LearnEpoch(shard, epoch);
  LinkPeers();
  if (!saving_map_) SaveMap();
}

// What it takes to store a message: it waits until this directory's map is of that level.
bool Node::IsAhead(const env::PeerIdentity& from, raft::MembersFormat format) {
  if (format == raft::MembersFormat::kPlain || feature_level_.load() >= features::kMembers1) {
    return false;
  }
  AskForMap(from.node);
  return true;  // Raft sends it again.
}

// Who would not understand what is written from now on is sent nothing any more, before the first
// of it is: its process counts as gone. The log is written in the new formats, which an older
// release refuses.
void Node::TakeLevel(const ring::ClusterMap& map) {
  if (map.feature_level <= feature_level_.load()) return;
  feature_level_ = map.feature_level;
  doors_.log->SetFeatureLevel(map.feature_level);
  doors_.log_line("the cluster's feature level is " + std::to_string(map.feature_level.value()) +
                  ": nodes run release " + map.feature_release + " or newer from now on");
  if (liveness_ == nullptr) return;
  for (const auto* peers : {&connected_, &linked_}) {
    for (const auto& [node, peer] : *peers) {
      if (IsTooOld(peer)) liveness_->OnGone(peer);
    }
  }
}

void Node::LinkPeers() {
  const MapHolder::Map map = map_.Get();
  std::vector<env::PeerAddress> addresses;
  std::vector<NodeId> nodes;
  std::vector<env::PeerIdentity> met;  // Peers from now on, whose links are up already.
  for (const ring::NodeInfo& node : map->nodes) {
    if (node.id == self_.node || node.state == ring::NodeState::kGone) continue;
    addresses.push_back({node.id, node.address});
    nodes.push_back(node.id);
    const auto stranger = strangers_.extract(node.id);
    if (stranger.empty() || stranger.mapped().address != node.address) continue;
    if (stranger.mapped().shown) met.push_back(*stranger.mapped().shown);
  }
  for (const auto& [node, stranger] : strangers_) addresses.push_back({node, stranger.address});
  doors_.transport->SetPeers(std::move(addresses));
  if (liveness_ == nullptr) return;
  liveness_->SetPeers(nodes);
  for (const env::PeerIdentity& peer : met) liveness_->OnConnected(peer);
}

// One after the other, and not every map of a busy hour: one that was not saved is asked for again.
void Node::SaveMap() {
  saving_map_ = true;
  doors_.loops.front()->RunAt(doors_.loops.front()->Now() + kSavePause, [this] {
    if (stopped_) return;
    const MapHolder::Map map = map_.Get();
    wire::EncodeMap(*map, identity_.mutable_map());
    SaveIdentity([this, map] {
      saving_map_ = false;
      if (map->version < map_.Get()->version) {
        SaveMap();
      } else {
        EndIfRemoved(*map);
      }
    });
  });
}

// A replica that is left here is a member nowhere: the map says so only once every shard's log does
// (meta/reconciler.cc). It is not destroyed by that, and will not vote.
void Node::EndIfRemoved(const ring::ClusterMap& saved) {
  const ring::NodeInfo* own = saved.FindNode(self_.node);
  if (own == nullptr || own->state != ring::NodeState::kGone || removed_ || stopped_) return;
  removed_ = true;
  doors_.log_line("node " + std::to_string(self_.node.value()) +
                  " was removed from the cluster (by version " +
                  std::to_string(saved.version.value()) +
                  " of the map): it ends (to take it in again, delete its data directory and start "
                  "it with --join)");
  doors_.on_removed();
}

// Operators.

void Node::HandleMeta(proto::MetaRequest request, Reply reply) {
  auto asked = std::make_shared<proto::MetaRequest>(std::move(request));
  doors_.loops.front()->Post([this, asked, reply = std::move(reply)] {
    proto::Response response;
    if (!stopped_ && meta_->leads()) {
      meta_->Handle(std::move(*asked), [reply](Result<proto::MetaReply> answer) {
        proto::Response answered;
        if (answer.ok()) {
          *answered.mutable_meta() = *std::move(answer);
        } else {
          wire::EncodeStatus(answer.status(), answered.mutable_error());
        }
        reply(std::move(answered));
      });
      return;
    }
    const bool known =
        meta_primary_ != NodeId() && doors_.loops.front()->Now() - pulsed_at_ < kPulseMax;
    if (known && meta_primary_ != self_.node) {
      wire::EncodeStatus(Status(Code::kNotPrimary, "this node does not lead the meta group"),
                         response.mutable_error());
      response.mutable_error()->set_primary_hint(meta_primary_.value());
    } else {
      wire::EncodeStatus(Status(Code::kUnavailable,
                                "the meta group has no primary that this node knows (a majority of "
                                "its nodes must run; try again)"),
                         response.mutable_error());
    }
    reply(std::move(response));
  });
}

}  // namespace ringfort::node

#include "node/node.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "node/claims.h"
#include "node/request_check.h"
#include "raft/members.h"
#include "wire/id_codec.h"
#include "wire/raft_codec.h"
#include "wire/status_codec.h"

namespace ringfort::node {
namespace {

/// The newest format of a list of members that the message brings.
raft::MembersFormat NewestMembers(const raft::Message& message) {
  auto newest = raft::MembersFormat::kPlain;
  const auto* append = std::get_if<raft::AppendRequest>(&message.body);
  if (append == nullptr) return newest;
  for (const raft::Entry& entry : append->entries) {
    if (entry.kind != raft::EntryKind::kMembers) continue;
    const auto members = raft::DecodeMembers(entry.data.view());
    if (members.ok()) newest = std::max(newest, members->format);
  }
  return newest;
}

env::PeerIdentity SelfOf(const proto::Identity& identity, FeatureLevel knows) {
  auto incarnation = wire::DecodeId<Incarnation>(identity.incarnation(), "incarnation");
  RF_CHECK(incarnation.ok() && !incarnation->empty()) << "the identity was not checked";
  env::PeerIdentity self{NodeId(identity.node()), *incarnation, BootNumber(identity.boot()), knows};
  if (const auto& lives = identity.lineage().lives(); !lives.empty()) {
    self.nonce = lives.rbegin()->nonce();
  }
  return self;
}

proto::Response ErrorResponse(const Status& status) {
  proto::Response response;
  wire::EncodeStatus(status, response.mutable_error());
  return response;
}

}  // namespace

Node::Node(NodeOptions options, ring::ClusterConfig config, proto::Identity identity,
           NodeDoors doors)
    : options_(options),
      config_(std::move(config)),
      doors_(std::move(doors)),
      self_(SelfOf(identity, options_.knows)),
      started_at_(doors_.loops.front()->Now()),
      identity_(std::move(identity)),
      random_(self_.incarnation.low ^ (self_.incarnation.high * 31) ^ (self_.boot.value() << 32)),
      creation_(
          config_, self_, options_.liveness.lease,
          identity_.has_record() ? std::optional(identity_.record()) : std::nullopt, random_.Fork(),
          Creation::Doors{
              doors_.loops.front(), doors_.transport,
              [this](const proto::CreationRecord& record, std::function<void(Status)> done) {
                StoreRecord(record, std::move(done));
              },
              [this](const proto::CreationRecord& record) { Begin(record); }, doors_.log_line}),
      keeper_(options_.log_keeper, doors_.loops.front(), doors_.pool, doors_.log, doors_.on_fatal),
      snapshot_pace_(options_.snapshot_bytes_per_second),
      snapshot_turns_(options_.snapshots_at_once) {
  for (env::Loop* loop : doors_.loops) {
    loops_.push_back(std::make_unique<ShardLoop>(
        options_.shard_loop,
        ShardLoop::Doors{
            self_.node,
            loop,
            {doors_.pool, doors_.chunk_pool, doors_.shard_pool},
            doors_.transport,
            doors_.log,
            [this](ShardId shard, std::optional<Term> term, std::vector<NodeId> peers) {
              liveness_->SetLeads(shard, term, std::move(peers));
              if (shard != ShardId(shards_)) return;
              doors_.loops.front()->Post([this, term] { meta_->OnLeads(term); });
            },
            [this](NodeId node) { return liveness_->PromisedUntil(node); },
            [this](ShardId shard, const std::string& line) {
              doors_.log_line("shard " + std::to_string(shard.value()) + ": " + line);
            },
            [this](std::shared_ptr<replica::Replica> replica, const std::string& why) {
              doors_.loops.front()->Post(
                  [this, replica = std::move(replica), why] { OnRemoved(replica, why); });
            },
            [this](storage::ShardStore::Name name, std::weak_ptr<storage::ShardData> readers) {
              doors_.loops.front()->Post([this, name, readers] { DropLater(name, readers); });
            },
            [this] { return snapshot_turns_.Take(); },
            [this](std::size_t bytes) {
              return snapshot_pace_.Take(bytes, doors_.loops.front()->Now());
            },
            [this](const proto::PeerMessage& message) { SendToAll(message); },
            [this](NodeId node) {
              return node == self_.node ? room_.load() : liveness_->RoomOf(node);
            },
            [this] { return feature_level_.load(); },
            doors_.on_fatal,
            [this](ShardId shard) { damage_.Note(shard, doors_.loops.front()->Now()); },
            [this] { return damage_.TakeTurn(); },
            [this](storage::ShardStore::Name name, std::weak_ptr<storage::ShardData> readers) {
              doors_.loops.front()->Post([this, name, readers] { DropRepaired(name, readers); });
            },
            [this](ShardId shard, NodeId from, std::uint64_t theirs, std::uint64_t own) {
              doors_.loops.front()->Post(
                  [this, shard, from, theirs, own] { OnOtherEpoch(shard, from, theirs, own); });
            }}));
  }
}

Node::~Node() = default;

ClusterId Node::cluster_id() const {
  const std::lock_guard lock(mutex_);
  return cluster_id_;
}

void Node::SetRoom(storage::DiskRoom room, std::uint64_t free_bytes) {
  free_bytes_ = free_bytes;
  if (room_.exchange(room) == room) return;
  const std::string free = " (" + std::to_string(free_bytes >> 20) + " MiB are free)";
  switch (room) {
    case storage::DiskRoom::kEnough: doors_.log_line("the disk has room again" + free); return;
    case storage::DiskRoom::kFull:
      doors_.log_line("the disk is full: puts are refused until there is room" + free);
      return;
    case storage::DiskRoom::kExhausted:
      doors_.log_line("the disk is exhausted: nothing is written until there is room" + free);
      return;
  }
}

void Node::Start() {
  doors_.loops.front()->Post([this] {
    recovery_ = doors_.log->TakeRecovery();
    if (!identity_.has_record()) {
      std::vector<env::PeerAddress> peers;
      for (const ring::NodeInfo& node : config_.nodes) {
        if (node.id != self_.node) peers.push_back({node.id, node.address});
      }
      doors_.transport->SetPeers(std::move(peers));
    }
    creation_.Start();
    SetWaitingFor(creation_.waiting_for());
  });
}

void Node::Stop(std::function<void()> done) {
  doors_.loops.front()->Post([this, done = std::move(done)] {
    stopped_ = true;
    serving_ = false;
    EndReplicas(done);
  });
}

// Again: nothing is left to end.
void Node::EndReplicas(std::function<void()> done) {
  keeper_.Stop();
  if (liveness_ != nullptr) liveness_->Stop();
  if (meta_ != nullptr) meta_->Stop();
  auto left = std::make_shared<std::size_t>(loops_.size());
  for (const auto& loop : loops_) {
    loop->loop()->Post([this, loop = loop.get(), left, done] {
      loop->Stop();
      doors_.loops.front()->Post([left, done] {
        if (--*left == 0) done();
      });
    });
  }
}

void Node::StoreRecord(const proto::CreationRecord& record, std::function<void(Status)> done) {
  *identity_.mutable_record() = record;
  SaveIdentity([done = std::move(done)] { done(Status::Ok()); });
}

void Node::SaveIdentity(std::function<void()> then) {
  unsaved_.push_back(std::move(then));
  if (!saving_identity_) SaveIdentityNow();
}

void Node::SaveIdentityNow() {
  saving_identity_ = true;
  auto told = std::make_shared<std::vector<std::function<void()>>>(std::exchange(unsaved_, {}));
  doors_.pool->Post([this, told, bytes = identity_.SerializeAsString()] {
    const Status status = doors_.identity->Save(bytes);
    doors_.loops.front()->Post([this, told, status] {
      saving_identity_ = false;
      if (!status.ok()) {
        doors_.on_fatal(status);
        return;
      }
      if (!unsaved_.empty()) SaveIdentityNow();
      for (const std::function<void()>& then : *told) then();
    });
  });
}

void Node::StoreStarts(const std::vector<env::PeerIdentity>& peers) {
  bool changed = false;
  for (const env::PeerIdentity& peer : peers) {
    const bool is_new = seen_lives_.StandingOf(peer) == SeenLives::Standing::kNew;
    if (is_new && IsPeer(peer)) changed = seen_lives_.Note(peer, &identity_) || changed;
  }
  if (!changed) return;
  SaveIdentity([this, number = seen_lives_.BeginStoring()] {
    for (const SeenLives::Held& held : seen_lives_.OnStored(number)) {
      OnMessage(held.from, held.lane, held.message);
    }
  });
}

bool Node::CountsNow(const env::PeerIdentity& from, env::Lane lane, std::string_view bytes) {
  using Standing = SeenLives::Standing;
  if (seen_lives_.StandingOf(from) == Standing::kNew) StoreStarts({from});
  const Standing standing = seen_lives_.StandingOf(from);
  if (standing == Standing::kNew) seen_lives_.Hold(from, lane, bytes);
  return standing == Standing::kStored;
}

// Peers.

// Any directory of a node of this cluster: what it may say for a shard, the shard's members decide.
bool Node::IsPeer(const env::PeerIdentity& peer) const {
  const MapHolder::Map map = map_.Get();
  const ring::NodeInfo* node = map->FindNode(peer.node);
  return node != nullptr && node->state != ring::NodeState::kGone && peer.node != self_.node;
}

void Node::SendToAll(const proto::PeerMessage& message) {
  const std::string bytes = message.SerializeAsString();
  for (const ring::NodeInfo& node : map_.Get()->nodes) {
    const bool peer = node.id != self_.node && node.state != ring::NodeState::kGone;
    if (peer) doors_.transport->Send(node.id, env::Lane::kBulk, bytes);
  }
}

void Node::Leave(Duration timeout, std::function<void()> done) {
  doors_.loops.front()->Post([this, timeout, done = std::move(done)] {
    if (!running_ || stopped_ || removed_ || old_copy_) {  // Nobody needs who was removed.
      done();
      return;
    }
    std::vector<ShardLoop*> loops;
    for (const auto& loop : loops_) loops.push_back(loop.get());
    leaving_ = std::make_unique<Leaving>(Leaving::Doors{doors_.loops.front(), doors_.transport,
                                                        liveness_.get(), std::move(loops),
                                                        doors_.log_line});
    leaving_->Start(timeout, done);
  });
}

void Node::OnConnected(const env::PeerIdentity& peer, bool has_record) {
  if (old_copy_) return;
  connected_[peer.node] = peer;
  if (const auto linked = linked_.find(peer.node); linked != linked_.end()) {
    if (linked->second != peer) linked_.erase(linked);
  }
  creation_.OnConnected(peer, has_record);
  if (!has_record_) SetWaitingFor(creation_.waiting_for());
  if (introduced_by_ != kForever) RunOnceIntroduced();
  if (!running_) return;
  if (IsTooOld(peer)) {
    SendMap(peer.node);
  } else if (IsPeer(peer)) {
    StoreStarts({peer});
    liveness_->OnConnected(peer);
  } else {
    TellIfGone(peer.node);
    const auto stranger = strangers_.find(peer.node);
    if (stranger == strangers_.end()) return;
    stranger->second.shown = peer;
    AskForMap(peer.node);
  }
}

// Loops are told whether the node runs or not: nobody would tell them later.
void Node::OnLinked(const env::PeerIdentity& peer, env::Lane lane, env::DialNumber dial) {
  if (lane != env::Lane::kBulk) return;  // What heartbeats rest on hears OnConnected.
  linked_[peer.node] = peer;
  if (IsTooOld(peer)) return;  // It would not understand what is sent on it.
  for (const auto& loop : loops_) {
    loop->loop()->Post([loop = loop.get(), node = peer.node, dial] { loop->OnLinked(node, dial); });
  }
}

void Node::OnGone(const env::PeerIdentity& gone) {
  if (running_) liveness_->OnGone(gone);
}

void Node::Rubbish(NodeId from, const std::string& what) {
  if (rubbish_++ % 1000 != 0) return;  // Counted; said now and then.
  doors_.log_line("node " + std::to_string(from.value()) + " sent what makes no sense: " + what +
                  " (ignored; update the older of the two nodes)");
}

void Node::OnMessage(const env::PeerIdentity& from, env::Lane lane, std::string_view bytes) {
  if (stopped_ || old_copy_) return;
  proto::PeerMessage message;
  if (!message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    Rubbish(from.node, "a message that cannot be read");
    return;
  }
  switch (message.body_case()) {
    case proto::PeerMessage::kCreationQuestion: creation_.OnQuestion(from); return;
    case proto::PeerMessage::kCreationAnswer:
      creation_.OnAnswer(from, message.creation_answer());
      if (!has_record_) SetWaitingFor(creation_.waiting_for());
      return;
    case proto::PeerMessage::kCreationRecord:
      creation_.OnRecord(from, message.creation_record());
      if (!has_record_) SetWaitingFor(creation_.waiting_for());
      return;
    default: break;
  }
  if (!running_ || liveness_->IsGone(from)) return;
  if (IsTooOld(from)) return;
  if (!IsPeer(from)) {
    OnStranger(from, message);
    return;
  }
  if (!CountsNow(from, lane, bytes)) return;
  switch (message.body_case()) {
    case proto::PeerMessage::kRaft: OnRaft(from, std::move(*message.mutable_raft())); return;
    case proto::PeerMessage::kHeartbeat: liveness_->OnHeartbeat(from, message.heartbeat()); return;
    case proto::PeerMessage::kHeartbeatAck: liveness_->OnAck(from, message.heartbeat_ack()); return;
    case proto::PeerMessage::kSnapshot:
      OnSnapshot(from,
                 std::make_shared<proto::SnapshotMessage>(std::move(*message.mutable_snapshot())));
      return;
    case proto::PeerMessage::kEpoch: OnEpochMessage(from, message.epoch()); return;
    case proto::PeerMessage::kOrphanQuestion:
    case proto::PeerMessage::kOrphanAnswer: OnOrphan(from, message); return;
    case proto::PeerMessage::kLeaveQuestion: {
      std::vector<ShardLoop*> loops;
      for (const auto& loop : loops_) loops.push_back(loop.get());
      AnswerLeave(doors_.loops.front(), doors_.transport, std::move(loops), from.node,
                  message.leave_question().round());
      return;
    }
    case proto::PeerMessage::kLeaveAnswer:
      if (leaving_ != nullptr) leaving_->OnAnswer(from.node, message.leave_answer());
      return;
    default:
      if (!OnMetaMessage(from, message)) Rubbish(from.node, "a message of an unknown kind");
  }
}

void Node::OnRaft(const env::PeerIdentity& from, proto::RaftBatch batch) {
  std::vector<std::vector<wire::ShardMessage>> by_loop(loops_.size());
  for (proto::RaftMessage& encoded : *batch.mutable_messages()) {
    auto message = wire::DecodeMessage(std::move(encoded));
    if (message.status().code() == Code::kUnsupported) return doors_.on_fatal(message.status());
    if (!message.ok()) {
      Rubbish(from.node, message.status().message());
      continue;
    }
    if (message->shard.value() < cells_.size() &&
        !IsCredible(cells_[message->shard.value()]->term(), message->message.term)) {
      Rubbish(from.node, "a term that cannot be true");
      continue;
    }
    if (IsAhead(from, NewestMembers(message->message))) continue;
    const std::size_t loop = message->shard.value() % loops_.size();
    by_loop[loop].push_back(*std::move(message));
  }
  for (std::size_t i = 0; i < loops_.size(); ++i) {
    if (by_loop[i].empty()) continue;
    if (i == 0) {
      loops_[0]->Deliver(from, std::move(by_loop[0]));
      continue;
    }
    auto messages = std::make_shared<std::vector<wire::ShardMessage>>(std::move(by_loop[i]));
    loops_[i]->loop()->Post(
        [loop = loops_[i].get(), from, messages] { loop->Deliver(from, std::move(*messages)); });
  }
}

void Node::OnSnapshot(const env::PeerIdentity& from,
                      std::shared_ptr<proto::SnapshotMessage> message) {
  const ShardId shard(message->shard());
  if (shard.value() >= cells_.size()) {
    Rubbish(from.node, "a snapshot of a shard that does not exist");
    return;
  }
  if (!IsCredible(cells_[shard.value()]->term(), Term(message->term()))) {
    Rubbish(from.node, "a snapshot in a term that cannot be true");
    return;
  }
  if (!Believes(from.node, shard, message->begin().members().epoch())) return;
  const auto format = static_cast<raft::MembersFormat>(message->begin().members().format());
  if (IsAhead(from, format)) return;
  ShardLoop& loop = LoopOf(shard);
  loop.loop()->Post([this, &loop, shard, from, message] {
    replica::Replica* replica = loop.Find(shard);
    const ReplicaId to(message->to());
    if (replica != nullptr && replica->self() == to) {
      replica->OnSnapshot(from, std::move(*message));
      return;
    }
    if (!message->has_begin() || !message->begin().creates()) return;
    const std::uint64_t epoch = message->begin().members().epoch();
    if (replica != nullptr && replica->raft().epoch() != epoch) {
      loop.OnOtherEpoch(*replica, from.node, epoch);  // It is offered again.
      return;
    }
    // Ids only grow: an older replica in its place was replaced, a newer one will not be.
    if (replica != nullptr && replica->self() > to) return;
    if (loop.OwnRoom() == storage::DiskRoom::kExhausted) return;  // It is offered again.
    const std::shared_ptr<replica::Replica> older = loop.Remove(shard);
    doors_.loops.front()->Post([this, older, from, message] { MakeReplica(older, from, message); });
  });
}

void Node::OnOrphan(const env::PeerIdentity& from, const proto::PeerMessage& message) {
  const bool asks = message.has_orphan_question();
  const ShardId shard(asks ? message.orphan_question().shard() : message.orphan_answer().shard());
  const ReplicaId orphan(asks ? message.orphan_question().replica()
                              : message.orphan_answer().replica());
  ShardLoop& loop = LoopOf(shard);
  const std::uint64_t epoch = message.orphan_question().epoch();
  loop.loop()->Post([&loop, shard, orphan, asks, epoch, node = from.node] {
    replica::Replica* replica = loop.Find(shard);
    if (replica == nullptr) return;
    if (asks && epoch != replica->raft().epoch()) {
      loop.OnOtherEpoch(*replica, node, epoch);  // It is no member, and is not to be destroyed.
    } else if (asks) {
      replica->OnOrphanQuestion(node, orphan, loop.Now());
    } else {
      replica->OnOrphanAnswer(orphan);
    }
  });
}

// Clients.

void Node::Handle(std::vector<Incoming> batch) {
  const MonotonicTime now = doors_.loops.front()->Now();
  const bool serving = serving_.load(std::memory_order_acquire);
  using ForShards = std::vector<replica::Request>;
  std::vector<std::shared_ptr<ForShards>> by_loop(loops_.size());
  for (Incoming& incoming : batch) {
    const proto::Request& request = incoming.request;
    if (request.has_get_node_status()) {
      AnswerStatus(request.get_node_status().hot_keys(), std::move(incoming.reply));
      continue;
    }
    if (!serving) {
      incoming.reply(ErrorResponse(Status(Code::kUnavailable, waiting_for())));
      continue;
    }
    if (request.has_get_map()) {
      incoming.reply(AnswerMap());
      continue;
    }
    if (request.has_meta()) {
      HandleMeta(std::move(*incoming.request.mutable_meta()), std::move(incoming.reply));
      continue;
    }
    if (request.has_recover_shard()) {
      HandleRecover(request, std::move(incoming.reply));
      continue;
    }
    if (request.has_discard_void()) {
      HandleDiscard(ShardId(request.shard()), std::move(incoming.reply));
      continue;
    }
    if (Status status = CheckShardRequest(request, shards_); !status.ok()) {
      incoming.reply(ErrorResponse(status));
      continue;
    }
    std::shared_ptr<ForShards>& requests = by_loop[request.shard() % loops_.size()];
    if (requests == nullptr) requests = std::make_shared<ForShards>();
    const auto left = std::chrono::milliseconds(std::max(1U, request.timeout_ms()));
    requests->push_back({std::move(incoming.request), std::move(incoming.reply), now + left});
  }
  for (std::size_t i = 0; i < loops_.size(); ++i) {
    if (by_loop[i] == nullptr) continue;
    loops_[i]->loop()->Post([this, loop = loops_[i].get(), requests = by_loop[i]] {
      for (replica::Request& request : *requests) {
        const ShardId shard(request.body.shard());
        if (replica::Replica* replica = loop->Find(shard)) {
          replica->Submit(std::move(request));
          continue;
        }
        proto::Response response =
            ErrorResponse(Status(Code::kNotPrimary, "this node holds no copy of the shard"));
        response.mutable_error()->set_primary_hint(map_.Get()->PreferredPrimary(shard).value());
        request.reply(std::move(response));
      }
    });
  }
}

}  // namespace ringfort::node

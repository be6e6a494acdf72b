#include "node/liveness.h"

#include <algorithm>
#include <utility>

#include "node/claims.h"

namespace ringfort::node {
namespace {

// Heartbeats that wait for their answer; older ones prove nothing that newer ones do not.
constexpr std::size_t kSentMax = 64;
// After so many without an answer the link may be dead, and TCP would find out late.
constexpr int kUnansweredMax = 3;

/// One object, so that "nobody again" is seen without a look inside.
const LedShardsPtr& Nobody() {
  static const LedShardsPtr nobody = std::make_shared<const LedShards>();
  return nobody;
}

LedShards Decode(const google::protobuf::RepeatedPtrField<proto::LedShard>& leads) {
  LedShards led;
  led.reserve(static_cast<std::size_t>(leads.size()));
  for (const proto::LedShard& shard : leads) {
    led.emplace_back(ShardId(shard.shard()), Term(shard.term()));
  }
  std::sort(led.begin(), led.end());
  return led;
}

}  // namespace

Liveness::Liveness(LivenessOptions options, NodeId self, BootNumber boot, Doors doors)
    : options_(options), self_(self), boot_(boot), doors_(std::move(doors)) {
  tables_.push_back(std::make_unique<const PeerTable>());
  table_ = tables_.back().get();
}

void Liveness::SetPeers(const std::vector<NodeId>& nodes) {
  for (const auto& [node, peer] : peers()) {
    peer->linked = std::find(nodes.begin(), nodes.end(), node) != nodes.end();
    if (!peer->linked) peer->connected = false;
  }
  PeerTable next = peers();
  for (const NodeId node : nodes) {
    if (node != self_ && !next.contains(node)) next.emplace(node, std::make_shared<Peer>(node));
  }
  if (next.size() == peers().size()) return;
  lists_stale_ = true;
  tables_.push_back(std::make_unique<const PeerTable>(std::move(next)));
  table_.store(tables_.back().get(), std::memory_order_release);
}

Liveness::Peer* Liveness::Find(NodeId node) const {
  const auto found = peers().find(node);
  return found == peers().end() ? nullptr : found->second.get();
}

MonotonicTime Liveness::PromisedUntil(NodeId node) const {
  const Peer* peer = Find(node);
  return peer == nullptr ? kNever : MonotonicTime(Duration(peer->promised_until_ns.load()));
}

MonotonicTime Liveness::AcknowledgedAt(NodeId node) const {
  const Peer* peer = Find(node);
  return peer == nullptr ? kNever : MonotonicTime(Duration(peer->acknowledged_at_ns.load()));
}

storage::DiskRoom Liveness::RoomOf(NodeId node) const {
  const Peer* peer = Find(node);
  return peer == nullptr ? storage::DiskRoom::kEnough : peer->room.load();
}

bool Liveness::IsGone(const env::PeerIdentity& from) const {
  const Peer* peer = Find(from.node);
  return peer != nullptr && from.incarnation == peer->gone.incarnation &&
         from.boot <= peer->gone.boot;
}

std::vector<NodeId> Liveness::ConnectedPeers() const {
  std::vector<NodeId> connected;
  for (const auto& [node, peer] : peers()) {
    if (peer->connected) connected.push_back(node);
  }
  return connected;
}

bool Liveness::IsLeaving(NodeId node) const {
  const Peer* peer = Find(node);
  return peer != nullptr && peer->leaving.load();
}

void Liveness::OnLoops(const std::function<void(ShardLoop&)>& call) {
  for (ShardLoop* loop : doors_.loops) {
    loop->loop()->Post([loop, call] { call(*loop); });
  }
}

// The leading side.

void Liveness::Start() {
  Beat();
}

void Liveness::Beat() {
  if (stopped_) return;
  for (const auto& [node, peer] : peers()) {
    if (peer->linked) DoubtLink(peer.get());
  }
  SendAll();
  doors_.control->RunAt(doors_.control->Now() + options_.interval, [this] { Beat(); });
}

// Counted in beats, not in messages: a beat is long enough for an answer to have come.
void Liveness::DoubtLink(Peer* peer) {
  if (peer->unanswered_beats >= kUnansweredMax) {
    doors_.transport->Redial(peer->node, env::Lane::kLiveness);
  }
  ++peer->unanswered_beats;
}

void Liveness::SetLeads(ShardId shard, std::optional<Term> term, std::vector<NodeId> peers) {
  doors_.control->Post([this, shard, term, peers = std::move(peers)] {
    if (term) {
      leads_[shard] = Led{*term, peers};
    } else {
      leads_.erase(shard);
    }
    lists_stale_ = true;
    SendSoon();
  });
}

void Liveness::SendSoon() {
  if (send_posted_ || stopped_) return;
  send_posted_ = true;
  doors_.control->Post([this] {
    send_posted_ = false;
    if (!stopped_) SendAll();
  });
}

std::vector<bool> Liveness::HangingLoops(MonotonicTime now) const {
  std::vector<bool> hanging;
  const bool stalled = DiskStalled();
  for (const ShardLoop* loop : doors_.loops) hanging.push_back(stalled || loop->Hangs(now));
  return hanging;
}

void Liveness::RebuildLists(MonotonicTime now) {
  std::vector<bool> left_out = HangingLoops(now);
  if (!lists_stale_ && left_out == left_out_) return;
  lists_stale_ = false;
  left_out_ = std::move(left_out);
  for (const auto& [node, peer] : peers()) {
    auto list = std::make_shared<LedShards>();
    for (const auto& [shard, led] : leads_) {
      if (left_out_[LoopOf(shard)]) continue;
      const bool member = std::find(led.peers.begin(), led.peers.end(), node) != led.peers.end();
      if (member) list->emplace_back(shard, led.term);
    }
    if (*list == *peer->list) continue;
    peer->list = std::move(list);
    ++peer->version;
  }
}

void Liveness::SendAll() {
  RebuildLists(doors_.control->Now());
  for (const auto& [node, peer] : peers()) {
    if (peer->linked) SendTo(peer.get());
  }
}

void Liveness::SendTo(Peer* peer) {
  proto::PeerMessage message;
  proto::Heartbeat* heartbeat = message.mutable_heartbeat();
  heartbeat->set_sequence(++peer->sequence);
  heartbeat->set_promise_ms(static_cast<std::uint32_t>(
      std::chrono::duration_cast<std::chrono::milliseconds>(options_.lease).count()));
  heartbeat->set_disk_room(static_cast<std::uint32_t>(doors_.own_room()));
  heartbeat->set_list_version(peer->version);
  heartbeat->set_leaving(leaving_);
  if (peer->acknowledged_version != peer->version) {
    heartbeat->set_has_list(true);
    for (const auto& [shard, term] : *peer->list) {
      proto::LedShard* led = heartbeat->add_leads();
      led->set_shard(shard.value());
      led->set_term(term.value());
    }
  }
  // The lease counts from here: before the message can leave.
  peer->sent.push_back({peer->sequence, doors_.control->Now(), peer->list});
  if (peer->sent.size() > kSentMax) peer->sent.pop_front();
  doors_.transport->Send(peer->node, env::Lane::kLiveness, message.SerializeAsString());
}

void Liveness::OnAck(const env::PeerIdentity& from, const proto::HeartbeatAck& ack) {
  Peer* peer = Find(from.node);
  if (peer == nullptr || ack.boot() != boot_.value()) return;
  peer->unanswered_beats = 0;
  peer->acknowledged_at_ns = doors_.control->Now().time_since_epoch().count();
  while (!peer->sent.empty() && peer->sent.front().sequence < ack.sequence())
    peer->sent.pop_front();
  if (peer->sent.empty() || peer->sent.front().sequence != ack.sequence()) return;
  const Sent sent = std::move(peer->sent.front());
  peer->sent.pop_front();
  if (ack.needs_list()) {
    peer->acknowledged_version = 0;
    SendSoon();
    return;
  }
  peer->acknowledged_version = ack.list_version();
  std::map<ShardId, std::pair<Term, ReplicaId>> names;
  for (const proto::NotFollowed& name : ack.named()) {
    names.emplace(ShardId(name.shard()), std::pair(Term(name.term()), ReplicaId(name.replica())));
  }
  Acknowledged acknowledged{sent.at, sent.list, Nobody(), {}};
  if (!names.empty()) {
    auto named = std::make_shared<LedShards>();
    for (const auto& [shard, name] : names) {
      named->emplace_back(shard, name.first);
      acknowledged.hosted.push_back(name.second);
    }
    acknowledged.named = std::move(named);
  }
  OnLoops([from, acknowledged](ShardLoop& loop) { loop.OnAcknowledged(from, acknowledged); });
}

// The following side.

void Liveness::OnHeartbeat(const env::PeerIdentity& from, const proto::Heartbeat& heartbeat) {
  Peer* peer = Find(from.node);
  // What an earlier process still had on its way would undo its successor's list.
  if (peer == nullptr || IsGone(from) || from.boot < peer->their_boot) return;
  peer->connected = true;  // Also of a link that came up before this node knew of any.
  // Boots of another directory are no measure; which one is there the newest connection says.
  if (!peer->their_incarnation.empty() && from.incarnation != peer->their_incarnation) return;
  // What a newer release may call worse is as bad as can be here.
  constexpr auto kWorst = static_cast<std::uint32_t>(storage::DiskRoom::kExhausted);
  peer->room = static_cast<storage::DiskRoom>(std::min(heartbeat.disk_room(), kWorst));
  const MonotonicTime now = doors_.control->Now();
  const Duration promise = std::max(options_.lease, CrediblePromise(heartbeat.promise_ms()));
  // First the promise, then the marks (protocols 2): a vote does it the other way round.
  const std::int64_t until = (now + promise).time_since_epoch().count();
  if (until > peer->promised_until_ns.load()) peer->promised_until_ns.store(until);

  proto::PeerMessage message;
  proto::HeartbeatAck* ack = message.mutable_heartbeat_ack();
  ack->set_sequence(heartbeat.sequence());
  ack->set_boot(from.boot.value());
  ack->set_list_version(heartbeat.list_version());
  peer->leaving = heartbeat.leaving();
  if (heartbeat.has_list()) TakeList(peer, from, heartbeat);
  if (peer->their_boot != from.boot || peer->their_version != heartbeat.list_version()) {
    ack->set_needs_list(true);
    doors_.transport->Send(from.node, env::Lane::kLiveness, message.SerializeAsString());
    return;
  }
  const std::vector<bool> hanging = HangingLoops(now);
  auto named = std::make_shared<LedShards>();
  for (const auto& [shard, term] : *peer->their_list) {
    const replica::LivenessCell* cell =
        shard.value() < doors_.cells->size() ? (*doors_.cells)[shard.value()].get() : nullptr;
    const ReplicaId hosted = cell == nullptr ? ReplicaId() : cell->replica();
    const bool present = hosted != ReplicaId();
    if (present && !hanging[LoopOf(shard)] && cell->Follows(term, from.node)) continue;
    named->emplace_back(shard, present ? cell->term() : Term());
    proto::NotFollowed* name = ack->add_named();
    name->set_shard(shard.value());
    name->set_term(named->back().second.value());
    name->set_replica(hosted.value());
  }
  doors_.transport->Send(from.node, env::Lane::kLiveness, message.SerializeAsString());
  LedShardsPtr not_followed = named->empty() ? Nobody() : std::move(named);
  OnLoops([node = from.node, list = peer->their_list, not_followed](ShardLoop& loop) {
    loop.OnHeartbeat(node, list, not_followed);
  });
}

void Liveness::TakeList(Peer* peer, const env::PeerIdentity& from,
                        const proto::Heartbeat& heartbeat) {
  auto list = std::make_shared<LedShards>(Decode(heartbeat.leads()));
  auto unlisted = std::make_shared<LedShards>();
  std::set_difference(peer->their_list->begin(), peer->their_list->end(), list->begin(),
                      list->end(), std::back_inserter(*unlisted));
  peer->their_boot = from.boot;
  peer->their_version = heartbeat.list_version();
  peer->their_list = std::move(list);
  if (unlisted->empty()) return;
  OnLoops([node = from.node, unlisted](ShardLoop& loop) { loop.OnUnlisted(node, *unlisted); });
}

// Connections.

void Liveness::OnConnected(const env::PeerIdentity& identity) {
  Peer* peer = Find(identity.node);
  if (peer == nullptr) return;
  if (IsGone(identity)) peer->gone.boot = identity.boot - 1;  // It was not, after all.
  if (peer->their_incarnation != identity.incarnation) {
    // Another directory stands in its place: what the one before led, it leads no more.
    const List before = std::exchange(peer->their_list, Nobody());
    peer->their_incarnation = identity.incarnation;
    peer->their_boot = BootNumber();
    peer->their_version = 0;
    OnLoops([node = identity.node, before](ShardLoop& loop) { loop.OnUnlisted(node, *before); });
  }
  peer->connected = true;
  peer->acknowledged_version = 0;
  peer->sent.clear();
  peer->unanswered_beats = 0;
  OnLoops([node = identity.node](ShardLoop& loop) { loop.OnNodeConnected(node); });
  SendSoon();
}

void Liveness::OnGone(const env::PeerIdentity& gone) {
  Peer* peer = Find(gone.node);
  if (peer == nullptr) return;
  if (!IsGone(gone)) peer->gone = gone;
  peer->connected = false;
  OnLoops([node = gone.node](ShardLoop& loop) { loop.OnNodeGone(node); });
}

}  // namespace ringfort::node

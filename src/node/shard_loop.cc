#include "node/shard_loop.h"

#include <algorithm>
#include <map>
#include <utility>

#include "base/check.h"
#include "raft/quorum.h"
#include "ringfort/peer.pb.h"

namespace ringfort::node {
namespace {

// Leaves what a node whose disk is exhausted can take: an append ends before its first command. An
// append that begins with one is lost on the way, as the core expects of messages, and tried again
// at the pace of its timers; without its entries it would be answered, and tried again at once.
bool LeaveOutCommands(raft::Message* message) {
  auto* append = std::get_if<raft::AppendRequest>(&message->body);
  if (append == nullptr) return true;
  const auto first = std::find_if(
      append->entries.begin(), append->entries.end(),
      [](const raft::Entry& entry) { return entry.kind == raft::EntryKind::kCommand; });
  if (first == append->entries.end()) return true;
  append->entries.erase(first, append->entries.end());
  return !append->entries.empty();
}

}  // namespace

ShardLoop::ShardLoop(ShardLoopOptions options, Doors doors)
    : options_(options),
      doors_(std::move(doors)),
      turned_at_ns_(doors_.loop->Now().time_since_epoch().count()) {}

bool ShardLoop::Hangs(MonotonicTime now) const {
  const MonotonicTime turned_at{Duration(turned_at_ns_.load(std::memory_order_relaxed))};
  return now - turned_at > options_.stall_max / 2;
}

void ShardLoop::Start() {
  Tick();
}

void ShardLoop::Tick() {
  if (stopped_) return;
  const MonotonicTime now = Now();
  turned_at_ns_.store(now.time_since_epoch().count(), std::memory_order_relaxed);
  if (doors_.log->stalled_for() > options_.stall_max) {
    ForEach([now](replica::Replica& replica) {
      if (replica.raft().role() == raft::Role::kPrimary) replica.StepDown(now);
    });
  }
  HandOverWhenFull(now);
  LookAtPeers(now);
  const std::vector<Slot*> active = std::exchange(active_, {});
  for (Slot* slot : active) {
    slot->active = false;
    if (slot->replica == nullptr) continue;
    Refresh(slot);
    slot->replica->Tick(now);
    if (!MayRest(*slot->replica, now)) Activate(slot);
  }
  doors_.loop->RunAt(now + options_.tick, [this] { Tick(); });
}

// A primary whose disk is full would refuse what another may still take.
void ShardLoop::HandOverWhenFull(MonotonicTime now) {
  if (OwnRoom() == storage::DiskRoom::kEnough) return;
  if (handed_over_at_ != kNever && now - handed_over_at_ < options_.stall_max) return;
  handed_over_at_ = now;
  ForEach([this, now](replica::Replica& replica) {
    replica.HandOver([this](NodeId node) { return RoomOf(node) == storage::DiskRoom::kEnough; },
                     now);
  });
}

void ShardLoop::LookAtPeers(MonotonicTime now) {
  for (auto& [node, peer] : peers_) {
    const int overdue = (IsOverdue(peer.heartbeat_at, now) ? 1 : 0) +
                        (IsOverdue(peer.acknowledged_at, now) ? 1 : 0);
    if (overdue > peer.overdue) ActivateAll();
    peer.overdue = overdue;
  }
}

// Who keeps it in its role must be heard of: the primary's node, or a majority's. As long as that
// is not so, its own timers run.
bool ShardLoop::MayRest(const replica::Replica& replica, MonotonicTime now) const {
  if (!replica.IsSilent()) return false;
  const raft::Raft& raft = replica.raft();
  if (raft.role() != raft::Role::kPrimary) {
    return raft.HasLivePrimary(now) && IsListed(replica) &&
           Hears(replica.NodeOf(raft.primary()), &Peer::heartbeat_at, now);
  }
  return raft::QuorumHolds(raft.members(), [&](ReplicaId id) {
    return id == raft.self() || Hears(replica.NodeOf(id), &Peer::acknowledged_at, now);
  });
}

// Who is a member no more hears of its primary's node all the same, and must find out.
bool ShardLoop::IsListed(const replica::Replica& follower) const {
  const auto peer = peers_.find(follower.NodeOf(follower.raft().primary()));
  return peer != peers_.end() && peer->second.led != nullptr &&
         std::binary_search(peer->second.led->begin(), peer->second.led->end(),
                            std::pair(follower.shard(), follower.raft().term()));
}

bool ShardLoop::Hears(NodeId node, MonotonicTime Peer::*heard_at, MonotonicTime now) const {
  const auto peer = peers_.find(node);
  return peer != peers_.end() && peer->second.*heard_at != kNever &&
         !IsOverdue(peer->second.*heard_at, now);
}

// A snapshot for who is dead or frozen would hold its turn as long as the sender is patient.
std::shared_ptr<const void> ShardLoop::TakeSnapshotTurn(NodeId to) {
  return Hears(to, &Peer::acknowledged_at, Now()) ? doors_.take_snapshot_turn() : nullptr;
}

void ShardLoop::Activate(Slot* slot) {
  if (slot->active) return;
  slot->active = true;
  active_.push_back(slot);
}

void ShardLoop::ActivateAll() {
  for (auto& [shard, slot] : slots_) {
    if (slot.replica != nullptr) Activate(&slot);
  }
}

void ShardLoop::Add(std::shared_ptr<replica::Replica> replica) {
  const ShardId shard = replica->shard();
  Slot& slot = slots_[shard];
  RF_CHECK(slot.replica == nullptr) << "shard " << shard << " has two replicas";
  slot.replica = std::move(replica);
  slot.promises.clear();
  slot.heartbeats.clear();
  Activate(&slot);
}

std::shared_ptr<replica::Replica> ShardLoop::Remove(ShardId shard) {
  const auto found = slots_.find(shard);
  if (found == slots_.end() || found->second.replica == nullptr) return nullptr;
  std::shared_ptr<replica::Replica> replica = std::exchange(found->second.replica, nullptr);
  replica->Stop();
  if (replica->raft().role() == raft::Role::kPrimary) {
    doors_.on_leads(shard, std::nullopt, replica->PeerNodes());
  }
  return replica;
}

ShardLoop::Slot* ShardLoop::SlotOf(const replica::Replica& replica) {
  Slot& slot = slots_.at(replica.shard());
  return slot.replica.get() == &replica ? &slot : nullptr;
}

replica::Replica* ShardLoop::Find(ShardId shard) {
  const auto found = slots_.find(shard);
  if (found == slots_.end() || found->second.replica == nullptr) return nullptr;
  Refresh(&found->second);
  return found->second.replica.get();
}

void ShardLoop::ForEach(const std::function<void(replica::Replica&)>& visit) {
  for (auto& [shard, slot] : slots_) {
    if (slot.replica == nullptr) continue;
    Refresh(&slot);
    visit(*slot.replica);
  }
}

std::size_t ShardLoop::size() const {
  return static_cast<std::size_t>(std::ranges::count_if(
      slots_, [](const auto& slot) { return slot.second.replica != nullptr; }));
}

void ShardLoop::Stop() {
  stopped_ = true;
  for (auto& [shard, slot] : slots_) {
    if (slot.replica != nullptr) slot.replica->Stop();
  }
}

void ShardLoop::OnRemoved(replica::Replica* replica, const std::string& why) {
  if (SlotOf(*replica) != nullptr) doors_.on_removed(Remove(replica->shard()), why);
}

// Turns.

void ShardLoop::Wake(replica::Replica* replica) {
  Slot* slot = SlotOf(*replica);
  if (stopped_ || slot == nullptr) return;
  Activate(slot);
  if (!slot->awake) {
    slot->awake = true;
    awake_.push_back(slot);
  }
  if (turn_posted_) return;
  turn_posted_ = true;
  doors_.loop->Post([this] { RunTurn(); });
}

void ShardLoop::WakeAt(replica::Replica* replica, MonotonicTime when) {
  Slot* slot = SlotOf(*replica);
  if (stopped_ || slot == nullptr) return;
  Activate(slot);
  // What is later than the next tick is seen by a tick.
  if (when > Now() + options_.tick || slot->wake_at <= when) return;
  slot->wake_at = when;
  doors_.loop->RunAt(when, [this, slot, when] {
    if (slot->wake_at == when) slot->wake_at = kForever;
    if (stopped_ || slot->replica == nullptr) return;
    Refresh(slot);
    slot->replica->Tick(Now());
  });
}

void ShardLoop::RunInPool(replica::Pool pool, env::Task work, env::Task then) {
  doors_.pools.at(static_cast<std::size_t>(pool))
      ->Post([this, work = std::move(work), then = std::move(then)] {
        work();
        doors_.loop->Post(then);
      });
}

void ShardLoop::RunTurn() {
  turn_posted_ = false;
  if (stopped_) return;
  std::vector<Slot*> awake;
  awake.swap(awake_);
  replica::Effects effects;
  for (Slot* slot : awake) {
    slot->awake = false;  // Whoever asks again during its turn gets another.
    if (slot->replica == nullptr) continue;
    Refresh(slot);
    slot->replica->Turn(&effects);
  }
  Send(std::move(effects.messages));
  if (!effects.updates.empty()) Store(&effects);
}

void ShardLoop::Store(replica::Effects* effects) {
  auto stored = std::make_shared<std::vector<replica::Effects::Stored>>(std::move(effects->stored));
  doors_.log->Append(std::move(effects->updates), [this, stored](Status status) {
    doors_.loop->Post([this, stored, status = std::move(status)] {
      if (!status.ok()) {
        OnFatal(status);
        return;
      }
      const MonotonicTime now = Now();
      for (const auto& [replica, persist_id] : *stored) replica->OnStored(persist_id, now);
    });
  });
}

void ShardLoop::Send(std::vector<replica::Effects::Outgoing> messages) {
  struct Batch {
    proto::PeerMessage message;
    std::size_t bytes = 0;
  };
  std::map<NodeId, Batch> batches;
  auto flush = [this](NodeId to, Batch* batch) {
    // Best effort: what a full or broken link drops is sent again by the core's timers.
    SendBytes(to, batch->message.SerializeAsString());
    *batch = Batch();
  };
  for (replica::Effects::Outgoing& outgoing : messages) {
    if (!TakesCommands(outgoing.to) && !LeaveOutCommands(&outgoing.message)) continue;
    Batch& batch = batches[outgoing.to];
    wire::EncodeMessage(outgoing.shard, outgoing.message,
                        batch.message.mutable_raft()->add_messages());
    if (const auto* append = std::get_if<raft::AppendRequest>(&outgoing.message.body)) {
      for (const raft::Entry& entry : append->entries) batch.bytes += entry.size_bytes();
    }
    if (batch.bytes >= options_.message_bytes_max) flush(outgoing.to, &batch);
  }
  for (auto& [to, batch] : batches) {
    if (batch.message.raft().messages_size() > 0) flush(to, &batch);
  }
}

bool ShardLoop::Send(NodeId to, const proto::PeerMessage& message) {
  return SendBytes(to, message.SerializeAsString());
}

// On no connection but the one that the replicas know: on a newer one, of which they have yet to be
// told, it would come after what was lost with the one before.
bool ShardLoop::SendBytes(NodeId to, std::string message) {
  return doors_.transport->SendOn(to, env::Lane::kBulk, peers_[to].dial, std::move(message));
}

// What comes from other nodes.

void ShardLoop::Deliver(const env::PeerIdentity& from, std::vector<wire::ShardMessage> messages) {
  const MonotonicTime now = Now();
  const bool takes_commands = TakesCommands(doors_.self);
  for (wire::ShardMessage& message : messages) {
    // The sender leaves them out too, once it has heard of it.
    if (!takes_commands && !LeaveOutCommands(&message.message)) continue;
    replica::Replica* replica = Find(message.shard);
    if (replica != nullptr) replica->Receive(from, message.message, now);
  }
}

bool ShardLoop::Counts(Given* given, const LedShardsPtr& led, const LedShardsPtr& named,
                       ShardId shard, Term term) {
  if (given->led != led || given->named != named || given->term != term) {
    const std::pair listed(shard, term);
    const auto name = std::lower_bound(named->begin(), named->end(), std::pair(shard, Term()));
    given->led = led;
    given->named = named;
    given->term = term;
    given->counts = std::binary_search(led->begin(), led->end(), listed) &&
                    (name == named->end() || name->first != shard);
  }
  return given->counts;
}

void ShardLoop::Refresh(Slot* slot) {
  replica::Replica& replica = *slot->replica;
  const ShardId shard = replica.shard();
  const Term term = replica.raft().term();
  for (auto& [node, peer] : peers_) {
    if (replica.raft().role() == raft::Role::kPrimary) {
      Given& given = slot->promises[node];
      if (peer.acknowledged.led == nullptr || given.at >= peer.acknowledged_at) continue;
      given.at = peer.acknowledged_at;
      if (!Counts(&given, peer.acknowledged.led, peer.acknowledged.named, shard, term)) continue;
      replica.OnPromise(peer.identity, term, peer.acknowledged.sent_at, peer.acknowledged_at);
    } else {
      Given& given = slot->heartbeats[node];
      if (peer.led == nullptr || given.at >= peer.heartbeat_at) continue;
      given.at = peer.heartbeat_at;
      if (!Counts(&given, peer.led, peer.named, shard, term)) continue;
      replica.OnHeartbeat(node, term, peer.heartbeat_at);
    }
  }
}

void ShardLoop::OnHeartbeat(NodeId from, LedShardsPtr led, LedShardsPtr named) {
  Peer& peer = peers_[from];
  peer.led = std::move(led);
  peer.named = std::move(named);
  peer.heartbeat_at = Now();
}

void ShardLoop::OnUnlisted(NodeId from, const LedShards& unlisted) {
  const MonotonicTime now = Now();
  peers_[from].led.reset();  // What it listed before is no sign of life any more.
  for (const auto& [shard, term] : unlisted) {
    if (replica::Replica* replica = Find(shard)) replica->OnUnlisted(from, term, now);
  }
}

void ShardLoop::OnAcknowledged(const env::PeerIdentity& from, Acknowledged acknowledged) {
  const MonotonicTime now = Now();
  Peer& peer = peers_[from.node];
  peer.identity = from;
  peer.acknowledged = std::move(acknowledged);
  peer.acknowledged_at = now;
  const LedShards& led = *peer.acknowledged.led;
  for (std::size_t i = 0; i < peer.acknowledged.named->size(); ++i) {
    const auto [shard, term] = (*peer.acknowledged.named)[i];
    replica::Replica* replica = Find(shard);
    if (replica == nullptr) continue;
    const bool current =
        std::binary_search(led.begin(), led.end(), std::pair(shard, replica->raft().term()));
    if (!current) continue;
    replica->OnNamed(from, term, peer.acknowledged.hosted[i], peer.acknowledged.sent_at, now);
  }
}

void ShardLoop::OnNodeGone(NodeId node) {
  const MonotonicTime now = Now();
  gone_.insert(node);
  peers_[node].led.reset();
  for (auto& [shard, slot] : slots_) {
    if (slot.replica == nullptr) continue;
    Activate(&slot);
    slot.replica->OnNodeGone(node, now);
  }
}

void ShardLoop::OnNodeConnected(NodeId node) {
  const MonotonicTime now = Now();
  gone_.erase(node);
  for (auto& [shard, slot] : slots_) {
    if (slot.replica != nullptr) slot.replica->OnNodeConnected(node, now);
  }
}

void ShardLoop::OnLinked(NodeId node, env::DialNumber dial) {
  peers_[node].dial = dial;
  OnNodeConnected(node);
}

void ShardLoop::OnLeads(ShardId shard, std::optional<Term> term) {
  doors_.on_leads(shard, term, Find(shard)->PeerNodes());
}

}  // namespace ringfort::node

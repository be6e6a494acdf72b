#include "node/shard_loop.h"

#include <algorithm>
#include <map>

#include "base/check.h"
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
  const bool stalled = doors_.log->stalled_for() > options_.stall_max;
  for (auto& [shard, slot] : slots_) {
    replica::Replica& replica = *slot.replica;
    if (stalled && replica.raft().role() == raft::Role::kPrimary) replica.StepDown(now);
    replica.Tick(now);
  }
  doors_.loop->RunAt(now + options_.tick, [this] { Tick(); });
}

void ShardLoop::Add(std::unique_ptr<replica::Replica> replica) {
  const ShardId shard = replica->shard();
  Slot& slot = slots_[shard];
  RF_CHECK(slot.replica == nullptr) << "shard " << shard << " has two replicas";
  slot.replica = std::move(replica);
}

replica::Replica* ShardLoop::Find(ShardId shard) {
  const auto found = slots_.find(shard);
  return found == slots_.end() ? nullptr : found->second.replica.get();
}

void ShardLoop::ForEach(const std::function<void(replica::Replica&)>& visit) {
  for (auto& [shard, slot] : slots_) visit(*slot.replica);
}

void ShardLoop::Stop() {
  stopped_ = true;
  for (auto& [shard, slot] : slots_) slot.replica->Stop();
}

// Turns.

void ShardLoop::Wake(replica::Replica* replica) {
  if (stopped_) return;
  if (Slot& slot = SlotOf(*replica); !slot.awake) {
    slot.awake = true;
    awake_.push_back(&slot);
  }
  if (turn_posted_) return;
  turn_posted_ = true;
  doors_.loop->Post([this] { RunTurn(); });
}

void ShardLoop::WakeAt(replica::Replica* replica, MonotonicTime when) {
  // The next tick looks at every replica anyway.
  if (stopped_ || when > Now() + options_.tick) return;
  Slot* slot = &SlotOf(*replica);
  if (slot->wake_at <= when) return;
  slot->wake_at = when;
  doors_.loop->RunAt(when, [this, slot, when] {
    if (slot->wake_at == when) slot->wake_at = kForever;
    if (!stopped_) slot->replica->Tick(Now());
  });
}

void ShardLoop::RunInPool(env::Task work, env::Task then) {
  doors_.pool->Post([this, work = std::move(work), then = std::move(then)] {
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
    doors_.transport->Send(to, env::Lane::kBulk, batch->message.SerializeAsString());
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

// What comes from other nodes.

void ShardLoop::Deliver(NodeId from, std::vector<wire::ShardMessage> messages) {
  const MonotonicTime now = Now();
  const bool takes_commands = TakesCommands(doors_.self);
  for (wire::ShardMessage& message : messages) {
    // The sender leaves them out too, once it has heard of it.
    if (!takes_commands && !LeaveOutCommands(&message.message)) continue;
    replica::Replica* replica = Find(message.shard);
    if (replica != nullptr && replica->IsOn(message.message.from, from)) {
      replica->Receive(message.message, now);
    }
  }
}

void ShardLoop::OnHeartbeat(NodeId from, const LedShards& led, const LedShards& not_followed) {
  const MonotonicTime now = Now();
  auto named = not_followed.begin();
  for (const auto& [shard, term] : led) {
    while (named != not_followed.end() && named->first < shard) ++named;
    if (named != not_followed.end() && named->first == shard) continue;
    if (replica::Replica* replica = Find(shard)) replica->OnHeartbeat(from, term, now);
  }
}

void ShardLoop::OnUnlisted(NodeId from, const LedShards& unlisted) {
  const MonotonicTime now = Now();
  for (const auto& [shard, term] : unlisted) {
    if (replica::Replica* replica = Find(shard)) replica->OnUnlisted(from, term, now);
  }
}

void ShardLoop::OnAcknowledged(NodeId from, MonotonicTime sent_at, const LedShards& led,
                               const LedShards& named) {
  const MonotonicTime now = Now();
  auto name = named.begin();
  for (const auto& [shard, term] : led) {
    while (name != named.end() && name->first < shard) ++name;
    replica::Replica* replica = Find(shard);
    if (replica == nullptr) continue;
    if (name != named.end() && name->first == shard) {
      if (replica->raft().term() == term) replica->OnNamed(from, name->second, now);
    } else {
      replica->OnPromise(from, term, sent_at, now);
    }
  }
}

void ShardLoop::OnNodeGone(NodeId node) {
  const MonotonicTime now = Now();
  gone_.insert(node);
  for (auto& [shard, slot] : slots_) slot.replica->OnNodeGone(node, now);
}

void ShardLoop::OnNodeConnected(NodeId node) {
  const MonotonicTime now = Now();
  gone_.erase(node);
  for (auto& [shard, slot] : slots_) slot.replica->OnNodeConnected(node, now);
}

void ShardLoop::OnLeads(ShardId shard, std::optional<Term> term) {
  doors_.on_leads(shard, term, Find(shard)->PeerNodes());
}

}  // namespace ringfort::node

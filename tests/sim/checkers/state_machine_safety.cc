#include "tests/sim/checkers/state_machine_safety.h"

#include "raft/recovery.h"

namespace ringfort::sim {

void StateMachineSafety::OnApplied(NodeId node, ShardId shard, storage::Applied before,
                                   storage::Applied now) {
  // A shard that is begun anew leaps (raft/recovery.h): nothing lies between.
  if (now.index.value() - before.index.value() >= raft::kIndexLeap) return;
  const MemoryLogStore& log = log_of_(node);
  for (LogIndex index = before.index + 1; index <= now.index; ++index) {
    const raft::Entry* entry = log.SyncedEntry(shard, index);
    if (entry == nullptr) {
      complain_("state machine safety", Text(node) + " applies " + Text(index) + " of " +
                                            Text(shard) + ", which is not on its disk");
      return;
    }
    const auto twin = applied_.emplace(std::pair(shard, index), entry->term).first;
    if (twin->second == entry->term) continue;
    complain_("state machine safety", Text(node) + " applies an entry of " + Text(entry->term) +
                                          " at " + Text(index) + " of " + Text(shard) +
                                          ", another node one of " + Text(twin->second));
  }
}

void StateMachineSafety::OnData(NodeId node, MemoryShardStore* store) {
  for (const storage::ShardStore::Name& name : store->List()) {
    const LogIndex applied = store->Open(name).value()->applied().index;
    if (std::exchange(looked_[{node, name.shard}], applied) == applied) continue;
    const std::uint64_t hash = store->HashOf(name);
    const auto [place, fresh] = states_.try_emplace({name.shard, applied}, State{node, hash});
    if (fresh || place->second.node == node) continue;
    ++compared_;
    if (place->second.hash == hash) continue;
    complain_("equal states", Text(name.shard) + " differs at " + Text(applied) + " between " +
                                  Text(place->second.node) + " and " + Text(node));
  }
}

}  // namespace ringfort::sim

#include "node/new_beginning.h"

#include <algorithm>
#include <utility>

#include "raft/log.h"

namespace ringfort::node {
namespace {

raft::Log LogOf(const storage::RecoveredShard& shard) {
  return {shard.base, shard.last, shard.terms, shard.members_entries};
}

}  // namespace

raft::Copy CopyOf(const storage::RecoveredShard& shard, NodeId node, Incarnation incarnation,
                  std::uint64_t known_epoch) {
  const raft::Log log = LogOf(shard);
  raft::Copy copy;
  copy.member = {shard.hard_state.self, node, incarnation};
  copy.term = shard.hard_state.term;
  copy.last = shard.last;
  copy.last_term = log.last_term();
  copy.members = log.members();
  copy.unsure = shard.hard_state.unsure;
  copy.known_epoch = known_epoch;
  return copy;
}

raft::Members MembersOf(const storage::RecoveredShard& shard) {
  return LogOf(shard).members();
}

storage::ShardStore::Name NewDataName(ShardId shard, const raft::NewBeginning& beginning) {
  // Each replica's generations are its own, as in Node::MakeEmpty.
  return {shard, storage::Generation(std::uint64_t{beginning.hard_state.self.value()} << 32)};
}

storage::LogUpdate UpdateOf(ShardId shard, const raft::NewBeginning& beginning) {
  storage::LogUpdate update;
  update.shard = shard;
  update.hard_state = beginning.hard_state;
  update.base = beginning.base;
  update.generation = NewDataName(shard, beginning).generation;
  return update;
}

storage::RecoveredShard RecoveredOf(const storage::LogUpdate& update) {
  storage::RecoveredShard shard;
  shard.shard = update.shard;
  shard.hard_state = *update.hard_state;
  shard.base = *update.base;
  shard.generation = update.generation;
  shard.last = update.base->index;
  return shard;
}

void NoteKept(storage::ShardStore::Name name, const raft::Copy& copy, proto::Identity* identity) {
  if (IsKept(*identity, name)) return;
  proto::KeptData* kept = identity->add_kept();
  kept->set_shard(name.shard.value());
  kept->set_generation(name.generation.value());
  kept->set_replica(copy.member.id.value());
  kept->set_epoch(copy.members.epoch);
  kept->set_last_index(copy.last.value());
  kept->set_last_term(copy.last_term.value());
}

bool IsKept(const proto::Identity& identity, storage::ShardStore::Name name) {
  return std::ranges::any_of(identity.kept(), [&](const proto::KeptData& kept) {
    return ShardId(kept.shard()) == name.shard &&
           storage::Generation(kept.generation()) == name.generation;
  });
}

void ForgetKept(const std::function<bool(const proto::KeptData&)>& which,
                proto::Identity* identity) {
  auto* kept = identity->mutable_kept();
  kept->erase(std::remove_if(kept->begin(), kept->end(), which), kept->end());
}

void NoteEpoch(ShardId shard, std::uint64_t epoch, proto::Identity* identity) {
  for (proto::ShardEpoch& known : *identity->mutable_epochs()) {
    if (ShardId(known.shard()) != shard) continue;
    known.set_epoch(std::max(known.epoch(), epoch));
    return;
  }
  proto::ShardEpoch* known = identity->add_epochs();
  known->set_shard(shard.value());
  known->set_epoch(epoch);
}

}  // namespace ringfort::node

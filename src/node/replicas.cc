// Replicas that come and go while the node runs (protocols 6): a primary's snapshot makes one, and
// one that is no member any more, or damaged, is destroyed.
#include <algorithm>
#include <utility>

#include "node/node.h"

namespace ringfort::node {
namespace {

constexpr Duration kDropPause = std::chrono::seconds(1);

}  // namespace

void Node::MakeReplica(const std::shared_ptr<replica::Replica>& older,
                       const env::PeerIdentity& from,
                       std::shared_ptr<proto::SnapshotMessage> begin) {
  const ShardId shard(begin->shard());
  const ReplicaId self(begin->to());
  const std::uint64_t epoch = begin->begin().members().epoch();
  LearnEpoch(shard, epoch);
  if (epoch < KnownEpoch(shard)) {
    if (older != nullptr) KeepVoid(*older);
    return TellEpoch(from.node, shard);
  }
  if (voids_.contains(shard)) return;  // An operator discards it first.
  if (older != nullptr) DropLater({shard, older->generation()}, older->data());
  ReplicaId& buried = buried_[shard];
  // One that was destroyed here does not come back: it has forgotten what it voted.
  if (stopped_ || self <= buried || !changing_.insert(shard).second) return;
  if (older != nullptr) buried = std::max(buried, older->self());
  cells_[shard.value()]->PublishReplica(ReplicaId());
  auto made = std::make_shared<std::optional<Result<std::shared_ptr<replica::Replica>>>>();
  doors_.pool->Post([this, shard, self, epoch, made, from, begin, random = random_.Fork()] {
    made->emplace(MakeEmpty(shard, self, epoch, random));
    doors_.loops.front()->Post([this, shard, made, from, begin] {
      if (!(*made)->ok()) {
        doors_.on_fatal((*made)->status());
        return;
      }
      if (stopped_) return;
      ShardLoop& loop = LoopOf(shard);
      loop.loop()->Post([this, &loop, replica = (*made)->value(), from, begin] {
        loop.Add(replica);
        // Not before it is there: whoever saw that there was none was heard before this.
        doors_.loops.front()->Post([this, shard = replica->shard()] {
          changing_.erase(shard);
          TakeOffIfVoid(shard);
        });
        OnSnapshot(from, begin);
      });
    });
  });
}

// On the pool. It votes for nobody until a snapshot and the log say that it is a voter.
Result<std::shared_ptr<replica::Replica>> Node::MakeEmpty(ShardId shard, ReplicaId self,
                                                          std::uint64_t epoch, Random random) {
  // Each replica's generations are its own: an import of the one before it may still be under way.
  const storage::Generation generation(std::uint64_t{self.value()} << 32);
  if (Status status = doors_.shards->Create({{shard, generation}}); !status.ok()) return status;
  storage::LogUpdate update;
  update.shard = shard;
  update.hard_state = raft::HardState{Term(), ReplicaId(), false, self};
  update.base = raft::LogBase{};
  update.base->members.learners = {{self, self_.node, self_.incarnation}};
  update.base->members.newest_id = self;
  update.base->members.epoch = epoch;
  if (epoch > 0) update.base->members.format = raft::MembersFormat::kNumbered;
  update.generation = generation;
  storage::RecoveredShard recovered;
  recovered.shard = shard;
  recovered.hard_state = *update.hard_state;
  recovered.base = *update.base;
  recovered.generation = generation;
  doors_.log->Append({update}, [](const Status&) {});
  if (Status status = doors_.log->Sync(); !status.ok()) return status;
  return Load(recovered, random);
}

void Node::OnRemoved(const std::shared_ptr<replica::Replica>& replica, const std::string& why) {
  if (stopped_) return;
  const ShardId shard = replica->shard();
  cells_[shard.value()]->PublishReplica(ReplicaId());
  ReplicaId& buried = buried_[shard];
  buried = std::max(buried, replica->self());
  doors_.log_line("shard " + std::to_string(shard.value()) + ": its replica " +
                  std::to_string(replica->self().value()) + " is destroyed here: " + why);
  changing_.insert(shard);
  doors_.pool->Post([this, shard, self = replica->self(), replica] {
    const Status status = Bury(shard, self);
    doors_.loops.front()->Post([this, shard, replica, status] {
      changing_.erase(shard);
      if (status.ok()) {
        DropLater({shard, replica->generation()}, replica->data());
      } else {
        doors_.on_fatal(status);
      }
    });
  });
}

// On the pool. What remains in the log says that this id was here and does not come back.
Status Node::Bury(ShardId shard, ReplicaId self) {
  storage::LogUpdate update;
  update.shard = shard;
  update.hard_state = raft::HardState{Term(), ReplicaId(), false, self};
  update.base = raft::LogBase{};
  doors_.log->Append({update}, [](const Status&) {});
  return doors_.log->Sync();
}

void Node::CollectShards(std::size_t i, std::shared_ptr<LogKeeper::Shards> shards,
                         std::function<void(LogKeeper::Shards)> then) {
  if (i == loops_.size()) {
    doors_.loops.front()->Post([this, shards, then = std::move(then)] {
      for (const auto& [shard, left] : voids_) shards->push_back({shard, nullptr, nullptr});
      then(std::move(*shards));
    });
    return;
  }
  ShardLoop* loop = loops_[i].get();
  loop->loop()->Post([this, i, loop, shards, then = std::move(then)] {
    loop->ForEach([&](const replica::Replica& replica) {
      shards->push_back({replica.shard(), replica.data(), loop});
    });
    CollectShards(i + 1, shards, then);
  });
}

void Node::DropLater(storage::ShardStore::Name name, std::weak_ptr<storage::ShardData> readers) {
  unused_.emplace_back(name, std::move(readers));
}

// Where many copies are damaged, their old data are kept: they may be whole after all, or the last
// good copies of something. DropUnnamed keeps them over restarts.
void Node::DropRepaired(storage::ShardStore::Name name, std::weak_ptr<storage::ShardData> readers) {
  const std::size_t found = damage_.FoundLately(doors_.loops.front()->Now());
  if (!DamageWatch::AreMany(found, cells_.size())) return DropLater(name, std::move(readers));
  doors_.log_line("shard " + std::to_string(name.shard.value()) +
                  ": its old data are kept, since " + std::to_string(found) +
                  " copies of this node were found damaged in ten minutes");
}

void Node::DropUnused() {
  if (stopped_) return;
  std::vector<storage::ShardStore::Name> free;
  std::erase_if(unused_, [&](const auto& one) {
    if (!one.second.expired()) return false;
    free.push_back(one.first);
    return true;
  });
  if (!free.empty()) {
    doors_.pool->Post([this, free] {
      for (const storage::ShardStore::Name& name : free) {
        const Status status = doors_.shards->Drop(name);
        // Damaged data may have been gone before.
        if (!status.ok() && status.code() != Code::kNotFound) doors_.on_fatal(status);
      }
    });
  }
  doors_.loops.front()->RunAt(doors_.loops.front()->Now() + kDropPause, [this] { DropUnused(); });
}

}  // namespace ringfort::node

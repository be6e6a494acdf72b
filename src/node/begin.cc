// From a stored creation record to running replicas.
#include <algorithm>
#include <utility>

#include "node/node.h"
#include "raft/quorum.h"
#include "wire/id_codec.h"
#include "wire/raft_codec.h"

namespace ringfort::node {
namespace {

constexpr storage::Generation kFirstGeneration{1};

}  // namespace

std::vector<Node::OwnShard> Node::OwnShards(const proto::CreationRecord& record) const {
  std::vector<OwnShard> own;
  for (int i = 0; i < record.shards_size(); ++i) {
    OwnShard shard;
    shard.shard = ShardId(static_cast<std::uint32_t>(i));
    for (const proto::Member& encoded : record.shards(i).members()) {
      auto member = wire::DecodeMember(encoded);
      if (!member.ok())
        continue;  // MapOf has checked the placement; the member is then simply not us.
      shard.members.voters.push_back(*member);
      if (member->node == self_.node && member->incarnation == self_.incarnation) {
        shard.self = member->id;
      }
    }
    if (shard.self != ReplicaId()) own.push_back(std::move(shard));
  }
  return own;
}

void Node::Begin(const proto::CreationRecord& record) {
  auto map = MapOf(record);
  if (!map.ok()) {
    doors_.on_fatal(map.status());
    return;
  }
  map_ = *std::move(map);
  {
    const std::lock_guard lock(mutex_);
    cluster_id_ = map_.cluster_id;
  }
  has_record_ = true;
  for (const proto::RecordNode& node : record.nodes()) {
    if (auto id = wire::DecodeId<Incarnation>(node.incarnation(), "incarnation"); id.ok()) {
      incarnations_.emplace(NodeId(node.node()), *id);
    }
  }
  if (!IsMember(self_)) {
    SetWaitingFor(
        "this data directory is not among the cluster's members (bring back the directory "
        "that node " +
        std::to_string(self_.node.value()) + " had)");
    return;
  }
  const std::vector<OwnShard> own = OwnShards(record);
  cells_.resize(map_.shards());
  for (const OwnShard& shard : own) {
    cells_[shard.shard.value()] = std::make_unique<replica::LivenessCell>();
  }
  std::vector<ShardLoop*> loops;
  for (const auto& loop : loops_) loops.push_back(loop.get());
  std::vector<NodeId> peers;
  for (const auto& [node, incarnation] : incarnations_) peers.push_back(node);
  liveness_ = std::make_unique<Liveness>(
      options_.liveness, self_.node, self_.boot, peers,
      Liveness::Doors{doors_.loops.front(), doors_.transport, &cells_, loops, doors_.log,
                      options_.shard_loop.stall_max, [this] { return room_.load(); }});
  SetWaitingFor("its replicas are being loaded (this takes a moment)");
  doors_.pool->Post([this, own, identity = identity_] {
    Status status = MakeOnce(own, identity);
    if (status.ok()) status = LoadAll(own);
    doors_.loops.front()->Post([this, status = std::move(status)] {
      if (status.ok()) {
        Run();
      } else {
        doors_.on_fatal(status);
      }
    });
  });
}

// On the pool. A log that lacks replicas which were made has lost them, and new ones in their place
// would vote twice (protocols 1). A crash before the note is harmless: nothing has voted yet.
Status Node::MakeOnce(const std::vector<OwnShard>& own, proto::Identity identity) {
  if (identity.replicas_made()) return Status::Ok();
  if (Status status = MakeMissing(own); !status.ok()) return status;
  identity.set_replicas_made(true);
  return doors_.identity->Save(identity.SerializeAsString());
}

// On the pool. Column families first, then the log, whose record of a shard makes it exist
// (protocols 5).
Status Node::MakeMissing(const std::vector<OwnShard>& own) {
  std::vector<storage::ShardStore::Name> names;
  std::vector<storage::LogUpdate> updates;
  for (const OwnShard& shard : own) {
    if (IsRecovered(shard.shard)) continue;
    names.push_back({shard.shard, kFirstGeneration});
    storage::LogUpdate update;
    update.shard = shard.shard;
    update.hard_state = raft::HardState{};
    update.base = raft::LogBase{LogIndex(), Term(), shard.members};
    update.generation = kFirstGeneration;
    updates.push_back(std::move(update));
    storage::RecoveredShard recovered;
    recovered.shard = shard.shard;
    recovered.base.members = shard.members;
    recovered.generation = kFirstGeneration;
    recovery_.shards.push_back(std::move(recovered));
  }
  if (names.empty()) return Status::Ok();
  if (Status status = doors_.shards->Create(names); !status.ok()) return status;
  // An append that fails makes the sync behind it fail too.
  doors_.log->Append(std::move(updates), [](const Status&) {});
  return doors_.log->Sync();
}

bool Node::IsRecovered(ShardId shard) const {
  return std::any_of(
      recovery_.shards.begin(), recovery_.shards.end(),
      [shard](const storage::RecoveredShard& recovered) { return recovered.shard == shard; });
}

Status Node::LoadAll(const std::vector<OwnShard>& own) {
  for (const OwnShard& shard : own) {
    if (!IsRecovered(shard.shard)) {
      // No cell: the answers to heartbeats name the shard as absent.
      cells_[shard.shard.value()] = nullptr;
      ++absent_;
      continue;
    }
    auto replica = Load(shard);
    if (replica.ok()) {
      loaded_.push_back(*std::move(replica));
      continue;
    }
    // One damaged copy does not take the others down. Without a cell's mark it follows and leads
    // nothing.
    ++set_aside_;
    doors_.log_line("shard " + std::to_string(shard.shard.value()) +
                    " is set aside on this node: " + replica.status().message());
  }
  if (absent_ > 0) {
    doors_.log_line("this node has no replica of " + std::to_string(absent_) + " of its " +
                    std::to_string(own.size()) +
                    " shards: it votes in none of them until their primaries have filled it again");
  }
  return Status::Ok();
}

Result<std::unique_ptr<replica::Replica>> Node::Load(const OwnShard& own) {
  const auto recovered =
      std::find_if(recovery_.shards.begin(), recovery_.shards.end(),
                   [&](const storage::RecoveredShard& shard) { return shard.shard == own.shard; });
  auto data = doors_.shards->Open({own.shard, recovered->generation});
  if (!data.ok()) return data.status();
  const storage::Applied applied = (*data)->applied();
  if (applied.index < recovered->base.index || applied.index > recovered->last) {
    return Status(Code::kCorruption,
                  "its data end at index " + std::to_string(applied.index.value()) +
                      ", its log has " + std::to_string(recovered->base.index.value()) + " to " +
                      std::to_string(recovered->last.value()) +
                      ": one of the two lost something (rebuild this replica from its peers)");
  }
  auto machine = replica::StateMachine::Load(*data);
  if (!machine.ok()) return machine.status();
  raft::Restored restored;
  restored.hard_state = recovered->hard_state;
  restored.base = recovered->base;
  restored.last = recovered->last;
  restored.terms = recovered->terms;
  restored.applied = applied.index;
  ShardLoop& loop = LoopOf(own.shard);
  kept_.push_back({own.shard, *data, &loop});
  return std::make_unique<replica::Replica>(
      options_.replica, own.shard, own.self, recovered->generation, std::move(restored), *data,
      *std::move(machine), doors_.log, cells_[own.shard.value()].get(), &loop, random_.Fork());
}

void Node::Run() {
  if (stopped_) return;
  recovery_ = {};
  identity_.set_replicas_made(true);
  running_ = true;
  for (auto& loaded : loaded_) {
    ShardLoop& loop = LoopOf(loaded->shard());
    auto replica = std::make_shared<std::unique_ptr<replica::Replica>>(std::move(loaded));
    loop.loop()->Post([&loop, replica] { loop.Add(std::move(*replica)); });
  }
  loaded_.clear();
  for (const auto& loop : loops_) {
    loop->loop()->Post([loop = loop.get()] { loop->Start(); });
  }
  liveness_->Start();
  keeper_.Start(std::move(kept_));
  SetWaitingFor("");
  serving_.store(true, std::memory_order_release);
}

}  // namespace ringfort::node

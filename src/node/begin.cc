// From a stored creation record to running replicas.
#include <algorithm>
#include <functional>
#include <iterator>
#include <utility>

#include "node/new_beginning.h"
#include "node/node.h"
#include "raft/quorum.h"
#include "replica/lost_data.h"
#include "wire/map_codec.h"
#include "wire/raft_codec.h"

namespace ringfort::node {
namespace {

constexpr storage::Generation kFirstGeneration{1};

}  // namespace

std::vector<Node::OwnShard> Node::OwnShards(const proto::CreationRecord& record) const {
  std::vector<OwnShard> own;
  for (int i = 0; i <= record.shards_size(); ++i) {
    OwnShard shard;
    shard.shard = ShardId(static_cast<std::uint32_t>(i));
    const bool is_meta = i == record.shards_size();
    for (const proto::Member& encoded : (is_meta ? record.meta() : record.shards(i)).members()) {
      auto member = wire::DecodeMember(encoded);
      if (!member.ok())
        continue;  // MapOf has checked the placement; the member is then simply not us.
      shard.members.voters.push_back(*member);
      if (member->node == self_.node && member->incarnation == self_.incarnation) {
        shard.self = member->id;
      }
    }
    shard.members.newest_id = ReplicaId(static_cast<std::uint32_t>(shard.members.voters.size()));
    if (shard.self != ReplicaId()) own.push_back(std::move(shard));
  }
  return own;
}

void Node::Begin(const proto::CreationRecord& record) {
  if (Status status = CheckLease(record, options_.liveness.lease); !status.ok()) {
    doors_.on_fatal(status);
    return;
  }
  auto map = identity_.has_map() ? wire::DecodeMap(identity_.map()) : MapOf(record);
  if (!map.ok()) {
    doors_.on_fatal(map.status());
    return;
  }
  if (map->feature_level > options_.knows) {
    doors_.on_fatal(features::TooNew("cluster \"" + map->cluster_name + "\"", map->feature_level,
                                     map->feature_release));
    return;
  }
  shards_ = map->shards();
  TakeLevel(*map);
  for (const proto::ShardEpoch& known : identity_.epochs()) {
    epochs_[ShardId(known.shard())] = known.epoch();
  }
  for (const auto& [shard, epoch] : map->epochs) {
    epochs_[shard] = std::max(epochs_[shard], epoch);
  }
  {
    const std::lock_guard lock(mutex_);
    cluster_id_ = map->cluster_id;
  }
  map_.Take(*std::move(map));
  has_record_ = true;
  cells_.resize(shards_ + 1);
  for (auto& cell : cells_) cell = std::make_unique<replica::LivenessCell>();
  std::vector<ShardLoop*> loops;
  for (const auto& loop : loops_) loops.push_back(loop.get());
  liveness_ = std::make_unique<Liveness>(
      options_.liveness, self_.node, self_.boot,
      Liveness::Doors{doors_.loops.front(), doors_.transport, &cells_, loops, doors_.log,
                      options_.shard_loop.stall_max, [this] { return room_.load(); }});
  meta_ = MakeMetaPrimary();
  reporter_ = std::make_unique<Reporter>(doors_.loops.front(), loops);
  LinkPeers();
  SetWaitingFor("its replicas are being loaded (this takes a moment)");
  doors_.pool->Post([this, own = OwnShards(record), identity = identity_] {
    Status status = MakeOnce(own, identity);
    if (status.ok()) status = DropUnnamed();
    if (status.ok()) status = LoadAll();
    doors_.loops.front()->Post([this, status = std::move(status)] {
      if (status.ok()) {
        AwaitIntroductions();
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
    update.hard_state = raft::HardState{Term(), ReplicaId(), false, shard.self};
    update.base = raft::LogBase{LogIndex(), Term(), shard.members};
    update.generation = kFirstGeneration;
    updates.push_back(std::move(update));
    storage::RecoveredShard recovered;
    recovered.shard = shard.shard;
    recovered.hard_state.self = shard.self;
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

// Data that the log does not name are the rest of an import, or of a replica that was destroyed
// (protocols 5). Or damaged ones that were repaired: where there are many, they are kept.
Status Node::DropUnnamed() {
  const auto is_damaged = [this](const storage::ShardStore::Name& name) {
    const auto data = doors_.shards->Open(name);
    return !data.ok() || !(*data)->damage().ok();
  };
  const std::vector<storage::ShardStore::Name> all = doors_.shards->List();
  std::vector<storage::ShardStore::Name> unnamed;
  std::ranges::copy_if(all, std::back_inserter(unnamed), [this](const auto& name) {
    return !IsKept(identity_, name) &&
           std::ranges::none_of(recovery_.shards, [&](const storage::RecoveredShard& recovered) {
             return recovered.shard == name.shard && recovered.generation == name.generation;
           });
  });
  const auto repaired = std::ranges::partition(unnamed, std::not_fn(is_damaged));
  const auto damaged = repaired.empty() ? 0 : std::ranges::count_if(all, is_damaged);
  if (DamageWatch::AreMany(static_cast<std::size_t>(damaged), recovery_.shards.size())) {
    doors_.log_line("the data of " + std::to_string(damaged) +
                    " copies are or were damaged: the disk is bad, or there is a fault in "
                    "Ringfort; what was repaired is kept too (look into it; without the files "
                    "damaged-* in the data directory, the next start deletes what was repaired)");
    unnamed.erase(repaired.begin(), repaired.end());
  }
  for (const storage::ShardStore::Name& name : unnamed) {
    if (Status status = doors_.shards->Drop(name); !status.ok()) return status;
  }
  return Status::Ok();
}

Status Node::LoadAll() {
  if (recovery_.shards.empty()) {
    doors_.log_line(
        "this node has no replicas: it votes in no shard until the primaries have filled "
        "it again");
  }
  for (const storage::RecoveredShard& shard : recovery_.shards) {
    if (shard.generation == storage::Generation()) {
      buried_[shard.shard] = shard.hard_state.self;
      continue;
    }
    if (MembersOf(shard).epoch < KnownEpoch(shard.shard)) {
      LoadVoid(shard);
      continue;
    }
    auto replica = Load(shard, random_.Fork());
    if (replica.ok()) {
      loaded_.push_back(*std::move(replica));
      continue;
    }
    if (replica.status().code() != Code::kCorruption) return replica.status();
    // One log that lost something does not take the others down: its primary hears that there is
    // no such replica, and makes another.
    ++set_aside_;
    buried_[shard.shard] = shard.hard_state.self;
    doors_.log_line("shard " + std::to_string(shard.shard.value()) +
                    " is set aside on this node: " + replica.status().message());
  }
  return Status::Ok();
}

// On the pool. kCorruption: its log lost something. Data that did are repaired in place.
// On the pool.
void Node::LoadVoid(const storage::RecoveredShard& recovered) {
  const ShardId shard = recovered.shard;
  VoidReplica left;
  left.copy = CopyOf(recovered, self_.node, self_.incarnation, KnownEpoch(shard));
  left.generation = recovered.generation;
  const auto data = doors_.shards->Open({shard, recovered.generation});
  // What cannot be read is kept all the same.
  left.copy.damaged = !data.ok();
  if (data.ok()) left.data_bytes = (*data)->size_bytes();
  buried_[shard] = recovered.hard_state.self;
  loaded_voids_.emplace(shard, std::move(left));
}

// On the pool.
Result<std::shared_ptr<replica::Replica>> Node::Load(const storage::RecoveredShard& recovered,
                                                     Random random) {
  const ShardId shard = recovered.shard;
  auto data = doors_.shards->Open({shard, recovered.generation});
  if (!data.ok()) return LoadWithoutData(recovered, random, data.status());
  const storage::Applied applied = (*data)->applied();
  const std::string misfit = "its data end at index " + std::to_string(applied.index.value()) +
                             ", its log has " + std::to_string(recovered.base.index.value()) +
                             " to " + std::to_string(recovered.last.value());
  if (applied.index > recovered.last) {
    return Status(Code::kCorruption,
                  misfit + ": the log lost something (it is rebuilt from its peers)");
  }
  if (applied.index < recovered.base.index) {
    return LoadWithoutData(recovered, random,
                           Status(Code::kCorruption, misfit + ": the data lost something"));
  }
  auto machine = replica::StateMachine::Load(*data);
  // Damage is believed of a read that fails twice.
  if (machine.status().code() == Code::kCorruption) machine = replica::StateMachine::Load(*data);
  if (!machine.ok()) return LoadWithoutData(recovered, random, machine.status());
  return Make(recovered, random, *data, *std::move(machine));
}

Result<std::shared_ptr<replica::Replica>> Node::LoadWithoutData(
    const storage::RecoveredShard& recovered, Random random, const Status& why) {
  if (why.code() != Code::kCorruption && why.code() != Code::kNotFound) return why;
  const std::string name = "shard " + std::to_string(recovered.shard.value());
  auto lost = std::make_shared<replica::LostData>(
      Status(Code::kCorruption, name + ": " + why.message()),
      storage::Applied{recovered.base.index, recovered.base.term});
  return Make(recovered, random, std::move(lost), nullptr);
}

std::shared_ptr<replica::Replica> Node::Make(const storage::RecoveredShard& recovered,
                                             Random random,
                                             std::shared_ptr<storage::ShardData> data,
                                             std::unique_ptr<replica::StateMachine> machine) {
  raft::Restored restored;
  restored.hard_state = recovered.hard_state;
  restored.base = recovered.base;
  restored.last = recovered.last;
  restored.terms = recovered.terms;
  restored.members_entries = recovered.members_entries;
  restored.applied = data->applied().index;
  return std::make_shared<replica::Replica>(
      options_.replica, recovered.shard, recovered.hard_state.self, recovered.generation,
      std::move(restored), std::move(data), std::move(machine), doors_.log, doors_.shards,
      cells_[recovered.shard.value()].get(), &LoopOf(recovered.shard), random);
}

void Node::Run() {
  // Noted for a new beginning that a crash prevented: they are the replica's own. Or gone.
  const std::vector<storage::ShardStore::Name> there = doors_.shards->List();
  const auto is_not_kept = [&](const proto::KeptData& kept) {
    const storage::ShardStore::Name name{ShardId(kept.shard()),
                                         storage::Generation(kept.generation())};
    if (std::ranges::find(there, name) == there.end()) return true;
    return std::ranges::any_of(recovery_.shards, [&](const storage::RecoveredShard& shard) {
      return shard.shard == ShardId(kept.shard()) && shard.generation.value() == kept.generation();
    });
  };
  ForgetKept(is_not_kept, &identity_);
  recovery_ = {};
  identity_.set_replicas_made(true);
  voids_ = std::move(loaded_voids_);
  for (const auto& [shard, left] : voids_) SayVoid(shard);
  running_ = true;
  std::vector<env::PeerIdentity> connected;
  for (const auto& [node, peer] : connected_) connected.push_back(peer);
  StoreStarts(connected);
  for (const std::shared_ptr<replica::Replica>& loaded : loaded_) {
    LearnEpoch(loaded->shard(), loaded->raft().epoch());
    ShardLoop& loop = LoopOf(loaded->shard());
    loop.loop()->Post([&loop, loaded] { loop.Add(loaded); });
  }
  loaded_.clear();
  for (const auto& loop : loops_) {
    loop->loop()->Post([loop = loop.get()] { loop->Start(); });
  }
  liveness_->Start();
  keeper_.Start([this](std::function<void(LogKeeper::Shards)> then) {
    CollectShards(0, std::make_shared<LogKeeper::Shards>(), std::move(then));
  });
  DropUnused();
  pulsed_at_ = doors_.loops.front()->Now();  // Silence counts from here.
  AskAround();
  SetWaitingFor("");
  serving_.store(true, std::memory_order_release);
}

}  // namespace ringfort::node

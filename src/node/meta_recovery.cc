#include "node/meta_recovery.h"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "features/features.h"
#include "meta/entries.h"
#include "node/creation.h"
#include "node/new_beginning.h"
#include "raft/quorum.h"
#include "replica/recovery.h"
#include "storage/encoding.h"
#include "wire/id_codec.h"
#include "wire/map_codec.h"

namespace ringfort::node {
namespace {

Status Refused(const std::string& why) {
  return Status(Code::kConditionFailed, "the meta group is not begun anew: " + why,
                Effect::kNotApplied);
}

Result<meta::State> ReadState(const storage::ShardData& data) {
  const storage::KeyRange keys = storage::SortKeyRange(meta::kShardKey, "", std::nullopt);
  storage::RangeQuery query;
  query.begin = keys.begin;
  query.end = keys.end;
  meta::StateReader reader;
  for (bool more = true; more;) {
    auto page = data.Range(query, storage::ReadDepth::kDisk);
    if (!page.ok()) return page.status();
    for (const storage::RangeEntry& entry : page->entries) {
      auto key = storage::DecodeDataKey(entry.key);
      auto value = storage::DecodeValue(entry.value);
      if (!key.ok()) return key.status();
      if (!value.ok()) return value.status();
      if (Status status = reader.Add(key->sort_key, value->user); !status.ok()) return status;
    }
    more = page->more;
    if (more) query.begin = storage::KeyAfter(page->entries.back().key);
  }
  auto state = reader.Finish();
  if (!state.ok()) return state.status();
  if (!state->has_value()) return Refused("this copy has no map yet (take another)");
  return **std::move(state);
}

std::uint64_t KnownEpoch(const proto::Identity& identity, ShardId shard, std::uint64_t of_map) {
  std::uint64_t epoch = of_map;
  for (const proto::ShardEpoch& known : identity.epochs()) {
    if (ShardId(known.shard()) == shard) epoch = std::max(epoch, known.epoch());
  }
  return epoch;
}

meta::State StateAfter(const meta::State& before, const raft::NewBeginning& beginning) {
  meta::State after = before;
  ring::ClusterMap& map = after.map;
  map.version = map.version + kMapVersionLeap;
  map.epochs[map.meta_shard()] = beginning.base.members.epoch;
  if (map.feature_level < features::kRecovery) {
    map.feature_level = features::kRecovery;
    map.feature_release = features::ReleaseOf(features::kRecovery);
  }
  ++after.next_event;
  return after;
}

std::vector<storage::Mutation> MutationsOf(const std::vector<meta::EntryChange>& changes,
                                           LogIndex version) {
  std::vector<storage::Mutation> mutations;
  for (const meta::EntryChange& change : changes) {
    std::string key = storage::EncodeDataKey(meta::kShardKey, change.sort_key);
    if (change.value) {
      mutations.push_back({storage::Mutation::Kind::kPut, std::move(key),
                           storage::EncodeValue(version, *change.value)});
    } else {
      mutations.push_back({storage::Mutation::Kind::kDelete, std::move(key), {}});
    }
  }
  return mutations;
}

/// Writes the state of the new beginning into its data.
Status WriteState(const MetaRecovery& plan, const meta::State& after, std::uint64_t at_unix_ms,
                  const StoppedNode& node) {
  auto data = node.shards->Open(plan.to);
  if (!data.ok()) return data.status();
  proto::MetaEvent event;
  event.set_number(plan.state.next_event);
  event.set_at_unix_ms(at_unix_ms);
  event.set_who("ringfortd");
  event.set_what("the meta group was begun anew from the copy on node " +
                 std::to_string(plan.copy.member.node.value()));
  std::vector<meta::EntryChange> changes = meta::Difference(&plan.state, after);
  for (meta::EntryChange& change : meta::EventEntries(event)) changes.push_back(std::move(change));
  Status status = (*data)->Apply(MutationsOf(changes, plan.beginning.base.index),
                                 (*data)->applied(), /*may_wait=*/true);
  return status.ok() ? (*data)->Flush() : status;
}

/// The copy in the directory.
Result<storage::RecoveredShard> FindCopy(const StoppedNode& node, const ring::ClusterMap& map) {
  const ShardId shard = map.meta_shard();
  const auto found =
      std::ranges::find(node.recovery.shards, shard, &storage::RecoveredShard::shard);
  if (found == node.recovery.shards.end() || found->generation == storage::Generation()) {
    return Refused("this node has no copy of it (take one of the nodes that had)");
  }
  return *found;
}

Result<ring::ClusterMap> NewestMap(const proto::Identity& identity) {
  if (!identity.has_record()) {
    return Refused("this directory has never been in a cluster (take another)");
  }
  return identity.has_map() ? wire::DecodeMap(identity.map()) : MapOf(identity.record());
}

Result<meta::State> StateOf(storage::ShardStore* store, storage::ShardStore::Name name) {
  auto data = store->Open(name);
  if (!data.ok()) return data.status();
  return ReadState(**data);
}

}  // namespace

Result<MetaRecovery> PlanMetaRecovery(const StoppedNode& node) {
  const auto map = NewestMap(node.identity);
  if (!map.ok()) return map.status();
  const auto shard = FindCopy(node, *map);
  if (!shard.ok()) return shard.status();
  const auto incarnation = wire::DecodeId<Incarnation>(node.identity.incarnation(), "incarnation");
  if (!incarnation.ok()) return incarnation.status();
  MetaRecovery plan;
  plan.copy = CopyOf(*shard, NodeId(node.identity.node()), *incarnation,
                     KnownEpoch(node.identity, shard->shard, map->EpochOf(shard->shard)));
  if (!plan.copy.is_void() && raft::CanHavePrimary({plan.copy})) {
    return Refused("this copy is its only voter: start the node, and it leads");
  }
  // Nobody else can be asked which copy is the newest.
  auto beginning = raft::PlanRecovery({plan.copy}, plan.copy.member.node, /*accept_loss=*/true);
  if (!beginning.ok()) return beginning.status();
  plan.beginning = *std::move(beginning);
  plan.from = {shard->shard, shard->generation};
  plan.to = NewDataName(shard->shard, plan.beginning);
  {
    const auto data = node.shards->Open(plan.from);
    if (!data.ok()) return data.status();
    plan.unconfirmed = plan.copy.last - std::min(plan.copy.last, (*data)->applied().index);
  }
  Status status = replica::MakeRecoveredData({plan.from, plan.copy.last}, plan.to,
                                             plan.beginning.base, node.log, node.shards);
  if (!status.ok()) return status;
  auto state = StateOf(node.shards, plan.to);
  if (!state.ok()) {
    status = ForgetPlan(plan, node);
    return status.ok() ? state.status() : status;
  }
  plan.state = *std::move(state);
  return plan;
}

Status ForgetPlan(const MetaRecovery& plan, const StoppedNode& node) {
  return node.shards->Drop(plan.to);
}

Status BeginMetaAnew(const MetaRecovery& plan, const StoppedNode& node, std::uint64_t at_unix_ms) {
  node.log->SetFeatureLevel(features::kRecovery);
  const meta::State after = StateAfter(plan.state, plan.beginning);
  Status status = WriteState(plan, after, at_unix_ms, node);
  if (!status.ok()) return status;
  // The old data are kept before the log names the new ones, and what follows from them comes last.
  proto::Identity identity = node.identity;
  NoteKept(plan.from, plan.copy, &identity);
  // The level comes before what is of that level. The rest of the map would make this copy void.
  if (!identity.has_map()) wire::EncodeMap(plan.state.map, identity.mutable_map());
  identity.mutable_map()->set_feature_level(after.map.feature_level.value());
  identity.mutable_map()->set_feature_release(after.map.feature_release);
  status = node.identity_store->Save(identity.SerializeAsString());
  if (!status.ok()) return status;
  node.log->Append({UpdateOf(plan.from.shard, plan.beginning)}, [](const Status&) {});
  if (status = node.log->Sync(); !status.ok()) return status;
  NoteEpoch(plan.from.shard, plan.beginning.base.members.epoch, &identity);
  wire::EncodeMap(after.map, identity.mutable_map());
  return node.identity_store->Save(identity.SerializeAsString());
}

}  // namespace ringfort::node

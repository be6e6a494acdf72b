#include "replica/recovery.h"

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "replica/state_machine.h"
#include "storage/encoding.h"

namespace ringfort::replica {
namespace {

constexpr std::size_t kCopyBytes = std::size_t{1} << 20;
constexpr std::size_t kApplyBytes = std::size_t{4} << 20;

// File by file, with their checksums: a copy that cannot be read to its end is found out here.
Status CopyData(storage::ShardStore* store, storage::ShardStore::Name from,
                storage::ShardStore::Name to) {
  auto snapshot = store->Export(from);
  if (!snapshot.ok()) return snapshot.status();
  const std::vector<storage::SnapshotFile>& files = (*snapshot)->files();
  auto import = store->BeginImport(to, (*snapshot)->applied(), files);
  if (!import.ok()) return import.status();
  while ((*import)->position().file < files.size()) {
    const storage::Import::Position at = (*import)->position();
    auto bytes = (*snapshot)->Read(at.file, at.offset, kCopyBytes);
    if (!bytes.ok()) return bytes.status();
    if (Status status = (*import)->Write(at, *bytes); !status.ok()) return status;
  }
  return (*import)->Finish();
}

Status ApplyRest(storage::LogStore* log, ShardId shard, LogIndex last, StateMachine* machine) {
  while (machine->applied().index < last) {
    auto entries = log->Read(shard, machine->applied().index + 1, last, kApplyBytes);
    if (!entries.ok()) return entries.status();
    if (auto applied = machine->Apply(*entries, /*may_wait=*/true); !applied.ok()) {
      return applied.status();
    }
  }
  return Status::Ok();
}

Status DropSessions(storage::ShardData* data) {
  const storage::KeyRange range = storage::SpaceRange(storage::KeySpace::kSessions);
  storage::RangeQuery query;
  query.begin = range.begin;
  query.end = range.end;
  for (bool more = true; more;) {
    auto page = data->Range(query, storage::ReadDepth::kDisk);
    if (!page.ok()) return page.status();
    std::vector<storage::Mutation> mutations;
    for (storage::RangeEntry& entry : page->entries) {
      mutations.push_back({storage::Mutation::Kind::kDelete, std::move(entry.key), {}});
    }
    if (mutations.empty()) return Status::Ok();
    if (Status status = data->Apply(mutations, data->applied(), /*may_wait=*/true); !status.ok()) {
      return status;
    }
    more = page->more;
    query.begin = storage::KeyAfter(mutations.back().key);
  }
  return Status::Ok();
}

Status Make(const RecoverySource& source, storage::ShardStore::Name to, const raft::LogBase& base,
            storage::LogStore* log, storage::ShardStore* store) {
  if (Status status = CopyData(store, source.name, to); !status.ok()) return status;
  auto data = store->Open(to);
  if (!data.ok()) return data.status();
  auto machine = StateMachine::Load(*data);
  if (!machine.ok()) return machine.status();
  Status status = ApplyRest(log, source.name.shard, source.last, machine->get());
  if (status.ok()) status = DropSessions(data->get());
  if (status.ok()) status = (*data)->Apply({}, {base.index, base.term}, /*may_wait=*/true);
  return status.ok() ? (*data)->Flush() : status;
}

bool IsThere(const storage::ShardStore& store, storage::ShardStore::Name name) {
  const std::vector<storage::ShardStore::Name> names = store.List();
  return std::ranges::find(names, name) != names.end();
}

}  // namespace

Status MakeRecoveredData(const RecoverySource& source, storage::ShardStore::Name to,
                         const raft::LogBase& base, storage::LogStore* log,
                         storage::ShardStore* store) {
  // The rest of an attempt that a crash ended.
  if (IsThere(*store, to)) {
    if (Status status = store->Drop(to); !status.ok()) return status;
  }
  // What a replica has handed to the log before now is read from it.
  if (Status status = log->Sync(); !status.ok()) return status;
  const Status status = Make(source, to, base, log, store);
  if (status.ok() || !IsThere(*store, to)) return status;
  const Status dropped = store->Drop(to);
  return dropped.ok() ? status : dropped;
}

}  // namespace ringfort::replica

#include "server/stores.h"

#include <utility>

namespace ringfort::server {
namespace {

Result<Stores> TryToOpen(const DataDir& dir, wal::Options log_options, rocks::Options shard_options,
                         const std::function<void(const Status&)>& on_fatal) {
  log_options.dir = dir.log_dir();
  log_options.incarnation = dir.incarnation();
  log_options.expect_existing = dir.has_stores();
  log_options.batches_min = dir.identity().log_batches();
  auto log = wal::Wal::Open(log_options);
  if (!log.ok()) return log.status();
  shard_options.dir = dir.data_dir();
  shard_options.incarnation = dir.incarnation();
  shard_options.expect_existing = dir.has_stores();
  shard_options.before_flush = [log = log->get(), on_fatal] {
    if (const Status status = log->Sync(); !status.ok()) on_fatal(status);
  };
  auto shards = rocks::RocksStore::Open(std::move(shard_options));
  if (!shards.ok()) return shards.status();
  return Stores{*std::move(log), *std::move(shards), {}};
}

Status OnlyCopy(const Status& damage) {
  return Status(Code::kCorruption, damage.message() +
                                       "; no other node has a copy, so it is left as it is (bring "
                                       "back the files as they were)");
}

std::string DamageLine(const DataDir& dir, const Status& damage) {
  return "this node lost its memory: " + damage.message() + "; what is left is moved to " +
         dir.AsideOf(dir.log_dir()) + " and " + dir.AsideOf(dir.data_dir()) +
         ", and the node begins without replicas, for its peers to fill (delete the two once "
         "`ringfortctl status` shows that every replica has caught up)";
}

}  // namespace

Result<Stores> OpenStores(DataDir* dir, wal::Options log_options, rocks::Options shard_options,
                          const std::function<void(const Status&)>& on_fatal) {
  std::string damage;
  if (dir->setting_aside()) {
    if (Status status = dir->FinishSettingAside(); !status.ok()) return status;
    damage = DamageLine(*dir, Status(Code::kCorruption, "an earlier start found it damaged"));
  }
  auto stores = TryToOpen(*dir, log_options, shard_options, on_fatal);
  const bool damaged = !stores.ok() && stores.status().code() == Code::kCorruption;
  if (damaged && !dir->has_peers()) return OnlyCopy(stores.status());
  // Stores that have just been made and are damaged already: moving those aside too would not end.
  if (damaged && !dir->setting_aside()) {
    if (Status status = dir->SetStoresAside(); !status.ok()) return status;
    damage = DamageLine(*dir, stores.status());
    stores = TryToOpen(*dir, log_options, shard_options, on_fatal);
  }
  if (!stores.ok()) return stores.status();
  if (Status status = dir->CountBoot(stores->log->batches_at_open()); !status.ok()) return status;
  stores->damage = std::move(damage);
  return stores;
}

}  // namespace ringfort::server

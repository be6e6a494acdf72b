#include "server/stores.h"

#include <utility>

#include "server/store_presence.h"

namespace ringfort::server {
namespace {

Status OnlyCopy(const Status& damage) {
  return Status(Code::kCorruption, damage.message() +
                                       "; no other node has a copy, so it is left as it is (bring "
                                       "back the files as they were)");
}

std::string DamageLine(const DataDir& dir, const std::string& why) {
  return "this node begins without replicas, for its peers to fill: " + why +
         "; what is left is moved to " + dir.AsideOf(dir.log_dir()) + " and " +
         dir.AsideOf(dir.data_dir()) +
         " (delete the two once `ringfortctl status` shows that every replica has caught up; if "
         "they "
         "are needed after all, stop the node and start it with --bring_back=" +
         std::to_string(dir.identity().setting_aside()) + ")";
}

Status NotNeeded(const DataDir& dir) {
  return {Code::kConditionFailed,
          "--start_empty: the log and the data in " + dir.log_dir() + " and " + dir.data_dir() +
              " are there and whole, so nothing is given up (start without --start_empty)"};
}

Status StillNeeded(const Status& damage, const Status& others) {
  return {Code::kUnavailable,
          damage.message() +
              "; nothing was changed, since the other nodes may need what is left: " +
              others.message() +
              " (start the other nodes, then this one again; if a majority is lost for good, "
              "`ringfortctl recover --all-lost` begins its shards anew from the copies that are "
              "left; to give this node's copies up all the same, start it once with "
              "--start_empty)"};
}

/// Whether damaged stores may be moved.
Status MayGoOn(const DataDir& dir, const Status& damage, const GiveUpRules& rules) {
  if (!dir.has_peers()) return OnlyCopy(damage);
  if (rules.start_empty || !dir.has_replicas()) return Status::Ok();
  const Status others = rules.others_serve();
  return others.ok() ? others : StillNeeded(damage, others);
}

/// Before anything is opened: what an earlier start, or the operator, has decided.
Result<std::string> Prepare(DataDir* dir, const GiveUpRules& rules) {
  if (const std::uint64_t number = dir->identity().bringing_back(); number != 0) {
    return Status(Code::kUnavailable,
                  dir->path() +
                      ": quarantined stores are being brought back (run ringfortd "
                      "--data_dir=" +
                      dir->path() + " --bring_back=" + std::to_string(number) +
                      " again, then start the node)");
  }
  if (dir->setting_aside()) {
    if (Status status = dir->FinishSettingAside(); !status.ok()) return status;
    return DamageLine(*dir, "an earlier start gave its log and data up");
  }
  const Status present = CheckStoresPresent(*dir);
  const bool absent = present.code() == Code::kUnavailable;
  if (!present.ok() && !(absent && rules.start_empty && dir->has_peers())) return present;
  if (!rules.start_empty || !dir->has_peers() || (present.ok() && !dir->is_old_copy())) {
    return std::string();
  }
  if (Status status = dir->GiveStoresUp(); !status.ok()) return status;
  return DamageLine(*dir, "its operator gave its log and data up (--start_empty)");
}

}  // namespace

Result<Stores> OpenStoresAsTheyAre(const DataDir& dir, wal::Options log_options,
                                   rocks::Options shard_options,
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

Result<Stores> OpenStores(DataDir* dir, wal::Options log_options, rocks::Options shard_options,
                          const std::function<void(const Status&)>& on_fatal,
                          const GiveUpRules& rules) {
  const bool had_stores = dir->has_stores();
  Result<std::string> given_up = Prepare(dir, rules);
  if (!given_up.ok()) return given_up.status();
  auto stores = OpenStoresAsTheyAre(*dir, log_options, shard_options, on_fatal);
  const bool damaged = !stores.ok() && stores.status().code() == Code::kCorruption;
  // Stores that have just been made and are damaged already: moving those aside too would not end.
  if (damaged && !dir->setting_aside()) {
    if (Status status = MayGoOn(*dir, stores.status(), rules); !status.ok()) return status;
    const Status moved = rules.start_empty ? dir->GiveStoresUp() : dir->SetStoresAside();
    if (!moved.ok()) return moved;
    given_up = DamageLine(*dir, stores.status().message());
    stores = OpenStoresAsTheyAre(*dir, log_options, shard_options, on_fatal);
  }
  if (!stores.ok()) return stores.status();
  if (rules.start_empty && had_stores && !dir->setting_aside()) return NotNeeded(*dir);
  if (Status status = dir->CountBoot(stores->log->batches_at_open()); !status.ok()) return status;
  stores->damage = *std::move(given_up);
  return stores;
}

}  // namespace ringfort::server

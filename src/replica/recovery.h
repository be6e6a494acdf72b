// The data of a shard that is begun anew from one copy (raft/recovery.h).
#pragma once

#include "base/ids.h"
#include "raft/types.h"
#include "ringfort/status.h"
#include "storage/log_store.h"
#include "storage/shard_store.h"

namespace ringfort::replica {

/// The copy that a shard is begun anew from: its data, and where its log ends.
struct RecoverySource {
  storage::ShardStore::Name name;
  LogIndex last;
};

/// Makes, durably, the data `to` that the log base of the new beginning stands for: all of the
/// source's, with every entry of its log applied, committed or not, and without sessions, so that
/// nobody takes an old outcome for that of a write of now. The source is left as it is; a replica
/// may go on using it. On an error there is no `to`, but after a crash perhaps one that no log
/// names. kDiskFull; kCorruption: the source cannot be read. Not on a loop.
Status MakeRecoveredData(const RecoverySource& source, storage::ShardStore::Name to,
                         const raft::LogBase& base, storage::LogStore* log,
                         storage::ShardStore* store);

}  // namespace ringfort::replica

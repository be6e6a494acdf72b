// What a shard that is begun anew (raft/recovery.h) leaves in a node's log and data: the same steps
// for a node that runs, and for the directory of one that does not.
//
// The data come first, under a generation that no log names yet; then one synced update of the log
// makes the new beginning count. A crash leaves either the old copy, whole, or the new one. What
// the copy was before stays on disk as data of no replica (proto::Identity::kept) until an operator
// discards it.
#pragma once

#include <functional>

#include "base/ids.h"
#include "raft/recovery.h"
#include "ringfort/disk.pb.h"
#include "storage/log_store.h"
#include "storage/shard_store.h"

namespace ringfort::node {

/// A replica as its log has it, as a copy that a shard may be begun anew from. `known_epoch`: as
/// raft::Copy has it.
raft::Copy CopyOf(const storage::RecoveredShard& shard, NodeId node, Incarnation incarnation,
                  std::uint64_t known_epoch);

/// The members in force by the log.
raft::Members MembersOf(const storage::RecoveredShard& shard);

/// The data of the new beginning: no replica before had this name.
storage::ShardStore::Name NewDataName(ShardId shard, const raft::NewBeginning& beginning);

/// What the log is told; and what it then would recover.
storage::LogUpdate UpdateOf(ShardId shard, const raft::NewBeginning& beginning);
storage::RecoveredShard RecoveredOf(const storage::LogUpdate& update);

/// Notes in the identity that these data, of that copy before its shard was begun anew, are kept.
void NoteKept(storage::ShardStore::Name name, const raft::Copy& copy, proto::Identity* identity);
[[nodiscard]] bool IsKept(const proto::Identity& identity, storage::ShardStore::Name name);
/// Those data are kept no more.
void ForgetKept(const std::function<bool(const proto::KeptData&)>& which,
                proto::Identity* identity);
/// Notes the epoch of a shard, if it is newer than what was noted.
void NoteEpoch(ShardId shard, std::uint64_t epoch, proto::Identity* identity);

}  // namespace ringfort::node

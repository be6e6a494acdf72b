// A copy of a shard as nodes describe it to each other and to operators.
#pragma once

#include "raft/recovery.h"
#include "ringfort/peer.pb.h"
#include "ringfort/status.h"

namespace ringfort::wire {

/// All but the damage and the sizes, which raft::Copy does not have.
void EncodeCopy(const raft::Copy& copy, proto::ShardCopy* out);

/// kCorruption for what no correct node sends: no node or replica id, or members that are none. (A
/// copy that was being filled has no voters.)
Result<raft::Copy> DecodeCopy(const proto::ShardCopy& in);

}  // namespace ringfort::wire

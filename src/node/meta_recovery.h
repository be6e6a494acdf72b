// The meta group begun anew from the copy in the directory of a node that does not run, when a
// majority of its voters is gone for good (raft/recovery.h). Without it no cluster can be changed,
// and there is nobody to ask: so this looks at one directory only, and the operator compares.
#pragma once

#include <cstdint>

#include "base/ids.h"
#include "meta/state.h"
#include "raft/recovery.h"
#include "ringfort/disk.pb.h"
#include "ringfort/status.h"
#include "storage/identity_store.h"
#include "storage/log_store.h"
#include "storage/shard_store.h"

namespace ringfort::node {

/// By so much the map's version leaps: others may have seen newer maps than this copy's.
inline constexpr std::uint64_t kMapVersionLeap = std::uint64_t{1} << 20;

/// The stores of the directory, open, and nobody else at work in them.
struct StoppedNode {
  proto::Identity identity;
  storage::Recovery recovery;
  storage::LogStore* log;
  storage::ShardStore* shards;
  storage::IdentityStore* identity_store;
};

struct MetaRecovery {
  raft::Copy copy;
  raft::NewBeginning beginning;
  /// The copy's data, and those that the new beginning would stand on: made, and named by no log.
  storage::ShardStore::Name from;
  storage::ShardStore::Name to;
  /// With all of the copy's log applied.
  meta::State state;
  /// So many of its last entries are not applied in the copy.
  std::uint64_t unconfirmed = 0;
};

/// What the directory's copy is, and what would be begun from it. Changes nothing that counts: give
/// the plan to one of the next two. kConditionFailed: there is no copy here, or it needs no new
/// beginning; kCorruption: it cannot be read; kDiskFull.
Result<MetaRecovery> PlanMetaRecovery(const StoppedNode& node);

/// Nothing is begun.
Status ForgetPlan(const MetaRecovery& plan, const StoppedNode& node);

/// Makes it so: the next start leads the meta group alone, under a map that every node takes for
/// newer than its own, of a feature level that knows of epochs. A crash leaves the old or the new.
/// `at_unix_ms`: for the list of events.
Status BeginMetaAnew(const MetaRecovery& plan, const StoppedNode& node, std::uint64_t at_unix_ms);

}  // namespace ringfort::node

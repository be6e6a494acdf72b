// Reads entries back from the segments, several with one read where they lie close together.
#pragma once

#include <memory>
#include <vector>

#include "raft/types.h"
#include "ringfort/status.h"
#include "wal/log_state.h"
#include "wal/segment.h"

namespace ringfort::wal {

/// An entry to be read. Holding the segment keeps its file from being reused.
struct PlacedEntry {
  LogIndex index;
  Term term;
  EntryPosition position;
  std::shared_ptr<Segment> segment;
};

/// The entries, in order. kCorruption, naming file and offset, when one of them is not what was
/// written there. Thread-safe; blocks on the disk.
Result<std::vector<raft::Entry>> ReadEntries(ShardId shard, const std::vector<PlacedEntry>& placed);

}  // namespace ringfort::wal

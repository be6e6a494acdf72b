// The records of an update, made in one place: whoever reckons how much room a batch takes and
// whoever writes it go by the same.
#pragma once

#include <cstdint>
#include <string>

#include "raft/members.h"
#include "storage/log_store.h"
#include "wal/format.h"

namespace ringfort::wal {

/// Calls `visit(record)` for each, in the order in which they are written. The payload is good
/// during the call.
template <typename Visit>
void ForEachRecord(const storage::LogUpdate& update, const Visit& visit) {
  if (update.base) {
    std::string payload;
    AppendBasePayload({update.generation, update.base->members}, &payload);
    visit(Record{
        RecordType::kBase, {}, update.shard, update.base->term, update.base->index, payload});
  }
  if (update.hard_state) {
    std::string payload;
    AppendHardStatePayload(*update.hard_state, &payload);
    visit(Record{RecordType::kHardState, {}, update.shard, update.hard_state->term, {}, payload});
  }
  for (const raft::Entry& entry : update.entries) {
    visit(Record{RecordType::kEntry, entry.kind, update.shard, entry.term, entry.index,
                 entry.data.view()});
  }
}

/// The same of a cut: its base moves up to there.
template <typename Visit>
void VisitCut(ShardId shard, const raft::LogBase& base, const Visit& visit) {
  std::string payload;
  raft::AppendMembers(base.members, &payload);
  visit(Record{RecordType::kCut, {}, shard, base.term, base.index, payload});
}

}  // namespace ringfort::wal

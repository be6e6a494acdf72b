#include "tests/sim/checkers/leader_completeness.h"

namespace ringfort::sim {

void LeaderCompleteness::OnWritten(NodeId node, const storage::LogUpdate& update) {
  for (const raft::Entry& entry : update.entries) {
    if (entry.kind != raft::EntryKind::kNoop) continue;
    if (elections_->PrimaryOf(update.shard, entry.term) != node) continue;
    const MemoryLogStore& log = log_of_(node);
    const raft::LogBase* base = log.WrittenBase(update.shard);
    for (const auto& [term, last] : commits_->commits(update.shard)) {
      if (term >= entry.term || last.index <= base->index) continue;
      if (log.WrittenTerm(update.shard, last.index) == std::optional(last.term)) continue;
      complain_("leader completeness", Text(node) + " leads " + Text(update.shard) + " in " +
                                           Text(entry.term) + " and lacks " + Text(last.index) +
                                           ", committed in " + Text(term));
    }
  }
}

}  // namespace ringfort::sim

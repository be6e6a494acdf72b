#include "tests/sim/checkers/log_matching.h"

#include "base/hash.h"

namespace ringfort::sim {

void LogMatching::OnWritten(NodeId node, const storage::LogUpdate& update) {
  if (update.entries.empty()) return;
  const LogIndex first = update.entries.front().index;
  Term previous = log_of_(node).WrittenTerm(update.shard, first - 1).value_or(Term());
  for (const raft::Entry& entry : update.entries) {
    const std::uint64_t hash = Hash64(entry.data.view(), static_cast<std::uint64_t>(entry.kind));
    const auto [place, fresh] = written_.try_emplace({update.shard, entry.index, entry.term},
                                                     Written{node, hash, previous});
    const Written& twin = place->second;
    if (!fresh && (twin.hash != hash || twin.previous_term != previous)) {
      complain_("log matching", "the logs of " + Text(update.shard) + " on " + Text(twin.node) +
                                    " and " + Text(node) + " differ at or before " +
                                    Text(entry.index) + " of " + Text(entry.term));
    }
    previous = entry.term;
  }
}

}  // namespace ringfort::sim

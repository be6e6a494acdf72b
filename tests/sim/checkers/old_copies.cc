#include "tests/sim/checkers/old_copies.h"

#include <algorithm>

namespace ringfort::sim {

void OldCopies::OnPutBack(NodeId node, std::set<NodeId> known_by) {
  copies_[node] = {std::move(known_by), {}};
}

void OldCopies::OnWiped(NodeId node) {
  copies_.erase(node);
  for (auto& [other, copy] : copies_) copy.known_by.erase(node);
}

void OldCopies::OnStarted(const env::PeerIdentity& process) {
  const auto found = copies_.find(process.node);
  if (found != copies_.end()) found->second.processes.push_back(process);
}

void OldCopies::OnLinked(const env::PeerIdentity& process, NodeId by) {
  const auto found = copies_.find(process.node);
  if (found == copies_.end() || !found->second.known_by.contains(by)) return;
  if (std::ranges::find(found->second.processes, process) == found->second.processes.end()) return;
  complain_("old copies", Text(by) + " links with an old copy of the directory of " +
                              Text(process.node) + ", and had stored a later start of it");
}

}  // namespace ringfort::sim

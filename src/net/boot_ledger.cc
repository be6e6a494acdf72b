// One line of the ledger per node.
#include "net/boot_ledger.h"

#include <algorithm>

namespace ringfort::net {

bool Descends(const env::Life& seen, const env::Life& life, const env::Lineage& lineage) {
  if (life.boot <= seen.boot) return life == seen;
  if (lineage.empty() || lineage.front().boot > seen.boot) return true;
  const auto then = std::ranges::find(lineage, seen.boot, &env::Life::boot);
  // A start of a release that draws no nonce left none there.
  return (then == lineage.end() ? 0 : then->nonce) == seen.nonce;
}

env::Life* BootLedger::Newest(NodeId node, const Incarnation& incarnation) {
  auto& directories = nodes_[node].directories;
  for (auto& [known, life] : directories) {
    if (known == incarnation) return &life;
  }
  if (directories.size() == kDirectoriesMax) directories.pop_front();
  return &directories.emplace_back(incarnation, env::Life()).second;
}

BootLedger::Sighting BootLedger::See(const env::PeerIdentity& peer, const env::Lineage& lineage) {
  env::Life* const seen = Newest(peer.node, peer.incarnation);
  Sighting sighting;
  sighting.seen = *seen;
  const bool first = *seen == env::Life();
  sighting.outdated = !first && !Descends(*seen, peer.life(), lineage);
  sighting.incredible = !sighting.outdated && peer.boot.value() - seen->boot.value() > kBootStepMax;
  if (sighting.outdated || sighting.incredible) return sighting;
  *seen = peer.life();
  Node& node = nodes_[peer.node];
  if (node.newest == peer) return sighting;
  if (node.newest && !node.said_gone) sighting.gone = node.newest;
  node.newest = peer;
  node.said_gone = false;
  return sighting;
}

std::optional<env::PeerIdentity> BootLedger::Refused(NodeId node) {
  const auto found = nodes_.find(node);
  if (found == nodes_.end() || !found->second.newest || found->second.said_gone) {
    return std::nullopt;
  }
  found->second.said_gone = true;
  return found->second.newest;
}

}  // namespace ringfort::net

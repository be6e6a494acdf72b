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

BootLedger::Directory* BootLedger::Find(NodeId node, const Incarnation& incarnation) {
  auto& directories = nodes_[node].directories;
  for (Directory& directory : directories) {
    if (directory.incarnation == incarnation) return &directory;
  }
  if (directories.size() == kDirectoriesMax) directories.pop_front();
  return &directories.emplace_back(Directory{incarnation, env::Life()});
}

BootLedger::Sighting BootLedger::See(const env::PeerIdentity& peer, const env::Lineage& lineage) {
  Directory* const directory = Find(peer.node, peer.incarnation);
  Sighting sighting;
  sighting.seen = directory->newest;
  const env::Life& seen = sighting.seen;
  const bool first = seen == env::Life();
  const bool replaced = directory->replaced && peer.life() == seen;
  sighting.outdated = !first && (replaced || !Descends(seen, peer.life(), lineage));
  sighting.incredible = !sighting.outdated && peer.boot.value() - seen.boot.value() > kBootStepMax;
  if (sighting.outdated || sighting.incredible) return sighting;
  directory->newest = peer.life();
  directory->replaced = false;
  Node& node = nodes_[peer.node];
  if (node.newest == peer) return sighting;
  if (node.newest && node.newest->incarnation != peer.incarnation) {
    Find(peer.node, node.newest->incarnation)->replaced = true;
  }
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

// One line of the ledger per node.
#include "net/boot_ledger.h"

namespace ringfort::net {

BootLedger::Sighting BootLedger::See(const env::PeerIdentity& peer) {
  const auto [place, first] = newest_.try_emplace(peer.node, Newest{peer, false});
  Newest& newest = place->second;
  if (first || newest.peer == peer) return {};
  if (newest.peer.incarnation == peer.incarnation && peer.boot < newest.peer.boot) {
    return {true, std::nullopt};
  }
  Sighting sighting;
  if (!newest.said_gone) sighting.gone = newest.peer;
  newest = {peer, false};
  return sighting;
}

std::optional<env::PeerIdentity> BootLedger::Refused(NodeId node) {
  const auto found = newest_.find(node);
  if (found == newest_.end() || found->second.said_gone) return std::nullopt;
  found->second.said_gone = true;
  return found->second.peer;
}

}  // namespace ringfort::net

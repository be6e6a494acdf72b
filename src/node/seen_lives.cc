#include "node/seen_lives.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "wire/id_codec.h"

namespace ringfort::node {
namespace {

bool IsSameStart(const env::PeerIdentity& a, const env::PeerIdentity& b) {
  return a.incarnation == b.incarnation && a.life() == b.life();
}

}  // namespace

SeenLives::Standing SeenLives::StandingOf(const env::PeerIdentity& peer) const {
  const auto found = peers_.find(peer.node);
  if (found == peers_.end()) return Standing::kNew;
  const env::PeerIdentity& noted = found->second.noted;
  if (IsSameStart(noted, peer)) {
    return found->second.waits_for == 0 ? Standing::kStored : Standing::kNew;
  }
  // Which of two directories is the newer one, boots do not tell: the transport has let it in.
  const bool older = noted.incarnation == peer.incarnation && peer.boot <= noted.boot;
  return older ? Standing::kOutdated : Standing::kNew;
}

bool SeenLives::Note(const env::PeerIdentity& peer, proto::Identity* identity) {
  Peer& known = peers_[peer.node];
  if (IsSameStart(known.noted, peer)) return false;
  known.noted = peer;
  known.held.clear();  // Of an older process.
  known.held_bytes = 0;
  proto::SeenLife seen;
  seen.set_node(peer.node.value());
  seen.set_incarnation(wire::EncodeId(peer.incarnation));
  seen.mutable_life()->set_boot(peer.boot.value());
  seen.mutable_life()->set_nonce(peer.nonce);
  auto* all = identity->mutable_seen();
  int others = 0;
  for (int i = all->size() - 1; i >= 0; --i) {
    const proto::SeenLife& one = all->Get(i);
    if (one.node() != seen.node()) continue;
    const bool same_directory = one.incarnation() == seen.incarnation();
    if (same_directory && one.life().boot() == seen.life().boot() &&
        one.life().nonce() == seen.life().nonce()) {
      // From an earlier process of this node, or noted before another directory of that one was.
      known.waits_for = storing_ > stored_ ? storing_ : 0;
      return false;
    }
    if (same_directory || ++others == kDirectoriesMax) all->DeleteSubrange(i, 1);
  }
  *all->Add() = std::move(seen);
  known.waits_for = storing_ + 1;
  return true;
}

void SeenLives::Hold(const env::PeerIdentity& from, env::Lane lane, std::string_view message) {
  Peer& peer = peers_[from.node];
  if (peer.held_bytes + message.size() > kHeldBytesMax) return;
  peer.held_bytes += message.size();
  peer.held.push_back({from, lane, std::string(message)});
}

std::vector<SeenLives::Held> SeenLives::OnStored(std::uint64_t number) {
  stored_ = std::max(stored_, number);
  std::vector<Held> released;
  for (auto& [node, peer] : peers_) {
    if (peer.waits_for == 0 || peer.waits_for > number) continue;
    peer.waits_for = 0;
    std::move(peer.held.begin(), peer.held.end(), std::back_inserter(released));
    peer.held.clear();
    peer.held_bytes = 0;
  }
  return released;
}

std::vector<env::PeerIdentity> SeenLives::Stored(const proto::Identity& identity) {
  std::vector<env::PeerIdentity> stored;
  for (const proto::SeenLife& one : identity.seen()) {
    const auto incarnation = wire::DecodeId<Incarnation>(one.incarnation(), "an incarnation");
    if (!incarnation.ok()) continue;  // Not ours: what is ours was written by Note.
    env::PeerIdentity peer{NodeId(one.node()), *incarnation, BootNumber(one.life().boot())};
    peer.nonce = one.life().nonce();
    stored.push_back(peer);
  }
  return stored;
}

}  // namespace ringfort::node

// One line of the ledger per peer and lane.
#include "net/dial_ledger.h"

#include <algorithm>

namespace ringfort::net {

std::optional<DialLedger::Admission> DialLedger::Admit(const env::PeerIdentity& peer,
                                                       env::Lane lane, env::DialNumber dial) {
  Supersede(peer);
  Incoming& newest = newest_[{peer.node, lane}];
  const bool same_process = newest.peer == peer;
  if (same_process && dial != env::DialNumber() && dial <= newest.dial) return std::nullopt;
  newest = {peer, dial, ++last_, true, newest.heard_at};
  return newest.admission;
}

std::vector<env::Lane> DialLedger::Supersede(const env::PeerIdentity& newest) {
  std::vector<env::Lane> unheard;
  for (const env::Lane lane : {env::Lane::kLiveness, env::Lane::kBulk}) {
    const auto found = newest_.find({newest.node, lane});
    if (found == newest_.end() || found->second.peer == newest) continue;
    if (found->second.open) unheard.push_back(lane);
    found->second.admission = 0;
    found->second.open = false;
  }
  return unheard;
}

bool DialLedger::Hear(NodeId from, env::Lane lane, Admission admission, MonotonicTime now) {
  const auto found = newest_.find({from, lane});
  if (found == newest_.end() || found->second.admission != admission) return false;
  found->second.heard_at = now;
  return true;
}

void DialLedger::End(NodeId from, env::Lane lane, Admission admission) {
  const auto found = newest_.find({from, lane});
  if (found != newest_.end() && found->second.admission == admission) found->second.open = false;
}

bool DialLedger::HeardSince(NodeId from, MonotonicTime since) const {
  return std::ranges::any_of(newest_, [&](const auto& entry) {
    return entry.first.first == from && entry.second.open && entry.second.heard_at >= since;
  });
}

MonotonicTime DialLedger::heard_at(NodeId from, env::Lane lane) const {
  const auto found = newest_.find({from, lane});
  return found == newest_.end() ? kNever : found->second.heard_at;
}

}  // namespace ringfort::net

// Whom to dial, who may dial us, and what their boot numbers tell.
#include "net/peer_links.h"

#include <algorithm>
#include <future>
#include <utility>

#include "base/check.h"

namespace ringfort::net {
namespace {

/// How many node ids may ever dial this process: bounds what strangers that pose as peers can take.
constexpr std::size_t kPeersMax = 4096;

/// A peer whose messages came so lately, on a connection that is still open, is up. Longer than the
/// pause between two heartbeats, and short beside an election.
constexpr Duration kHeardMoment = std::chrono::milliseconds(200);

std::size_t Index(env::Lane lane) {
  return static_cast<std::size_t>(lane);
}

/// Not ok: why the peer is refused.
Status Judge(const env::PeerIdentity& peer, const BootLedger::Sighting& sighting) {
  const std::string shows = "node " + std::to_string(peer.node.value()) + " shows boot " +
                            std::to_string(peer.boot.value());
  const std::string seen = std::to_string(sighting.seen.boot.value());
  if (sighting.outdated) {
    return {kOldCopy, shows + ", which does not come after boot " + seen +
                          " of that directory, which was seen here: it is an old copy of the "
                          "node's data directory (ringfortctl doctor says what to do)"};
  }
  if (sighting.incredible) {
    return {Code::kInvalidArgument, shows + ", far above boot " + seen +
                                        ", the last that was seen here: that cannot be (see what "
                                        "poses as that node)"};
  }
  return Status::Ok();
}

}  // namespace

PeerLinks::PeerLinks(EventLoop* control_loop, Hooks hooks, std::uint64_t seed)
    : loop_(control_loop), hooks_(std::move(hooks)), random_(seed) {}

PeerLinks::~PeerLinks() {
  Shutdown();
}

void PeerLinks::Shutdown() {
  if (stopped_) return;
  RF_CHECK(!loop_->on_thread());
  std::promise<void> stopped;
  loop_->Post([this, &stopped] {
    stopped_ = true;
    for (const auto& [node, peer] : peers_) StopLanes(peer);
    peers_.clear();
    stopped.set_value();
  });
  stopped.get_future().wait();
  group_.Shutdown({Code::kCancelled, "the node is shutting down"});
}

void PeerLinks::StopLanes(const Peer& peer) {
  for (const auto& lane : peer.lanes) lane->Stop();
}

void PeerLinks::SetPeers(std::vector<env::PeerAddress> peers) {
  RF_CHECK(loop_->on_thread());
  if (stopped_) return;
  const NodeId self = Local().self.node;
  std::map<NodeId, std::string> wanted;
  for (env::PeerAddress& peer : peers) {
    if (peer.node != self) wanted.emplace(peer.node, std::move(peer.address));
  }
  for (auto peer = peers_.begin(); peer != peers_.end();) {
    const auto found = wanted.find(peer->first);
    if (found != wanted.end() && found->second == peer->second.address) {
      ++peer;
      continue;
    }
    StopLanes(peer->second);
    {
      const std::lock_guard lock(mutex_);
      dialed_.erase(peer->first);
      dial_counts_.erase(peer->first);
    }
    peer = peers_.erase(peer);
  }
  for (const auto& [node, text] : wanted) {
    if (peers_.contains(node)) continue;
    const Result<Address> address = ParseAddress(text);
    if (!address.ok()) {
      hooks_.on_event("no link to node " + std::to_string(node.value()) + ": " +
                      address.status().message());
      continue;
    }
    Peer peer{text, {}};
    PeerLaneOwner* const owner = this;
    for (env::Lane lane : {env::Lane::kLiveness, env::Lane::kBulk}) {
      peer.lanes[Index(lane)] =
          std::make_shared<PeerLane>(loop_, &group_, owner, node, *address, lane, random_.Next());
    }
    for (const auto& lane : peer.lanes) lane->Start();
    peers_.emplace(node, std::move(peer));
  }
}

PeerLinks::Link PeerLinks::LinkTo(NodeId node, env::Lane lane) {
  const std::lock_guard lock(mutex_);
  const auto found = dialed_.find(node);
  return found == dialed_.end() ? Link() : found->second[Index(lane)];
}

bool PeerLinks::Send(NodeId to, env::Lane lane, std::string message) {
  const Link link = LinkTo(to, lane);
  return link.connection != nullptr &&
         link.connection->Send(wire::FrameType::kPeer, 0, std::move(message)) == Sent::kQueued;
}

bool PeerLinks::SendOn(NodeId to, env::Lane lane, env::DialNumber dial, std::string message) {
  const Link link = LinkTo(to, lane);
  return link.connection != nullptr && link.dial == dial &&
         link.connection->Send(wire::FrameType::kPeer, 0, std::move(message)) == Sent::kQueued;
}

void PeerLinks::Redial(NodeId to, env::Lane lane) {
  RF_CHECK(loop_->on_thread());
  if (const auto found = peers_.find(to); found != peers_.end()) {
    found->second.lanes[Index(lane)]->Redial();
  }
}

Status PeerLinks::See(const env::PeerIdentity& peer, const env::Lineage& lineage) {
  const BootLedger::Sighting sighting = ledger_.See(peer, lineage);
  if (Status status = Judge(peer, sighting); !status.ok()) return status;
  std::vector<env::Lane> unheard;
  {
    const std::lock_guard lock(mutex_);
    unheard = dials_.Supersede(peer);
  }
  for (const env::Lane lane : unheard) {
    if (const auto other = accepted_[{peer.node, lane}].lock()) {
      other->Close({Code::kCancelled, "another process of this node has shown itself"});
    }
  }
  if (sighting.gone) hooks_.events->OnGone(*sighting.gone);
  return Status::Ok();
}

Result<PeerGate::Admission> PeerLinks::Admit(const PeerHello& hello,
                                             const std::shared_ptr<Connection>& connection) {
  RF_CHECK(loop_->on_thread());
  if (stopped_) return Status(Code::kCancelled, "the node is shutting down");
  const NodeId node = hello.peer.node;
  if (!ledger_.Knows(node) && ledger_.size() >= kPeersMax) {
    return Status(Code::kOverloaded,
                  "more nodes have dialed than a cluster can have; check who they are");
  }
  if (Status status = See(hello.peer, hello.lineage); !status.ok()) return status;
  std::optional<Admission> admission;
  {
    const std::lock_guard lock(mutex_);
    admission = dials_.Admit(hello.peer, hello.lane, hello.dial);
  }
  if (!admission) {
    return Status(Code::kCancelled, "a newer connection of this node was admitted already");
  }
  std::weak_ptr<Connection>& newest = accepted_[{node, hello.lane}];
  if (const auto replaced = newest.lock()) {
    replaced->Close({Code::kCancelled, "the peer has dialed anew"});
  }
  newest = connection;
  HurryLanes(node);
  return *admission;
}

void PeerLinks::HurryLanes(NodeId node) {
  const auto found = peers_.find(node);
  if (found == peers_.end()) return;
  for (const auto& lane : found->second.lanes) lane->Hurry();
}

void PeerLinks::OnPeerMessage(const PeerHello& from, Admission admission,
                              std::string_view message) {
  if (stopped_) return;
  {
    const std::lock_guard lock(mutex_);
    if (!dials_.Hear(from.peer.node, from.lane, admission, loop_->Now())) return;
  }
  hooks_.events->OnMessage(from.peer, from.lane, message);
}

void PeerLinks::OnPeerClosed(const PeerHello& from, Admission admission) {
  const std::lock_guard lock(mutex_);
  dials_.End(from.peer.node, from.lane, admission);
}

env::DialNumber PeerLinks::NextDial(NodeId node) {
  const std::lock_guard lock(mutex_);
  ++dial_counts_[node];
  return ++last_dial_;
}

std::vector<std::pair<std::string, std::uint64_t>> PeerLinks::Counters() const {
  std::vector<std::pair<std::string, std::uint64_t>> counters;
  const MonotonicTime now = loop_->Now();
  const std::lock_guard lock(mutex_);
  for (const auto& [node, dials] : dial_counts_) {
    const std::string name = "peer_" + std::to_string(node.value());
    counters.emplace_back(name + "_dials", dials);
    const auto count_age = [&](env::Lane lane, const char* what) {
      const MonotonicTime heard_at = dials_.heard_at(node, lane);
      if (heard_at == kNever) return;
      const auto ago =
          std::chrono::duration_cast<std::chrono::milliseconds>(now - std::min(heard_at, now));
      counters.emplace_back(name + what, static_cast<std::uint64_t>(ago.count()));
    };
    count_age(env::Lane::kLiveness, "_liveness_heard_ms_ago");
    count_age(env::Lane::kBulk, "_bulk_heard_ms_ago");
  }
  return counters;
}

Status PeerLinks::OnLaneUp(env::Lane lane, const PeerDial& dial) {
  const env::PeerIdentity& peer = dial.remote()->node;
  if (Status status = See(peer, dial.remote()->lineage); !status.ok()) return status;
  if (dial.connection()->closed()) return Status::Ok();  // It was given up when that was heard.
  {
    const std::lock_guard lock(mutex_);
    dialed_[peer.node][Index(lane)] = {dial.connection(), dial.number()};
  }
  hooks_.events->OnLinked(peer, lane, dial.number());
  if (lane == env::Lane::kLiveness) hooks_.events->OnConnected(peer, dial.remote()->has_record);
  HurryLanes(peer.node);  // Where one lane is through, the other is, too.
  return Status::Ok();
}

void PeerLinks::OnLaneDown(NodeId node, env::Lane lane) {
  const std::lock_guard lock(mutex_);
  if (const auto found = dialed_.find(node); found != dialed_.end()) {
    found->second[Index(lane)] = {};
  }
}

void PeerLinks::OnLaneRefused(NodeId node) {
  // It is asked again in a moment: by then the connections of a process that has ended have, too.
  {
    const std::lock_guard lock(mutex_);
    if (dials_.HeardSince(node, loop_->Now() - kHeardMoment)) return;
  }
  if (const auto gone = ledger_.Refused(node)) hooks_.events->OnGone(*gone);
}

}  // namespace ringfort::net

// Whom to dial, who may dial us, and what their boot numbers tell.
#include "net/peer_links.h"

#include <future>
#include <utility>

#include "base/check.h"

namespace ringfort::net {
namespace {

/// How many node ids may ever dial this process: bounds what strangers that pose as peers can take.
constexpr std::size_t kPeersMax = 4096;

std::size_t Index(env::Lane lane) {
  return static_cast<std::size_t>(lane);
}

Status Outdated(const env::PeerIdentity& peer) {
  return {
      Code::kWrongCluster,
      "node " + std::to_string(peer.node.value()) + " shows boot " +
          std::to_string(peer.boot.value()) +
          ", below one seen before: its data directory is an old copy; remove that directory and "
          "let the node join afresh"};
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

bool PeerLinks::Send(NodeId to, env::Lane lane, std::string message) {
  std::shared_ptr<Connection> connection;
  {
    const std::lock_guard lock(mutex_);
    const auto found = dialed_.find(to);
    if (found == dialed_.end()) return false;
    connection = found->second[Index(lane)];
  }
  return connection != nullptr &&
         connection->Send(wire::FrameType::kPeer, 0, std::move(message)) == Sent::kQueued;
}

Status PeerLinks::Admit(const PeerHello& hello, const std::shared_ptr<Connection>& connection) {
  std::shared_ptr<Connection> replaced;
  {
    const std::lock_guard lock(mutex_);
    if (!ledger_.Knows(hello.peer.node) && ledger_.size() >= kPeersMax) {
      return {Code::kOverloaded,
              "more nodes have dialed than a cluster can have; check who they are"};
    }
    const BootLedger::Sighting sighting = ledger_.See(hello.peer);
    if (sighting.outdated) return Outdated(hello.peer);
    if (sighting.gone) gone_.push_back(*sighting.gone);
    std::weak_ptr<Connection>& newest = accepted_[{hello.peer.node, hello.lane}];
    replaced = newest.lock();
    newest = connection;
  }
  if (replaced != nullptr) {
    replaced->Close({Code::kCancelled, "the peer has dialed anew"});
  }
  // Posted, so before any message of this connection.
  loop_->Post([this, node = hello.peer.node] {
    if (stopped_) return;
    SayWhoIsGone();
    const auto found = peers_.find(node);
    if (found == peers_.end()) return;
    for (const auto& lane : found->second.lanes) lane->Hurry();
  });
  return Status::Ok();
}

void PeerLinks::OnPeerMessage(const PeerHello& from, std::string_view message) {
  if (!stopped_) hooks_.events->OnMessage(from.peer, from.lane, message);
}

Status PeerLinks::OnLaneUp(env::Lane lane, const RemoteIdentity& remote,
                           const std::shared_ptr<Connection>& connection) {
  {
    const std::lock_guard lock(mutex_);
    const BootLedger::Sighting sighting = ledger_.See(remote.node);
    if (sighting.outdated) return Outdated(remote.node);
    if (sighting.gone) gone_.push_back(*sighting.gone);
    dialed_[remote.node.node][Index(lane)] = connection;
  }
  SayWhoIsGone();
  if (lane == env::Lane::kLiveness) hooks_.events->OnConnected(remote.node, remote.has_record);
  return Status::Ok();
}

void PeerLinks::OnLaneDown(NodeId node, env::Lane lane) {
  const std::lock_guard lock(mutex_);
  if (const auto found = dialed_.find(node); found != dialed_.end()) {
    found->second[Index(lane)] = nullptr;
  }
}

void PeerLinks::OnLaneRefused(NodeId node) {
  {
    const std::lock_guard lock(mutex_);
    if (const auto gone = ledger_.Refused(node)) gone_.push_back(*gone);
  }
  SayWhoIsGone();
}

void PeerLinks::SayWhoIsGone() {
  std::vector<env::PeerIdentity> gone;
  {
    const std::lock_guard lock(mutex_);
    gone.swap(gone_);
  }
  for (const env::PeerIdentity& peer : gone) hooks_.events->OnGone(peer);
}

}  // namespace ringfort::net

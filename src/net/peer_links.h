// The links between this node and its peers: env::Transport over TCP.
#pragma once

#include <array>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "env/transport.h"
#include "net/boot_ledger.h"
#include "net/connection_group.h"
#include "net/dial_ledger.h"
#include "net/event_loop.h"
#include "net/peer_lane.h"
#include "net/server.h"

namespace ringfort::net {

/// A message to a peer goes over the connection of its lane that this node dialed; messages from a
/// peer come over connections that it dialed, through the Listener. The control loop is the one
/// place that decides which of these counts (DialLedger), and the one that hands messages over:
/// what a replaced connection brought is dropped, also where it was read before.
///
/// A peer is gone (protocols 3) when its port refuses a connection after its process was seen, or
/// when another boot answers, or dials, in its place. A refusal beside a link that the peer was
/// heard on a moment ago is not this: something on the way refuses. A link that breaks is dialed
/// again at once, so the first takes as long as one round trip. Each boot is said to be gone once.
/// After OnGone for a directory that was replaced by a fresh one, OnConnected shows another
/// incarnation, whose boots count from 1.
///
/// Ends in this order: the Listener, PeerLinks, the loops.
class PeerLinks final : public env::Transport, public PeerGate, private PeerLaneOwner {
 public:
  struct Hooks {
    /// Asked at each handshake. Thread-safe.
    std::function<LocalIdentity()> identity;
    env::TransportEvents* events = nullptr;
    /// One line about a link that cannot be made; a lasting fault is said once. Thread-safe.
    std::function<void(const std::string& line)> on_event;
  };

  /// `seed` shifts the pauses between dials; nodes should differ in it. Outlived by `control_loop`.
  PeerLinks(EventLoop* control_loop, Hooks hooks, std::uint64_t seed);
  PeerLinks(const PeerLinks&) = delete;
  PeerLinks& operator=(const PeerLinks&) = delete;
  /// Shuts down.
  ~PeerLinks() override;

  /// Closes all links and returns when no event can come any more. Not on a loop. Again: nothing.
  void Shutdown();

  /// What an earlier process of this node has seen. Before anything else, on any thread.
  void Remember(const env::PeerIdentity& seen) { ledger_.Remember(seen); }

  void SetPeers(std::vector<env::PeerAddress> peers) override;
  bool Send(NodeId to, env::Lane lane, std::string message) override;
  bool SendOn(NodeId to, env::Lane lane, env::DialNumber dial, std::string message) override;
  void Redial(NodeId to, env::Lane lane) override;
  /// For the node's status, of each peer N: peer_N_dials, and how long ago something came on its
  /// lanes, peer_N_liveness_heard_ms_ago and peer_N_bulk_heard_ms_ago. Thread-safe.
  [[nodiscard]] std::vector<std::pair<std::string, std::uint64_t>> Counters() const;

  Result<Admission> Admit(const PeerHello& hello,
                          const std::shared_ptr<Connection>& connection) override;
  [[nodiscard]] EventLoop* control_loop() const override { return loop_; }
  void OnPeerMessage(const PeerHello& from, Admission admission, std::string_view message) override;
  void OnPeerClosed(const PeerHello& from, Admission admission) override;

 private:
  static constexpr std::size_t kLanes = 2;
  struct Peer {
    std::string address;
    std::array<std::shared_ptr<PeerLane>, kLanes> lanes;
  };
  struct Link {
    std::shared_ptr<Connection> connection;
    env::DialNumber dial;
  };
  using Links = std::array<Link, kLanes>;

  [[nodiscard]] LocalIdentity Local() const override { return hooks_.identity(); }
  [[nodiscard]] env::DialNumber NextDial(NodeId node) override;
  Status OnLaneUp(env::Lane lane, const PeerDial& dial) override;
  void OnLaneDown(NodeId node, env::Lane lane) override;
  void OnLaneRefused(NodeId node) override;
  void OnLaneOldCopy(NodeId node, const std::string& why) override {
    hooks_.events->OnOldCopy(node, why);
  }
  void OnLaneEvent(const std::string& line) override { hooks_.on_event(line); }
  static void StopLanes(const Peer& peer);
  void HurryLanes(NodeId node);
  /// The peer said who it is. Not ok: an old copy of a directory. Says who is gone.
  Status See(const env::PeerIdentity& peer, const env::Lineage& lineage);
  /// No connection: there is none.
  [[nodiscard]] Link LinkTo(NodeId node, env::Lane lane);

  EventLoop* const loop_;
  const Hooks hooks_;
  ConnectionGroup group_;

  // Of the control loop.
  Random random_;
  std::map<NodeId, Peer> peers_;
  bool stopped_ = false;
  env::DialNumber last_dial_;
  BootLedger ledger_;
  /// The newest that each peer dialed.
  std::map<std::pair<NodeId, env::Lane>, std::weak_ptr<Connection>> accepted_;

  mutable std::mutex mutex_;
  // With mutex_.
  /// Changed on the control loop alone.
  DialLedger dials_;
  std::map<NodeId, std::uint64_t> dial_counts_;
  /// Those that we dialed and that are up; null where none is.
  std::unordered_map<NodeId, Links> dialed_;
};

}  // namespace ringfort::net

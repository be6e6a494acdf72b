// The door to the other nodes: messages between pairs of nodes, which may be lost, but arrive in
// order, once and unharmed while one connection lasts.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "ringfort/status.h"

namespace ringfort::env {

/// Two connections to each peer, so that a heartbeat never waits behind a large message.
enum class Lane : std::uint8_t { kLiveness = 0, kBulk = 1 };

/// Which connection of a lane it is: grows from dial to dial while the dialer's process lives. 0 is
/// none.
using DialNumber = StrongNumber<struct DialTag, std::uint64_t>;

/// One start of a process from a data directory.
struct Life {
  BootNumber boot;
  /// Drawn at random, so that two starts from one state of a directory are told apart. 0: its
  /// release draws none.
  std::uint64_t nonce = 0;

  bool operator==(const Life&) const = default;
};

/// The newest starts from one directory, oldest first.
using Lineage = std::vector<Life>;

/// Who a process is, as its hello shows.
struct PeerIdentity {
  NodeId node;
  Incarnation incarnation;
  BootNumber boot;
  /// The newest feature level that its program knows (src/features).
  FeatureLevel knows = {};
  /// See Life.
  std::uint64_t nonce = 0;

  [[nodiscard]] Life life() const { return {boot, nonce}; }
  bool operator==(const PeerIdentity&) const = default;
};

struct PeerAddress {
  NodeId node;
  /// HOST:PORT
  std::string address;
};

/// What the transport tells its owner. All calls come on the node's control loop (its first).
class TransportEvents {
 public:
  virtual ~TransportEvents() = default;
  /// The link to the peer is up and both hellos were exchanged; `has_record` is whether the peer
  /// said that it holds a creation record. Called again for each new connection of the liveness
  /// lane.
  virtual void OnConnected(const PeerIdentity& peer, bool has_record) = 0;
  /// From now on what is sent to the peer on the lane travels on connection `dial`, which begins
  /// empty: of what was sent before, some last part is lost. Comes before OnConnected for the same
  /// connection.
  virtual void OnLinked(const PeerIdentity& peer, Lane lane, DialNumber dial) = 0;
  /// A whole message. `from` is what the hello of the connection that carried it showed.
  virtual void OnMessage(const PeerIdentity& from, Lane lane, std::string_view message) = 0;
  /// The peer's process is gone: another answered, or its port refused a connection, after one had
  /// been up, and nothing was heard of it a moment before. A reset alone is not this.
  virtual void OnGone(const PeerIdentity& gone) = 0;
  /// A peer refuses this node: it has seen a start of this directory that this one does not descend
  /// from. `why` is what it says, in one line.
  virtual void OnOldCopy(NodeId by, const std::string& why) = 0;
};

/// Links to all peers, kept up by dialing again with a growing, bounded pause, and by replacing
/// connections on which nothing moves.
class Transport {
 public:
  virtual ~Transport() = default;
  /// Sets whom to keep a link to. Control loop only.
  virtual void SetPeers(std::vector<PeerAddress> peers) = 0;
  /// Queues a message. Best effort: dropped when there is no link, or when more than a bounded
  /// number of bytes waits on it; false then. Thread-safe.
  virtual bool Send(NodeId to, Lane lane, std::string message) = 0;
  /// The same for who must know of a new connection before its first message is on it: false, and
  /// nothing is sent, when another connection than `dial` carries the lane. Thread-safe.
  virtual bool SendOn(NodeId to, Lane lane, DialNumber dial, std::string message) = 0;
  /// The owner has heard nothing in answer for so long that the lane's connection may be dead: a
  /// fresh one is dialed beside it and takes its place once the peer has answered there. Nothing
  /// happens when that is under way, when no connection is up, or when the one that is was made
  /// within the last second. Control loop only.
  virtual void Redial(NodeId to, Lane lane) = 0;
};

}  // namespace ringfort::env

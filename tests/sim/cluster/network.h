// The simulated network between nodes: per ordered pair and lane one connection that its sender
// dials, as src/net makes them. Messages arrive in order while it lasts; a cut holds them back in
// silence; a break loses what is under way.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/random.h"
#include "env/transport.h"
#include "net/boot_ledger.h"
#include "tests/sim/cluster/events.h"

namespace ringfort::sim {

class Network {
 public:
  /// A running process at its address.
  struct Station {
    env::PeerIdentity self;
    const Process* process = nullptr;
    env::TransportEvents* events = nullptr;
    std::function<bool()> has_record;
  };
  /// Sees every message that is sent, before it can be lost.
  using Sniffer = std::function<void(NodeId from, std::string_view message)>;

  Network(Events* events, Random random, Sniffer sniffer);

  /// The process listens.
  void Attach(Station station);
  /// Its process died: its port refuses, its connections are reset.
  void Detach(NodeId node);
  /// The process wants links to these.
  void SetPeers(NodeId from, const std::vector<env::PeerAddress>& peers);
  bool Send(NodeId from, NodeId to, env::Lane lane, std::string message);

  // Faults. Ends are nodes and clients alike, by number.
  void Cut(std::uint32_t from, std::uint32_t to);
  void Mend(std::uint32_t from, std::uint32_t to);
  void MendAll();
  [[nodiscard]] bool IsCut(std::uint32_t from, std::uint32_t to) const {
    return cuts_.contains({from, to});
  }
  /// Everything from the one to the other takes so much longer.
  void Lag(NodeId from, NodeId to, env::Lane lane, Duration more);
  /// The connection is reset.
  void Break(NodeId from, NodeId to, env::Lane lane);

 private:
  struct Wire {
    NodeId from;
    NodeId to;
    env::Lane lane;
    /// Counts connections; what belongs to an older one is lost.
    std::uint64_t connection = 0;
    bool open = false;
    bool dialing = false;
    /// The dialer as it showed itself, and the boot that it reached.
    env::PeerIdentity dialer;
    BootNumber reached;
    MonotonicTime last_arrival = kNever;
    Duration lag{0};
    /// Behind a cut, in order.
    std::deque<std::string> held;
  };
  struct Port {
    Station station;
    net::BootLedger ledger;
    std::set<NodeId> wants;
  };

  Wire& WireOf(NodeId from, NodeId to, env::Lane lane);
  Port* FindPort(NodeId node);
  [[nodiscard]] bool Reaches(NodeId from, NodeId to) const {
    return !IsCut(from.value(), to.value()) && !IsCut(to.value(), from.value());
  }
  void DialSoon(Wire* wire, Duration wait);
  void Dial(Wire* wire);
  void Connect(Wire* wire, Port* from, Port* to);
  void Tell(Port* port, const char* what, std::function<void(env::TransportEvents&)> call);
  void Carry(Wire* wire, std::string message);
  void Arrive(Wire* wire, std::uint64_t connection, const std::string& message);
  /// The dialer learns that its connection is no more.
  void Reset(Wire* wire, std::uint64_t connection);

  Events* const events_;
  Random random_;
  const Sniffer sniffer_;
  std::map<NodeId, std::unique_ptr<Port>> ports_;
  std::map<std::pair<NodeId, NodeId>, std::array<Wire, 2>> wires_;
  std::set<std::pair<std::uint32_t, std::uint32_t>> cuts_;
};

/// One process's side of it.
class SimTransport final : public env::Transport {
 public:
  SimTransport(Network* network, NodeId self) : network_(network), self_(self) {}
  void SetPeers(std::vector<env::PeerAddress> peers) override { network_->SetPeers(self_, peers); }
  bool Send(NodeId to, env::Lane lane, std::string message) override {
    return network_->Send(self_, to, lane, std::move(message));
  }

 private:
  Network* const network_;
  const NodeId self_;
};

}  // namespace ringfort::sim

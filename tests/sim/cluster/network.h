// The simulated network between nodes: per ordered pair and lane one connection that its sender
// dials, as src/net makes them. Messages arrive in order while it lasts; a cut holds them back in
// silence; a break loses what is under way. A link that looks dead is dialed anew beside the
// connection before, which ends, with all that is under way on it, when the peer lets the new one
// in.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/random.h"
#include "env/transport.h"
#include "net/boot_ledger.h"
#include "net/dial_ledger.h"
#include "tests/sim/checkers/link_order.h"
#include "tests/sim/checkers/old_copies.h"
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
    /// Its starts from its directory, and what its directory remembers of its peers'.
    env::Lineage lineage;
    std::vector<env::PeerIdentity> seen;
  };
  /// Sees every message that is sent, before it can be lost.
  using Sniffer = std::function<void(NodeId from, std::string_view message)>;

  Network(Events* events, Random random, Sniffer sniffer, Complain complain);

  /// The process listens.
  void Attach(Station station);
  /// Its process died: its port refuses, its connections are reset.
  void Detach(NodeId node);
  /// The process wants links to these.
  void SetPeers(NodeId from, const std::vector<env::PeerAddress>& peers);
  /// With a dial: over that connection or none.
  bool Send(NodeId from, NodeId to, env::Lane lane, std::optional<env::DialNumber> dial,
            std::string message);
  /// The process doubts its connection.
  void Redial(NodeId from, NodeId to, env::Lane lane);

  /// What the checker of old copies needs to know.
  OldCopies& old_copies() { return old_copies_; }

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
  /// One connection, from its hello on.
  struct Call {
    env::DialNumber dial;
    /// The two processes, as they showed themselves.
    env::PeerIdentity dialer;
    env::PeerIdentity reached;
    /// The dialer's.
    env::Lineage lineage;
    /// 0: the hello was not let in.
    net::DialLedger::Admission admission = 0;
    MonotonicTime answered_at = kNever;
    MonotonicTime last_arrival = kNever;
    std::uint64_t sent = 0;
    /// It was reset: what is under way is lost.
    bool reset = false;
  };
  using CallPtr = std::shared_ptr<Call>;
  struct Wire {
    NodeId from;
    NodeId to;
    env::Lane lane;
    /// Carries what is sent; null: nothing does.
    CallPtr link;
    /// The newest whose hello was sent, until it is answered.
    CallPtr asked;
    /// The link looks dead.
    bool suspect = false;
    bool dialing = false;
    env::DialNumber last_dial;
    Duration lag{0};
    /// Behind a cut, in order.
    std::deque<std::string> held;
  };
  struct Port {
    Station station;
    net::BootLedger ledger;
    net::DialLedger dials;
    std::set<NodeId> wants;
  };

  Wire& WireOf(NodeId from, NodeId to, env::Lane lane);
  Port* FindPort(NodeId node);
  /// Null: another process runs there, or none.
  Port* FindProcess(const env::PeerIdentity& process);
  [[nodiscard]] bool Reaches(NodeId from, NodeId to) const {
    return !IsCut(from.value(), to.value()) && !IsCut(to.value(), from.value());
  }
  void DialSoon(Wire* wire, Duration wait);
  void Dial(Wire* wire);
  void Refused(Port* from, NodeId to);
  /// The peer's machine takes the connection; its process reads the hello when it runs.
  void Ask(Wire* wire, Port* from, Port* to);
  void OnHello(Wire* wire, const CallPtr& call);
  void OnAnswer(Wire* wire, const CallPtr& call);
  void Tell(Port* port, const char* what, std::function<void(env::TransportEvents&)> call);
  void Suspect(Wire* wire);
  /// TCP: nothing of what was sent is acknowledged.
  void SuspectIfStuck(Wire* wire);
  void Carry(Wire* wire, std::string message);
  void Arrive(Wire* wire, const CallPtr& call, std::uint64_t number, const std::string& message);
  /// The dialer learns that its connection is no more.
  void Reset(Wire* wire, const CallPtr& call);
  /// The connection ends on the dialer's side; the other side learns it soon.
  void End(Wire* wire);

  Events* const events_;
  Random random_;
  const Sniffer sniffer_;
  LinkOrder order_;
  OldCopies old_copies_;
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
    return network_->Send(self_, to, lane, std::nullopt, std::move(message));
  }
  bool SendOn(NodeId to, env::Lane lane, env::DialNumber dial, std::string message) override {
    return network_->Send(self_, to, lane, dial, std::move(message));
  }
  void Redial(NodeId to, env::Lane lane) override { network_->Redial(self_, to, lane); }

 private:
  Network* const network_;
  const NodeId self_;
};

}  // namespace ringfort::sim

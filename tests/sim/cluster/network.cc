#include "tests/sim/cluster/network.h"

#include <algorithm>
#include <utility>

#include "tests/sim/cluster/loops.h"

namespace ringfort::sim {

using namespace std::chrono_literals;  // NOLINT: durations

Network::Network(Events* events, Random random, Sniffer sniffer)
    : events_(events), random_(random), sniffer_(std::move(sniffer)) {}

Network::Wire& Network::WireOf(NodeId from, NodeId to, env::Lane lane) {
  auto [place, fresh] = wires_.try_emplace({from, to});
  if (fresh) {
    for (std::size_t i = 0; i < 2; ++i) {
      place->second[i].from = from;
      place->second[i].to = to;
      place->second[i].lane = static_cast<env::Lane>(i);
    }
  }
  return place->second[static_cast<std::size_t>(lane)];
}

Network::Port* Network::FindPort(NodeId node) {
  const auto found = ports_.find(node);
  return found == ports_.end() ? nullptr : found->second.get();
}

void Network::Attach(Station station) {
  auto port = std::make_unique<Port>();
  port->station = std::move(station);
  const NodeId node = port->station.self.node;
  ports_[node] = std::move(port);
}

void Network::Detach(NodeId node) {
  ports_.erase(node);
  for (auto& [pair, lanes] : wires_) {
    for (Wire& wire : lanes) {
      if (wire.from == node) {
        wire.open = false;
        // The kernel still delivers what was written, or resets and loses it.
        if (random_.OneIn(2)) {
          ++wire.connection;
          wire.held.clear();
        }
      } else if (wire.to == node && wire.open) {
        wire.held.clear();
        events_->After(
            Between(random_, 50us, 3ms), nullptr, "reset",
            [this, wire = &wire, connection = wire.connection] { Reset(wire, connection); });
      }
    }
  }
}

void Network::SetPeers(NodeId from, const std::vector<env::PeerAddress>& peers) {
  Port* port = FindPort(from);
  const std::set<NodeId> before = std::exchange(port->wants, {});
  for (const env::PeerAddress& peer : peers) {
    port->wants.insert(peer.node);
    if (before.contains(peer.node)) continue;
    for (const env::Lane lane : {env::Lane::kLiveness, env::Lane::kBulk}) {
      DialSoon(&WireOf(from, peer.node, lane), Between(random_, 0us, 2ms));
    }
  }
}

void Network::DialSoon(Wire* wire, Duration wait) {
  if (wire->dialing) return;
  wire->dialing = true;
  events_->After(wait, nullptr, "dial", [this, wire] {
    wire->dialing = false;
    Dial(wire);
  });
}

void Network::Dial(Wire* wire) {
  Port* from = FindPort(wire->from);
  if (from == nullptr || wire->open || !from->wants.contains(wire->to)) return;
  Port* to = FindPort(wire->to);
  const bool answers = Reaches(wire->from, wire->to);
  const bool runs = from->station.process->frozen_until <= events_->now();
  if (answers && runs && to == nullptr) {
    if (const auto gone = from->ledger.Refused(wire->to)) {
      Tell(from, "refused", [gone = *gone](env::TransportEvents& events) { events.OnGone(gone); });
    }
  }
  if (answers && runs && to != nullptr && to->station.process->frozen_until <= events_->now()) {
    Connect(wire, from, to);
    return;
  }
  DialSoon(wire, Between(random_, 2ms, 60ms));
}

void Network::Connect(Wire* wire, Port* from, Port* to) {
  ++wire->connection;
  wire->open = true;
  wire->held.clear();
  wire->dialer = from->station.self;
  wire->reached = to->station.self.boot;
  const Station& reached = to->station;
  if (const auto sighting = to->ledger.See(wire->dialer); sighting.gone) {
    Tell(to, "gone",
         [gone = *sighting.gone](env::TransportEvents& events) { events.OnGone(gone); });
  }
  if (const auto sighting = from->ledger.See(reached.self); sighting.gone) {
    Tell(from, "gone",
         [gone = *sighting.gone](env::TransportEvents& events) { events.OnGone(gone); });
  }
  if (wire->lane != env::Lane::kLiveness) return;
  Tell(from, "connected",
       [peer = reached.self, has_record = reached.has_record()](env::TransportEvents& events) {
         events.OnConnected(peer, has_record);
       });
}

void Network::Tell(Port* port, const char* what, std::function<void(env::TransportEvents&)> call) {
  events_->At(events_->now(), port->station.process, what,
              [events = port->station.events, call = std::move(call)] { call(*events); });
}

bool Network::Send(NodeId from, NodeId to, env::Lane lane, std::string message) {
  sniffer_(from, message);
  Wire& wire = WireOf(from, to, lane);
  if (!wire.open) return false;
  events_->trace.Note(events_->now(), from.value(), "send", message);
  if (IsCut(from.value(), to.value()) || !wire.held.empty()) {
    wire.held.push_back(std::move(message));
  } else {
    Carry(&wire, std::move(message));
  }
  return true;
}

void Network::Carry(Wire* wire, std::string message) {
  Duration wait = wire->lane == env::Lane::kLiveness ? Between(random_, 50us, 500us)
                                                     : Between(random_, 50us, 2ms);
  if (random_.OneIn(200)) wait = Between(random_, 1ms, 40ms);
  wire->last_arrival = std::max(wire->last_arrival, events_->now() + wait + wire->lag);
  const Port* to = FindPort(wire->to);
  if (to == nullptr) return;
  events_->At(wire->last_arrival, to->station.process, "arrive",
              [this, wire, connection = wire->connection, message = std::move(message)] {
                Arrive(wire, connection, message);
              });
}

void Network::Arrive(Wire* wire, std::uint64_t connection, const std::string& message) {
  Port* to = FindPort(wire->to);
  if (wire->connection != connection || to->station.self.boot != wire->reached) return;
  to->station.events->OnMessage(wire->dialer, wire->lane, message);
}

void Network::Reset(Wire* wire, std::uint64_t connection) {
  if (wire->connection != connection || !wire->open) return;
  if (!Reaches(wire->from, wire->to)) {
    events_->After(20ms, nullptr, "reset", [this, wire, connection] { Reset(wire, connection); });
    return;
  }
  wire->open = false;
  DialSoon(wire, Between(random_, 0us, 5ms));
}

void Network::Break(NodeId from, NodeId to, env::Lane lane) {
  Wire& wire = WireOf(from, to, lane);
  if (!wire.open) return;
  ++wire.connection;
  wire.open = false;
  wire.held.clear();
  DialSoon(&wire, Between(random_, 0us, 20ms));
}

void Network::Lag(NodeId from, NodeId to, env::Lane lane, Duration more) {
  WireOf(from, to, lane).lag = more;
}

void Network::Cut(std::uint32_t from, std::uint32_t to) {
  cuts_.emplace(from, to);
}

void Network::Mend(std::uint32_t from, std::uint32_t to) {
  cuts_.erase({from, to});
  const auto found = wires_.find({NodeId(from), NodeId(to)});
  if (found == wires_.end()) return;
  for (Wire& wire : found->second) {
    if (wire.open && random_.OneIn(2)) {
      Break(wire.from, wire.to, wire.lane);
      continue;
    }
    std::deque<std::string> held = std::move(wire.held);
    wire.held.clear();
    for (std::string& message : held) Carry(&wire, std::move(message));
  }
}

void Network::MendAll() {
  const auto cuts = cuts_;
  for (const auto& [from, to] : cuts) Mend(from, to);
  for (auto& [pair, lanes] : wires_) {
    for (Wire& wire : lanes) wire.lag = Duration(0);
  }
}

}  // namespace ringfort::sim

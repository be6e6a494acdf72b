#include "tests/sim/cluster/network.h"

#include <algorithm>
#include <utility>

#include "tests/sim/cluster/loops.h"

namespace ringfort::sim {

using namespace std::chrono_literals;  // NOLINT: durations

namespace {

// As in src/net: how long a SYN is waited for, when one more is dialed beside a connection to a
// process that does not answer, when TCP counts as stuck, and how lately a peer must have been
// heard that a refusal is not believed.
constexpr Duration kSynMax = 250ms;
constexpr Duration kOneMoreAfter = 1s;
constexpr Duration kStuckAfter = 300ms;
constexpr Duration kHeardMoment = 200ms;

}  // namespace

Network::Network(Events* events, Random random, Sniffer sniffer, Complain complain)
    : events_(events),
      random_(random),
      sniffer_(std::move(sniffer)),
      order_(complain),
      old_copies_(std::move(complain)) {}

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

Network::Port* Network::FindProcess(const env::PeerIdentity& process) {
  Port* port = FindPort(process.node);
  return port != nullptr && port->station.self == process ? port : nullptr;
}

void Network::Attach(Station station) {
  auto port = std::make_unique<Port>();
  port->station = std::move(station);
  for (const env::PeerIdentity& seen : port->station.seen) port->ledger.Remember(seen);
  old_copies_.OnStarted(port->station.self);
  const NodeId node = port->station.self.node;
  ports_[node] = std::move(port);
}

void Network::Detach(NodeId node) {
  ports_.erase(node);
  for (auto& [pair, lanes] : wires_) {
    for (Wire& wire : lanes) {
      if (wire.from == node) {
        // The kernel still delivers what was written, or resets and loses it.
        if (wire.link != nullptr && random_.OneIn(2)) wire.link->reset = true;
        End(&wire);
      } else if (wire.to == node && wire.link != nullptr) {
        wire.held.clear();
        events_->After(Between(random_, 50us, 3ms), nullptr, "reset",
                       [this, wire = &wire, call = wire.link] { Reset(wire, call); });
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
  for (const NodeId node : before) {
    if (port->wants.contains(node)) continue;
    for (const env::Lane lane : {env::Lane::kLiveness, env::Lane::kBulk}) {
      End(&WireOf(from, node, lane));
    }
  }
}

void Network::End(Wire* wire) {
  const CallPtr call = std::exchange(wire->link, nullptr);
  wire->asked = nullptr;
  wire->suspect = false;
  wire->held.clear();
  if (call == nullptr) return;
  events_->After(Between(random_, 50us, 3ms), nullptr, "end", [this, wire, call] {
    Port* to = FindProcess(call->reached);
    if (to == nullptr || !Reaches(wire->from, wire->to)) return;
    to->dials.End(wire->from, wire->lane, call->admission);
  });
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
  if (from == nullptr || !from->wants.contains(wire->to)) return;
  if (wire->link != nullptr && !wire->suspect) return;
  Port* to = FindPort(wire->to);
  const bool answers = Reaches(wire->from, wire->to);
  const bool runs = from->station.process->frozen_until <= events_->now();
  // Something on the way may refuse, too.
  if (runs && (answers ? to == nullptr : random_.OneIn(50))) Refused(from, wire->to);
  if (answers && runs && to != nullptr) {
    Ask(wire, from, to);
    DialSoon(wire, kOneMoreAfter);
    return;
  }
  DialSoon(wire, Between(random_, 2ms, answers ? Duration(60ms) : kSynMax));
}

void Network::Refused(Port* from, NodeId to) {
  if (from->dials.HeardSince(to, events_->now() - kHeardMoment)) return;
  if (const auto gone = from->ledger.Refused(to)) {
    Tell(from, "refused", [gone = *gone](env::TransportEvents& events) { events.OnGone(gone); });
  }
}

void Network::Ask(Wire* wire, Port* from, Port* to) {
  const auto call = std::make_shared<Call>();
  call->dial = ++wire->last_dial;
  call->dialer = from->station.self;
  call->lineage = from->station.lineage;
  call->reached = to->station.self;
  wire->asked = call;
  Duration wait = Between(random_, 50us, 2ms) + wire->lag;
  // Now and then another loop, which is slow, has the connection.
  if (random_.OneIn(20)) wait += Between(random_, 0ms, 1500ms);
  events_->After(wait, to->station.process, "hello", [this, wire, call] { OnHello(wire, call); });
}

void Network::OnHello(Wire* wire, const CallPtr& call) {
  Port* to = FindProcess(call->reached);
  if (call->reset) return;
  const auto sighting = to->ledger.See(call->dialer, call->lineage);
  Port* from = FindProcess(call->dialer);
  if (sighting.outdated) {
    if (from == nullptr || !Reaches(wire->from, wire->to)) return;
    Tell(from, "old copy", [by = wire->to](env::TransportEvents& events) {
      events.OnOldCopy(by, "it has seen a later start");
    });
    return;
  }
  if (sighting.gone) {
    Tell(to, "gone",
         [gone = *sighting.gone](env::TransportEvents& events) { events.OnGone(gone); });
  }
  for (const env::Lane lane : to->dials.Supersede(call->dialer)) {
    Wire* const other = &WireOf(wire->from, wire->to, lane);
    if (other->asked != nullptr) other->asked->reset = other->asked != call;
    if (other->link == nullptr) continue;
    events_->After(Between(random_, 50us, 3ms), nullptr, "reset",
                   [this, other, closed = other->link] { Reset(other, closed); });
  }
  const auto admission = to->dials.Admit(call->dialer, wire->lane, call->dial);
  if (!admission) return;
  call->admission = *admission;
  old_copies_.OnLinked(call->dialer, wire->to);
  order_.OnAdmitted({call->dialer, call->reached, wire->lane}, call->dial);
  if (from == nullptr || !Reaches(wire->from, wire->to)) return;
  events_->After(Between(random_, 50us, 2ms), from->station.process, "answer",
                 [this, wire, call] { OnAnswer(wire, call); });
}

void Network::OnAnswer(Wire* wire, const CallPtr& call) {
  Port* to = FindProcess(call->reached);
  if (wire->asked != call || to == nullptr) return;
  Port* from = FindPort(wire->from);
  const auto sighting = from->ledger.See(call->reached, to->station.lineage);
  if (sighting.outdated) return;
  wire->asked = nullptr;
  if (call->reset) return DialSoon(wire, Between(random_, 0us, 5ms));
  old_copies_.OnLinked(call->reached, wire->from);
  wire->link = call;
  wire->suspect = false;
  wire->held.clear();
  call->answered_at = events_->now();
  from->dials.Supersede(call->reached);
  env::TransportEvents* const events = from->station.events;
  const bool has_record = to->station.has_record();
  if (sighting.gone) events->OnGone(*sighting.gone);
  events->OnLinked(call->reached, wire->lane, call->dial);
  if (wire->lane == env::Lane::kLiveness) events->OnConnected(call->reached, has_record);
}

void Network::Tell(Port* port, const char* what, std::function<void(env::TransportEvents&)> call) {
  events_->At(events_->now(), port->station.process, what,
              [events = port->station.events, call = std::move(call)] { call(*events); });
}

void Network::Redial(NodeId from, NodeId to, env::Lane lane) {
  Wire& wire = WireOf(from, to, lane);
  if (wire.link == nullptr || events_->now() - wire.link->answered_at < kOneMoreAfter) return;
  Suspect(&wire);
}

void Network::Suspect(Wire* wire) {
  if (wire->suspect) return;
  wire->suspect = true;
  DialSoon(wire, Between(random_, 0us, 2ms));
}

void Network::SuspectIfStuck(Wire* wire) {
  events_->After(kStuckAfter + Between(random_, 0ms, 100ms), nullptr, "stuck",
                 [this, wire, call = wire->link] {
                   if (wire->link == call && !Reaches(wire->from, wire->to)) Suspect(wire);
                 });
}

bool Network::Send(NodeId from, NodeId to, env::Lane lane, std::optional<env::DialNumber> dial,
                   std::string message) {
  sniffer_(from, message);
  Wire& wire = WireOf(from, to, lane);
  if (wire.link == nullptr || (dial && wire.link->dial != *dial)) return false;
  events_->trace.Note(events_->now(), from.value(), "send", message);
  if (!wire.suspect && !Reaches(from, to)) SuspectIfStuck(&wire);
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
  const CallPtr& call = wire->link;
  call->last_arrival = std::max(call->last_arrival, events_->now() + wait + wire->lag);
  const std::uint64_t number = ++call->sent;
  const Port* to = FindProcess(call->reached);
  if (to == nullptr) return;
  events_->At(call->last_arrival, to->station.process, "arrive",
              [this, wire, call, number, message = std::move(message)] {
                Arrive(wire, call, number, message);
              });
}

void Network::Arrive(Wire* wire, const CallPtr& call, std::uint64_t number,
                     const std::string& message) {
  Port* to = FindProcess(call->reached);
  if (call->reset) return;
  if (!to->dials.Hear(wire->from, wire->lane, call->admission, events_->now())) return;
  order_.OnDelivered({call->dialer, call->reached, wire->lane}, call->dial, number);
  to->station.events->OnMessage(call->dialer, wire->lane, message);
}

void Network::Reset(Wire* wire, const CallPtr& call) {
  if (wire->link != call) return;
  if (!Reaches(wire->from, wire->to)) {
    events_->After(20ms, nullptr, "reset", [this, wire, call] { Reset(wire, call); });
    return;
  }
  End(wire);
  DialSoon(wire, Between(random_, 0us, 5ms));
}

void Network::Break(NodeId from, NodeId to, env::Lane lane) {
  Wire& wire = WireOf(from, to, lane);
  if (wire.link == nullptr) return;
  wire.link->reset = true;
  End(&wire);
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
    if (wire.link == nullptr) continue;
    if (random_.OneIn(2)) {
      Break(wire.from, wire.to, wire.lane);
      continue;
    }
    if (wire.held.empty()) continue;
    // TCP sends again after a pause, in which a fresh connection may be quicker.
    Call& call = *wire.link;
    call.last_arrival = std::max(call.last_arrival, events_->now() + Between(random_, 0ms, 400ms));
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

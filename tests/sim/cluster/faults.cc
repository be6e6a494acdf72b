#include "tests/sim/cluster/faults.h"

#include <utility>

#include "tests/sim/cluster/loops.h"

namespace ringfort::sim {

using namespace std::chrono_literals;  // NOLINT: durations

Faults::Faults(Events* events, Network* network, std::vector<std::unique_ptr<SimulatedNode>>* nodes,
               std::vector<std::uint32_t> ends, Random random)
    : events_(events),
      network_(network),
      nodes_(nodes),
      ends_(std::move(ends)),
      random_(random),
      pause_max_(Between(random_, 300ms, 3s)) {}

void Faults::Start() {
  Next();
}

void Faults::Next() {
  // Often one follows on the heels of another.
  const Duration wait =
      random_.OneIn(4) ? Between(random_, 0ms, 60ms) : Between(random_, 0ms, pause_max_);
  events_->After(wait, nullptr, "fault", [this] {
    if (healed_) return;
    Something();
    Next();
  });
}

void Faults::Something() {
  switch (random_.Below(12)) {
    case 0:
    case 1:
    case 2: return Kill();
    case 3:
    case 4: return Any().Freeze(Between(random_, 5ms, random_.OneIn(2) ? 300ms : 2s));
    case 5:
    case 6: return Cut();
    case 7: return Isolate();
    case 8: return Break();
    case 9:
    case 10: return Betray();
    default: return SlowDisk();
  }
}

void Faults::Kill() {
  SimulatedNode& node = Any();
  if (!node.running()) return;
  static constexpr Unsynced kFates[] = {Unsynced::kLost, Unsynced::kLost, Unsynced::kKept,
                                        Unsynced::kKept, Unsynced::kTorn};
  node.Kill(kFates[random_.Below(std::size(kFates))]);
  // Now and then it is back before anybody has noticed.
  const Duration wait = random_.OneIn(2) ? Between(random_, 1ms, 60ms) : Between(random_, 60ms, 3s);
  events_->After(wait, nullptr, "start", [this, &node] {
    if (!healed_ && !node.running()) node.Start();
  });
}

void Faults::Cut() {
  const std::uint32_t from = ends_[random_.Below(ends_.size())];
  const std::uint32_t to = ends_[random_.Below(ends_.size())];
  const bool both = random_.OneIn(2);
  events_->trace.Say(events_->now(), from, [&] {
    return "is cut off from " + std::to_string(to) + (both ? " both ways" : " one way");
  });
  network_->Cut(from, to);
  if (both) network_->Cut(to, from);
  events_->After(Between(random_, 20ms, 2500ms), nullptr, "mend", [this, from, to] {
    network_->Mend(from, to);
    network_->Mend(to, from);
  });
}

void Faults::Isolate() {
  const std::uint32_t node = Any().id().value();
  const bool hears = random_.OneIn(3);
  events_->trace.Say(events_->now(), node,
                     [&] { return hears ? "can only hear" : "is cut off from all nodes"; });
  for (const auto& other : *nodes_) {
    network_->Cut(node, other->id().value());
    if (!hears) network_->Cut(other->id().value(), node);
  }
  events_->After(Between(random_, 20ms, 2500ms), nullptr, "mend", [this, node] {
    for (const auto& other : *nodes_) {
      network_->Mend(node, other->id().value());
      network_->Mend(other->id().value(), node);
    }
  });
}

void Faults::Break() {
  const NodeId from = Any().id();
  for (const auto& other : *nodes_) {
    if (random_.OneIn(2)) network_->Break(from, other->id(), env::Lane::kLiveness);
    if (random_.OneIn(2)) network_->Break(from, other->id(), env::Lane::kBulk);
  }
}

void Faults::SlowDisk() {
  SimulatedNode& node = Any();
  const Duration most = random_.OneIn(3) ? Duration(1500ms) : Duration(100ms);
  events_->trace.Say(events_->now(), node.id().value(), [] { return "has a slow disk"; });
  node.SetDisk(most / 10, most);
  events_->After(Between(random_, 100ms, 3s), nullptr, "disk is well",
                 [&node] { node.SetDisk(100us, 2ms); });
}

void Faults::Betray() {
  if (nodes_->size() < 3) return;
  const std::size_t first = random_.Below(nodes_->size());
  const auto node = [&](std::size_t i) { return (*nodes_)[(first + i) % nodes_->size()].get(); };
  const std::uint32_t primary = node(0)->id().value();
  SimulatedNode* voter = node(1);
  std::vector<std::uint32_t> apart;
  for (std::size_t i = 2; i < nodes_->size(); ++i) apart.push_back(node(i)->id().value());
  for (const std::uint32_t end : ends_) {
    if (end > nodes_->size() && end % 2 == 0) apart.push_back(end);
  }
  const auto cut = [this, primary](std::uint32_t end) {
    network_->Cut(primary, end);
    network_->Cut(end, primary);
  };
  events_->trace.Say(events_->now(), primary, [] { return "is to be betrayed"; });
  for (const std::uint32_t end : apart) cut(end);
  const Duration until_betrayed = Between(random_, 600ms, 1500ms);
  events_->After(until_betrayed, nullptr, "betray", [this, voter, cut] {
    if (healed_ || !voter->running()) return;
    voter->Kill(Unsynced::kKept);
    cut(voter->id().value());
    events_->After(Between(random_, 1ms, 30ms), nullptr, "start", [this, voter] {
      if (!healed_ && !voter->running()) voter->Start();
    });
  });
  apart.push_back(voter->id().value());
  events_->After(until_betrayed + 500ms, nullptr, "mend", [this, primary, apart] {
    for (const std::uint32_t end : apart) {
      network_->Mend(primary, end);
      network_->Mend(end, primary);
    }
  });
}

void Faults::Heal() {
  healed_ = true;
  events_->trace.Say(events_->now(), 0, [] { return "everything is repaired"; });
  network_->MendAll();
  for (const auto& node : *nodes_) {
    node->SetDisk(100us, 2ms);
    if (!node->running()) node->Start();
  }
}

}  // namespace ringfort::sim

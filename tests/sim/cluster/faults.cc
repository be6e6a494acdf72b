#include "tests/sim/cluster/faults.h"

#include <algorithm>
#include <iterator>
#include <set>
#include <utility>

#include "raft/quorum.h"
#include "tests/sim/cluster/loops.h"

namespace ringfort::sim {

using namespace std::chrono_literals;  // NOLINT: durations

Faults::Faults(Events* events, Network* network, std::vector<std::unique_ptr<SimulatedNode>>* nodes,
               std::vector<std::uint32_t> ends, std::function<bool()> whole,
               std::optional<Duration> repair_after, Random random)
    : events_(events),
      network_(network),
      nodes_(nodes),
      ends_(std::move(ends)),
      random_(random),
      wall_random_(Random(random).Fork()),
      damage_random_(wall_random_.Fork()),
      copy_random_(damage_random_.Fork()),
      betray_random_(Random(wall_random_).Next()),
      damages_(!copy_random_.OneIn(3)),
      pause_max_(Between(random_, 300ms, 3s)),
      whole_(std::move(whole)),
      wipes_(nodes->size() >= 3 && random_.OneIn(3)),
      repair_after_(repair_after) {}

void Faults::Start() {
  Next();
  NextJump();
  if (damages_) {
    if (nodes_->size() >= 3) NextDamage();
    return;
  }
  NextAbsence();
  if (wipes_) NextOldCopy();
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

void Faults::NextJump() {
  events_->After(Between(wall_random_, 0ms, 5s), nullptr, "wall clock", [this] {
    if (healed_) return;
    // By what a daemon mends, by what an hour of summer is, and by what an empty battery makes.
    static constexpr Duration kMost[] = {2s, 1h, std::chrono::days(400)};
    const Duration most = kMost[wall_random_.Below(std::size(kMost))];
    (*nodes_)[wall_random_.Below(nodes_->size())]->JumpWall(Between(wall_random_, -most, most));
    NextJump();
  });
}

void Faults::NextDamage() {
  events_->After(Between(damage_random_, 1s, 15s), nullptr, "damage", [this] {
    if (healed_) return;
    if (!wipes_ || damage_random_.OneIn(2)) {
      DamageKnown();
    } else if (whole_() && !HasDamage()) {
      // What nobody knows of, one copy at a time: its log may be cut before anybody does.
      (*nodes_)[damage_random_.Below(nodes_->size())]->DamageData();
    }
    NextDamage();
  });
}

// Several at once, also while others lag, are away or are being made.
void Faults::DamageKnown() {
  const bool unknown = std::ranges::any_of(*nodes_, &SimulatedNode::has_unknown_damage);
  if (unknown) return;
  for (std::uint64_t left = 1 + damage_random_.Below(4); left > 0; --left) {
    SimulatedNode& node = *(*nodes_)[damage_random_.Below(nodes_->size())];
    const std::vector<storage::ShardStore::Name> names = node.shards().List();
    if (names.empty()) continue;
    const ShardId shard = names[damage_random_.Below(names.size())].shard;
    if (HasWholeWithout(node, shard)) node.DamageDataKnown(shard, damage_random_.OneIn(3));
  }
}

// Whether the shard has a voter on another node whose data are whole, and whose log the others'
// reach: then nothing is lost, whoever has the newest entries. A voter by all logs: one that was
// removed may not know it yet.
bool Faults::HasWholeWithout(const SimulatedNode& without, ShardId shard) const {
  return std::ranges::any_of(*nodes_, [&](const auto& node) {
    if (node.get() == &without || node->IsDamaged(shard)) return false;
    const MemoryLogStore& log = node->log();
    const auto state = log.SyncedHardState(shard);
    if (!state || log.WrittenGeneration(shard) == storage::Generation()) return false;
    return std::ranges::all_of(*nodes_, [&](const auto& other) {
      if (other->log().WrittenGeneration(shard) == storage::Generation()) return true;
      const auto members = other->log().WrittenMembers(shard, LogIndex(UINT64_MAX));
      return raft::IsVoter(members.back(), state->self) &&
             log.HasSynced(shard, other->log().WrittenBase(shard)->index);
    });
  });
}

void Faults::NextOldCopy() {
  events_->After(Between(copy_random_, 1s, 10s), nullptr, "old copy", [this] {
    if (healed_) return;
    SimulatedNode* const node = (*nodes_)[copy_random_.Below(nodes_->size())].get();
    const bool all_know = std::ranges::all_of(*nodes_, [node](const auto& other) {
      return other.get() == node || other->waits_to_join() ||
             other->Remembers(node->newest_start());
    });
    if (whole_() && !HasDamage() && all_know) PutBack(node);
    NextOldCopy();
  });
}

void Faults::PutBack(SimulatedNode* node) {
  std::set<NodeId> known_by;
  for (const auto& other : *nodes_) {
    if (other.get() != node && other->Remembers(node->newest_start())) known_by.insert(other->id());
  }
  if (!node->PutBackCopy(std::move(known_by))) return;
  Start(node, Between(copy_random_, 1ms, 500ms));
  // It is started now and then, also by who does not read what it says: in the end more often than
  // the start that was seen.
  for (std::uint64_t left = copy_random_.Below(8); left > 0; --left) {
    events_->After(Between(copy_random_, 500ms, 2s), nullptr, "again", [this, node] {
      if (healed_ || !node->running()) return;
      node->Kill(Unsynced::kKept);
      Start(node, Between(copy_random_, 1ms, 20ms));
    });
  }
  // Who has seen that start may have been started anew since: what counts is what it stored.
  if (copy_random_.OneIn(2)) {
    for (const auto& other : *nodes_) {
      if (other.get() == node || !other->running()) continue;
      other->Kill(Unsynced::kKept);
      Start(other.get(), Between(copy_random_, 1ms, 500ms));
    }
  }
  events_->After(Between(copy_random_, 2s, 5s), nullptr, "start empty", [this, node] {
    if (healed_) return;
    node->Wipe();
    node->Start();
  });
}

void Faults::NextAbsence() {
  events_->After(Between(copy_random_, 2s, 20s), nullptr, "absent", [this] {
    if (healed_) return;
    const bool all = copy_random_.OneIn(3);
    for (const auto& node : *nodes_) {
      if (!node->running() || (!all && copy_random_.OneIn(2))) continue;
      node->Kill(AnyFate());
      node->SetAbsent(true);
      Start(node.get(), Between(copy_random_, 1ms, 100ms));  // It does not.
      const Duration mounted = Between(copy_random_, 100ms, 3s);
      events_->After(mounted, nullptr, "mounted", [node = node.get()] { node->SetAbsent(false); });
      Start(node.get(), mounted + Between(copy_random_, 1ms, 1s));
    }
    NextAbsence();
  });
}

void Faults::Something() {
  struct Fault {
    std::uint64_t weight;
    void (Faults::*happen)();
  };
  static constexpr Fault kFaults[] = {
      {6, &Faults::Kill},     {1, &Faults::RestartStorm}, {2, &Faults::Wipe},
      {3, &Faults::Leave},    {4, &Faults::Freeze},       {4, &Faults::Cut},
      {2, &Faults::Isolate},  {2, &Faults::Break},        {1, &Faults::Flap},
      {2, &Faults::Lag},      {2, &Faults::SlowDisk},     {1, &Faults::FailDisk},
      {2, &Faults::HangLoop}, {12, &Faults::Betray},      {3, &Faults::Echo},
      {3, &Faults::Doze},     {2, &Faults::Doubt},
  };
  std::uint64_t sum = 0;
  for (const Fault& fault : kFaults) sum += fault.weight;
  std::uint64_t drawn = random_.Below(sum);
  for (const Fault& fault : kFaults) {
    if (drawn < fault.weight) return (this->*fault.happen)();
    drawn -= fault.weight;
  }
}

// A damaged copy counts as lost for whoever loses a log: its own may have been cut before anybody
// noticed.
bool Faults::HasDamage() const {
  return std::ranges::any_of(*nodes_, &SimulatedNode::has_damaged_data);
}

Unsynced Faults::AnyFate() {
  static constexpr Unsynced kFates[] = {Unsynced::kLost, Unsynced::kLost, Unsynced::kKept,
                                        Unsynced::kKept, Unsynced::kTorn};
  return kFates[random_.Below(std::size(kFates) - (wipes_ ? 1 : 0))];
}

Duration Faults::Absence(Duration least, Duration most) {
  if (repair_after_ && random_.OneIn(2)) return *repair_after_ + Between(random_, 2s, 8s);
  return Between(random_, least, most);
}

void Faults::Start(SimulatedNode* node, Duration wait) {
  events_->After(wait, nullptr, "start", [this, node] {
    if (!healed_ && !node->running()) node->Start();
  });
}

void Faults::Kill() {
  SimulatedNode& node = Any();
  if (!node.running()) return;
  node.Kill(AnyFate());
  // Now and then it is back before anybody has noticed.
  Start(&node, random_.OneIn(2) ? Between(random_, 1ms, 60ms) : Absence(60ms, 3s));
}

void Faults::RestartStorm() {
  const std::uint64_t spared = random_.Below(nodes_->size() + 1);
  for (std::size_t i = 0; i < nodes_->size(); ++i) {
    SimulatedNode* node = (*nodes_)[i].get();
    if (i == spared) continue;
    events_->After(Between(random_, 0ms, 5ms), nullptr, "storm", [this, node] {
      if (healed_ || !node->running()) return;
      node->Kill(AnyFate());
      Start(node, Between(random_, 1ms, 500ms));
    });
  }
}

void Faults::Wipe() {
  // Two memories that are lost of three cannot be mended. (And who has no record yet may still
  // create another cluster, and be right.)
  if (!wipes_ || !whole_() || HasDamage()) return;
  SimulatedNode& node = Any();
  node.Wipe();
  Start(&node, Between(random_, 1ms, 1s));
}

void Faults::Leave() {
  Any().Leave();
}

void Faults::Freeze() {
  const Duration most = random_.OneIn(2) ? Duration(300ms) : random_.OneIn(4) ? 4s : 2s;
  Any().Freeze(Between(random_, 5ms, most));
}

void Faults::HangLoop() {
  Any().HangLoop(Between(random_, 20ms, random_.OneIn(2) ? 600ms : 2s));
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
  events_->After(Absence(20ms, 2500ms), nullptr, "mend", [this, node] {
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

void Faults::Flap() {
  const NodeId from = Any().id();
  const NodeId to = Any().id();
  const env::Lane lane = random_.OneIn(2) ? env::Lane::kLiveness : env::Lane::kBulk;
  Duration wait{0};
  for (std::uint64_t left = 3 + random_.Below(12); left > 0; --left) {
    wait += Between(random_, 1ms, 60ms);
    events_->After(wait, nullptr, "break", [this, from, to, lane] {
      if (!healed_) network_->Break(from, to, lane);
    });
  }
}

void Faults::Doubt() {
  const NodeId from = Any().id();
  for (const auto& other : *nodes_) {
    if (random_.OneIn(2)) network_->Redial(from, other->id(), env::Lane::kLiveness);
    if (random_.OneIn(2)) network_->Redial(from, other->id(), env::Lane::kBulk);
  }
}

void Faults::Lag() {
  const NodeId from = Any().id();
  const env::Lane lane = random_.OneIn(2) ? env::Lane::kLiveness : env::Lane::kBulk;
  const Duration lag = Between(random_, 5ms, random_.OneIn(2) ? 100ms : 800ms);
  events_->trace.Say(events_->now(), from.value(), [] { return "is heard late on one lane"; });
  for (const auto& other : *nodes_) network_->Lag(from, other->id(), lane, lag);
  events_->After(Between(random_, 100ms, 3s), nullptr, "mend", [this, from, lane] {
    for (const auto& other : *nodes_) network_->Lag(from, other->id(), lane, 0ms);
  });
}

void Faults::FailDisk() {
  Any().FailDisk();
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
  // By then the others campaign, and do not yet wait for long between two rounds.
  const Duration until_betrayed = Between(random_, 650ms, 1s);
  events_->After(until_betrayed, nullptr, "betray", [this, voter, cut] {
    if (healed_ || !voter->running()) return;
    voter->Kill(Unsynced::kKept);
    Start(voter, Between(random_, 1ms, 30ms));
    // A start takes part in nothing before all who can be reached have heard of it: then it is cut
    // off before, and waits for as long as it is bound anyway, or after.
    const Duration heard =
        betray_random_.OneIn(2) ? Duration(0) : Between(betray_random_, 20ms, 120ms);
    events_->After(heard, nullptr, "cut", [this, voter, cut] {
      if (!healed_) cut(voter->id().value());
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

void Faults::Echo() {
  const NodeId primary = Any().id();
  const Duration lag = Between(random_, 500ms, 1s);
  events_->trace.Say(events_->now(), primary.value(), [] { return "hears others late"; });
  for (const auto& other : *nodes_) {
    network_->Lag(other->id(), primary, env::Lane::kLiveness, lag);
    network_->Lag(other->id(), primary, env::Lane::kBulk, 2 * lag);
  }
  const Duration until_cut = Between(random_, 100ms, 600ms);
  events_->After(until_cut, nullptr, "cut", [this, primary] {
    if (healed_) return;
    for (const auto& other : *nodes_) network_->Cut(primary.value(), other->id().value());
  });
  events_->After(until_cut + 2s, nullptr, "mend", [this, primary] {
    for (const auto& other : *nodes_) {
      network_->Mend(primary.value(), other->id().value());
      for (const env::Lane lane : {env::Lane::kLiveness, env::Lane::kBulk}) {
        network_->Lag(other->id(), primary, lane, 0ms);
      }
    }
  });
}

void Faults::Doze() {
  SimulatedNode& node = Any();
  const NodeId primary = node.id();
  node.HangLoop(Between(random_, 330ms, 480ms));
  for (const auto& other : *nodes_) {
    network_->Lag(other->id(), primary, env::Lane::kBulk, 500ms);
  }
  events_->After(600ms, nullptr, "mend", [this, primary] {
    for (const auto& other : *nodes_) network_->Lag(other->id(), primary, env::Lane::kBulk, 0ms);
  });
}

void Faults::Heal() {
  healed_ = true;
  events_->trace.Say(events_->now(), 0, [] { return "everything is repaired"; });
  network_->MendAll();
  for (const auto& node : *nodes_) {
    node->SetDisk(100us, 2ms);
    node->SetAbsent(false);
    if (node->is_put_back()) node->Wipe();
    if (!node->running()) node->Start();
  }
}

}  // namespace ringfort::sim

// What goes wrong in a cluster, what its clients ask for, and that it comes back.
#include <algorithm>
#include <sstream>
#include <utility>

#include "tests/unit/raft/cluster.h"

namespace ringfort::raft {

using std::chrono::microseconds;
using std::chrono::milliseconds;

void Cluster::RunChaos(Duration length) {
  chaos_ = true;
  ClientStep();
  Flush();
  Misfortune();
  RunUntil(real_now_ + length.count());
}

// The network.

void Cluster::Transmit(NodeIndex from, NodeIndex to, Action receive) {
  if (cut_[from][to] || !nodes_[to].up || (chaos_ && Chance(drop_chance_))) return;
  Duration delay = Between(microseconds(30), milliseconds(3));
  const bool late = chaos_ && Chance(late_chance_);
  if (late) delay += Between(milliseconds(1), milliseconds(400));
  RealTime at = real_now_ + delay.count();
  if (!reorders_ && !late) {
    at = std::max(at, last_delivery_[from][to] + 1);
    last_delivery_[from][to] = at;
  }
  // A message is for the process that the connection was made to, and counts for nothing once a
  // newer process of the sender was heard of (protocols 1).
  const std::uint64_t sender = nodes_[from].boot;
  const std::uint64_t receiver = nodes_[to].boot;
  auto deliver = [this, from, to, sender, receiver, receive = std::move(receive)] {
    OnNode(to, receiver, [this, from, to, sender, receive] {
      std::uint64_t& known = nodes_[to].peer_boot[from];
      if (sender < known) return;
      known = sender;
      receive();
    });
  };
  // Once more, by a connection of before that was thought dead.
  if (late && Chance(0.3)) At(at + Between(milliseconds(1), milliseconds(200)).count(), deliver);
  At(at, deliver);
}

void Cluster::Reconnect(NodeIndex a, NodeIndex b) {
  for (const auto& [node, peer] : {std::pair(a, b), std::pair(b, a)}) {
    if (!nodes_[node].up) continue;
    AfterOn(node, Between(microseconds(100), milliseconds(10)), [this, node = node, peer = peer] {
      const bool reborn = nodes_[node].peer_boot[peer] < nodes_[peer].boot;
      nodes_[node].peer_boot[peer] = nodes_[peer].boot;
      nodes_[node].peer_gone[peer] = !nodes_[peer].up;
      for (std::size_t s = 0; s < kShards; ++s) {
        Drive(node, s, [&](Raft& raft, MonotonicTime now) {
          if (reborn || !nodes_[peer].up) raft.OnGone(IdOf(peer));
          if (nodes_[peer].up) raft.OnConnected(now, IdOf(peer));
          if (reborn && raft.primary() == IdOf(peer)) raft.OnPrimaryGone(now);
        });
      }
    });
  }
}

void Cluster::TellGone(NodeIndex n, NodeIndex gone) {
  if (!nodes_[n].up) return;
  AfterOn(n, Between(microseconds(100), milliseconds(10)), [this, n, gone] {
    const bool down = !nodes_[gone].up;
    nodes_[n].peer_gone[gone] = nodes_[n].peer_gone[gone] || down;
    for (std::size_t s = 0; s < kShards; ++s) {
      Drive(n, s, [&](Raft& raft, MonotonicTime now) {
        if (down) raft.OnGone(IdOf(gone));
        if (raft.primary() == IdOf(gone)) raft.OnPrimaryGone(now);
      });
    }
  });
}

// Clients.

void Cluster::ClientStep() {
  const NodeIndex n = random_.Below(nodes_.size());
  const std::size_t s = random_.Below(kShards);
  if (nodes_[n].up) {
    const LogIndex shown = invariants_[s].shown();
    if (Chance(0.5)) {
      AfterOn(n, Duration(0), [this, n, s, shown] { Read(n, s, shown); });
    } else {
      AfterOn(n, Duration(0), [this, n, s] { Write(n, s); });
    }
  }
  if (chaos_) After(Between(microseconds(200), milliseconds(6)), [this] { ClientStep(); });
}

void Cluster::Read(NodeIndex n, std::size_t s, LogIndex shown_at_start) {
  Drive(n, s, [&](Raft& raft, MonotonicTime now) {
    if (raft.role() != Role::kPrimary) return;
    Shard& shard = nodes_[n].shards[s];
    if (const auto index = raft.ReadByLease(now)) {
      Invariants::CheckRead(*index, shown_at_start, "by lease at node " + std::to_string(n + 1));
      shard.waiting.push_back({*index, shown_at_start});
      ++lease_reads_;
      return;
    }
    if (shard.queued_in != raft.term()) shard.queued.clear();
    shard.queued_in = raft.term();
    shard.queued[raft.QueueRead(now)] = shown_at_start;
  });
}

void Cluster::Write(NodeIndex n, std::size_t s) {
  Drive(n, s, [&](Raft& raft, MonotonicTime now) {
    std::vector<SharedBytes> commands;
    const std::size_t count = 1 + random_.Below(3);
    for (std::size_t i = 0; i < count; ++i) {
      commands.emplace_back("command " + std::to_string(next_command_++) +
                            std::string(random_.Below(80), '.'));
    }
    const std::optional<LogIndex> first = raft.Propose(now, std::move(commands));
    if (!first) return;
    for (std::size_t i = 0; i < count; ++i) nodes_[n].shards[s].proposed[*first + i] = raft.term();
  });
}

void Cluster::Flush() {
  for (NodeIndex n = 0; n < nodes_.size(); ++n) {
    for (std::size_t s = 0; s < kShards && nodes_[n].up; ++s) {
      if (!Chance(0.3)) continue;
      Shard& shard = nodes_[n].shards[s];
      shard.disk.Flush(shard.raft->applied());
      LogIndex cut = std::min(shard.raft->everywhere(), shard.disk.flushed());
      // Without snapshots, what a torn disk lost must stay somewhere, whatever an old primary wrote
      // in its place.
      for (const Node& other : nodes_) {
        const SimulatedDisk& disk = other.shards[s].disk;
        while (cut > shard.raft->log().base().index && cut >= disk.first() &&
               (disk.last() < cut || disk.Find(cut)->term != shard.raft->log().TermAt(cut))) {
          cut = cut - 1;
        }
      }
      if (Chance(0.5) && cut > shard.raft->log().base().index) {
        shard.raft->Cut(cut);
        shard.disk.Cut(cut);
      }
    }
  }
  if (chaos_) After(Between(milliseconds(20), milliseconds(200)), [this] { Flush(); });
}

// Misfortune.

void Cluster::Misfortune() {
  if (!chaos_) return;
  const NodeIndex n = random_.Below(nodes_.size());
  const NodeIndex other = (n + 1 + random_.Below(nodes_.size() - 1)) % nodes_.size();
  const Duration length =
      Between(milliseconds(5), Chance(0.3) ? milliseconds(1500) : milliseconds(300));
  Node& node = nodes_[n];
  switch (random_.Below(10)) {
    case 0:
    case 1:
      if (!node.up) break;
      Crash(n);
      for (NodeIndex peer = 0; peer < nodes_.size(); ++peer) {
        if (peer != n && Chance(0.7)) TellGone(peer, n);
      }
      After(Chance(0.5) ? length / 10 : length, [this, n] {
        if (!nodes_[n].up) Start(n);
      });
      break;
    case 2:
    case 3: {
      if (!node.up || node.frozen_until > real_now_) break;
      node.frozen_until = real_now_ + length.count();
      Trace("node ", n + 1, " freezes for ", length.count() / 1000, "us");
      const std::uint64_t boot = node.boot;
      After(length, [this, n, boot] {
        Node& thawed = nodes_[n];
        while (thawed.up && thawed.boot == boot && !thawed.backlog.empty() &&
               thawed.frozen_until <= real_now_) {
          const Action action = std::move(thawed.backlog.front());
          thawed.backlog.pop_front();
          action();
        }
      });
      break;
    }
    case 4:
    case 5: {  // One link, one way or both; or the whole node.
      const std::uint64_t kind = random_.Below(4);
      for (NodeIndex peer = 0; peer < nodes_.size(); ++peer) {
        if (peer != n && (kind >= 2 || peer == other)) CutOff(n, peer, kind != 0, length);
      }
      Trace("node ", n + 1, kind < 2 ? " loses a link" : " is cut off");
      break;
    }
    case 6: Reconnect(n, other); break;
    case 7:
      TellGone(n, other);  // Wrongly, as likely as not.
      break;
    case 8:
      if (node.up && nodes_[other].up && node.shards[0].raft->serving()) {
        ForgetBesideAnOldPrimary(n, other);
      }
      break;
    default:
      if (!node.up) break;
      node.disk_stalled_until = real_now_ + length.count();
      if (Chance(0.5)) {
        AfterOn(n, Duration(0), [this, n] {
          for (std::size_t s = 0; s < kShards; ++s) {
            Drive(n, s, [](Raft& raft, MonotonicTime now) { raft.StepDown(now); });
          }
        });
      }
      break;
  }
  After(Between(Duration(1), 2 * misfortune_pause_), [this] { Misfortune(); });
}

void Cluster::CutOff(NodeIndex n, NodeIndex peer, bool both_ways, Duration length) {
  cut_[n][peer] = true;
  if (both_ways) cut_[peer][n] = true;
  After(length, [this, n, peer] {
    cut_[n][peer] = cut_[peer][n] = false;
    Reconnect(n, peer);
  });
}

// The primary is cut off, the others are told that it is gone and elect another; then one of them
// forgets that, and hears the old primary alone.
void Cluster::ForgetBesideAnOldPrimary(NodeIndex primary, NodeIndex forgetful) {
  Trace("node ", primary + 1, " is cut off, node ", forgetful + 1, " will forget");
  const Duration until_it_forgets = Between(milliseconds(30), options_.election_timeout * 2 / 3);
  const Duration alone = Between(milliseconds(50), milliseconds(300));
  for (NodeIndex peer = 0; peer < nodes_.size(); ++peer) {
    if (peer == primary) continue;
    TellGone(peer, primary);
    CutOff(primary, peer, /*both_ways=*/true,
           peer == forgetful ? until_it_forgets : until_it_forgets + alone);
  }
  After(until_it_forgets, [this, primary, forgetful, alone] {
    if (!nodes_[forgetful].up) return;
    Crash(forgetful, /*loses=*/true);
    for (NodeIndex peer = 0; peer < nodes_.size(); ++peer) {
      if (peer != primary && peer != forgetful) CutOff(forgetful, peer, /*both_ways=*/true, alone);
    }
    Start(forgetful);
  });
}

// Afterwards.

void Cluster::HealAndCheckLiveness(Duration limit) {
  chaos_ = false;
  for (auto& row : cut_) std::fill(row.begin(), row.end(), false);
  // Links that are cut and nodes that are down or frozen come back by themselves within this time.
  RunUntil(real_now_ + Duration(milliseconds(1600)).count());
  for (NodeIndex n = 0; n < nodes_.size(); ++n) {
    if (!nodes_[n].up) Start(n);
  }
  const RealTime deadline = real_now_ + limit.count();
  const std::size_t before = committed();
  std::string why;
  std::vector<Term> ended(kShards);  // Terms ended because a follower is set aside.
  while (true) {
    RunUntil(real_now_ + Duration(milliseconds(100)).count());
    for (std::size_t s = 0; s < kShards; ++s) {
      for (NodeIndex n = 0; n < nodes_.size(); ++n) {
        if (committed() < before + 50 && nodes_[n].shards[s].raft->serving()) Write(n, s);
        // Who was set aside is looked at again in the next term only. A late refusal can do that to
        // a healthy follower where messages are reordered, which connections do not do.
        for (const auto& [id, progress] : nodes_[n].shards[s].raft->progress()) {
          const Term term = nodes_[n].shards[s].raft->term();
          if (progress.state != Progress::State::kSetAside || ended[s] >= term) continue;
          ended[s] = term;
          Drive(n, s, [](Raft& raft, MonotonicTime now) { raft.StepDown(now); });
          break;
        }
      }
    }
    if (Healthy(&why) && committed() > before) return;
    if (real_now_ > deadline) throw Violation("not alive after everything was mended: " + why);
  }
}

bool Cluster::Healthy(std::string* why) {
  std::ostringstream text;
  for (std::size_t s = 0; s < kShards; ++s) {
    std::size_t serving = 0;
    const Raft& first = *nodes_[0].shards[s].raft;
    bool equal = true;
    for (const Node& node : nodes_) {
      const Raft& raft = *node.shards[s].raft;
      if (raft.serving()) ++serving;
      equal = equal && !raft.unsure() && raft.commit() == first.commit() &&
              raft.applied() == first.applied() &&
              raft.log().last_index() == first.log().last_index() &&
              raft.log().last_term() == first.log().last_term() &&
              raft.commit() == raft.log().last_index();
    }
    if (serving == 1 && equal) continue;
    text << "shard " << s << ":";
    for (const Node& node : nodes_) {
      const Raft& raft = *node.shards[s].raft;
      text << " [" << raft.self() << " role " << static_cast<int>(raft.role()) << " term "
           << raft.term() << " last " << raft.log().last_index() << "/" << raft.log().last_term()
           << " commit " << raft.commit() << " durable " << raft.durable()
           << (raft.unsure() ? " unsure" : "");
      for (const auto& [id, progress] : raft.progress()) {
        text << " (" << id << " state " << static_cast<int>(progress.state) << " match "
             << progress.match << " next " << progress.next << ")";
      }
      text << "]";
    }
  }
  *why = text.str();
  return why->empty();
}

}  // namespace ringfort::raft

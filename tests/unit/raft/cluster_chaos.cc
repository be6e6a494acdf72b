// What goes wrong in a cluster, and what its clients ask for.
#include <algorithm>
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
  Operate();
  RunUntil(real_now_ + length.count());
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
      ++counts_.lease_reads;
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
    for (std::size_t s = 0; s < kShards; ++s) {
      Shard& shard = nodes_[n].shards[s];
      // Not while the disk does not hold the base that the core stands on.
      if (!Chance(0.3) || shard.raft == nullptr || !shard.installed.empty()) continue;
      shard.disk->Flush(shard.raft->applied());
      // What is flushed may go: a snapshot brings it to who still needs it.
      const LogIndex flushed = shard.disk->flushed();
      const LogIndex cut = Chance(0.5) ? flushed : std::min(shard.raft->everywhere(), flushed);
      if (Chance(0.5) && cut > shard.raft->log().base().index) {
        shard.raft->Cut(cut);
        shard.disk->Cut(cut);
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
  switch (random_.Below(13)) {
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
    case 9:
    case 10:
      if (nodes_[other].up && node.shards[0].raft && node.shards[0].raft->serving()) {
        ForgetBesideAnOldPrimary(n, other);
      }
      break;
    case 11:
      if (!wipes_ || !MayLose(n) || !Chance(0.5)) break;
      Wipe(n);
      After(length, [this, n] {
        if (!nodes_[n].up) Start(n);
      });
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

}  // namespace ringfort::raft

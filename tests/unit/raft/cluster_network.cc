// What passes between the nodes of a cluster: messages of the cores, connections made anew,
// heartbeats per pair of nodes, snapshots.
#include <algorithm>
#include <utility>

#include "raft/quorum.h"
#include "tests/unit/raft/cluster.h"
#include "tests/unit/raft/cluster_trace.h"

namespace ringfort::raft {

using std::chrono::microseconds;
using std::chrono::milliseconds;

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
          for (const ReplicaId id : MembersAt(node, s, peer)) {
            if (reborn || !nodes_[peer].up) raft.OnGone(id);
            if (nodes_[peer].up) raft.OnConnected(now, id);
          }
          if (reborn && WhereIs(node, s, raft.primary()) == peer) raft.OnPrimaryGone(now);
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
        for (const ReplicaId id : MembersAt(n, s, gone)) {
          if (down) raft.OnGone(id);
        }
        if (WhereIs(n, s, raft.primary()) == gone) raft.OnPrimaryGone(now);
      });
    }
  });
}

// Messages of the cores.

Cluster::NodeIndex Cluster::WhereIs(NodeIndex n, std::size_t s, ReplicaId replica) const {
  const Shard& shard = nodes_[n].shards[s];
  const Members& members = shard.raft->members();
  for (const auto* list : {&members.voters, &members.outgoing, &members.learners}) {
    for (const Member& member : *list) {
      if (member.id == replica) return NodeOf(member);
    }
  }
  const auto heard = shard.heard_from.find(replica);
  return heard == shard.heard_from.end() ? n : heard->second;
}

std::vector<ReplicaId> Cluster::MembersAt(NodeIndex n, std::size_t s, NodeIndex peer) const {
  std::vector<ReplicaId> ids;
  ForEachMember(nodes_[n].shards[s].raft->members(), [&](const Member& member) {
    if (NodeOf(member) == peer) ids.push_back(member.id);
  });
  return ids;
}

void Cluster::SendMessage(NodeIndex n, std::size_t s, const Message& message) {
  const NodeIndex to = WhereIs(n, s, message.to);
  if (to == n) return;  // Never heard of.
  auto transmit = [this, n, to, s, message] {
    Transmit(n, to, [this, to, s, n, message] { OnMessage(to, s, n, message); });
  };
  // What hands the role over comes when the sender has long given that up (protocols 3).
  const bool late = chaos_ && std::holds_alternative<TimeoutNow>(message.body) && Chance(0.4);
  late ? AfterOn(n, Between(milliseconds(1), milliseconds(900)), transmit) : transmit();
}

void Cluster::OnMessage(NodeIndex n, std::size_t s, NodeIndex from, const Message& message) {
  Shard& shard = nodes_[n].shards[s];
  if (shard.self != message.to) return;
  Trace("node ", n + 1, " shard ", s, " gets ", ToText(message));
  shard.heard_from[message.from] = from;
  if (shard.raft->unsure() && std::holds_alternative<AppendRequest>(message.body) &&
      message.term == shard.raft->term() && invariants_[s].newest_primary() > message.term) {
    ++counts_.old_primaries_heard;
  }
  Drive(n, s, [&](Raft& raft, MonotonicTime now) { raft.Step(now, message); });
  if (!chaos_ || !std::holds_alternative<TimeoutNow>(message.body) || !Chance(0.5)) return;
  // Who handed over hears nothing of what comes of it, and relies on what it has.
  for (NodeIndex peer = 0; peer < nodes_.size(); ++peer) {
    if (peer == from) continue;
    CutOff(from, peer, /*both_ways=*/true, Between(milliseconds(20), milliseconds(300)));
  }
}

// Liveness per pair of nodes (protocols 2).

void Cluster::SendHeartbeats(NodeIndex n) {
  Node& node = nodes_[n];
  Heartbeat heartbeat{node.boot, 0, {}};
  for (std::size_t s = 0; s < kShards; ++s) {
    const Raft* raft = node.shards[s].raft.get();
    if (raft == nullptr || raft->role() != Role::kPrimary) continue;
    heartbeat.listed.push_back({s, raft->term(), raft->self()});
  }
  for (NodeIndex peer = 0; peer < nodes_.size(); ++peer) {
    if (peer == n) continue;
    heartbeat.sequence = node.next_sequence[peer]++;
    node.sent[peer].emplace(heartbeat.sequence, Clock(node));
    if (node.sent[peer].size() > 50) node.sent[peer].erase(node.sent[peer].begin());
    Transmit(n, peer, [this, peer, n, heartbeat] { OnHeartbeat(peer, n, heartbeat); });
  }
  AfterOn(n, heartbeat_interval_, [this, n] { SendHeartbeats(n); });
}

void Cluster::OnHeartbeat(NodeIndex n, NodeIndex from, const Heartbeat& heartbeat) {
  Node& node = nodes_[n];
  for (std::size_t s = 0; s < kShards; ++s) {
    const auto listed = std::find_if(heartbeat.listed.begin(), heartbeat.listed.end(),
                                     [s](const Listed& one) { return one.shard == s; });
    Drive(n, s, [&](Raft& raft, MonotonicTime now) {
      const bool lists = listed != heartbeat.listed.end();
      if (lists) raft.OnHeartbeat(now, listed->primary, listed->term);
      const bool leads = lists && listed->term >= raft.term();
      if (!leads && WhereIs(n, s, raft.primary()) == from) raft.OnPrimaryGone(now);
    });
  }
  // Acknowledged on another thread, in two halves that anything may come between: first the promise
  // is recorded, then the marks are read.
  node.half_done.push_back([this, n, from, heartbeat] {
    MonotonicTime& promised = nodes_[n].promised_until[from];
    promised = std::max(promised, Clock(nodes_[n]) + options_.lease);
    nodes_[n].half_done.push_back([this, n, from, heartbeat] { Acknowledge(n, from, heartbeat); });
  });
  AfterOn(n, Between(microseconds(1), microseconds(300)), [this, n] { DoHalf(n); });
  AfterOn(n, Between(microseconds(1), microseconds(300)), [this, n] { DoHalf(n); });
}

void Cluster::DoHalf(NodeIndex n) {
  std::deque<Action>& half_done = nodes_[n].half_done;
  if (half_done.empty()) return;
  const Action half = std::move(half_done.front());
  half_done.pop_front();
  half();
}

void Cluster::Acknowledge(NodeIndex n, NodeIndex to, const Heartbeat& heartbeat) {
  const Node& node = nodes_[n];
  Acknowledgement acknowledgement{heartbeat.sequence, node.incarnation, {}};
  for (const Listed& listed : heartbeat.listed) {
    const std::size_t s = listed.shard;
    acknowledgement.stands.push_back(
        {listed, node.shards[s].self, node.follows[s].term == listed.term, node.terms[s]});
  }
  Transmit(n, to, [this, to, n, acknowledgement] { OnAcknowledged(to, n, acknowledgement); });
}

void Cluster::OnAcknowledged(NodeIndex n, NodeIndex from, const Acknowledgement& acknowledgement) {
  auto& sent = nodes_[n].sent[from];
  const auto found = sent.find(acknowledgement.sequence);
  if (found == sent.end()) return;
  const MonotonicTime sent_at = found->second;
  sent.erase(found);
  for (const Stand& stand : acknowledgement.stands) {
    const std::size_t s = stand.listed.shard;
    DriveReplica(n, s, stand.listed.primary, [&](Raft& raft, MonotonicTime now) {
      for (const ReplicaId id : MembersAt(n, s, from)) {
        if (stand.replica < id) {
          // None, or one that this member is to replace.
          if (raft.term() == stand.listed.term) {
            raft.OnAbsent(id, Incarnation{acknowledgement.incarnation, from});
          }
        } else if (stand.replica == id && stand.follows) {
          raft.OnPromise(now, id, stand.listed.term, sent_at);
        } else if (stand.replica == id) {
          raft.OnNamed(now, id, stand.term);
        }
      }
    });
  }
}

// Snapshots (protocols 5).

void Cluster::SendSnapshot(NodeIndex n, std::size_t s, const SnapshotOrder& order) {
  const ReplicaId self = nodes_[n].shards[s].self;
  AfterOn(n, Between(microseconds(100), milliseconds(20)), [this, n, s, self, order] {
    DriveReplica(n, s, self, [&](Raft& raft, MonotonicTime now) {
      std::optional<Member> to;
      ForEachMember(raft.members(), [&](const Member& member) {
        if (member.id == order.follower) to = member;
      });
      if (!to || raft.role() != Role::kPrimary || (chaos_ && Chance(0.1))) {
        raft.OnSnapshotFailed(now, order.follower);
        return;
      }
      const LogIndex index = raft.applied();
      const LogBase base{index, *raft.log().TermAt(index), raft.log().MembersAt(index)};
      const Snapshot snapshot{next_snapshot_++, s,   base,          self,
                              raft.term(),      *to, order.creates, 1 + random_.Below(3)};
      raft.OnSnapshotStarted(order.follower, index);
      Trace("node ", n + 1, " shard ", s, " sends a snapshot at ", index, " to ", to->id);
      nodes_[n].snapshots.insert(snapshot.number);
      const NodeIndex peer = NodeOf(*to);
      Transmit(n, peer, [this, peer, n, snapshot] { OnSnapshotPart(peer, n, snapshot, 1); });
      AfterOn(n, milliseconds(400), [this, n, snapshot] { EndSnapshot(n, snapshot, false); });
    });
  });
}

void Cluster::OnSnapshotPart(NodeIndex n, NodeIndex from, const Snapshot& snapshot,
                             std::size_t part) {
  const std::size_t s = snapshot.shard;
  Shard& shard = nodes_[n].shards[s];
  shard.heard_from[snapshot.from] = from;
  bool heeded = false;
  if (shard.self == snapshot.to.id) {
    Drive(n, s, [&](Raft& raft, MonotonicTime now) {
      heeded = raft.OnSnapshotOffered(now, snapshot.from, snapshot.term);
    });
  } else {
    heeded = snapshot.creates && snapshot.to.id > shard.newest &&
             snapshot.to.incarnation.high == nodes_[n].incarnation;
  }
  if (!heeded) {
    AnswerSnapshot(n, from, snapshot, false);
  } else if (part < snapshot.parts) {
    Transmit(n, from, [this, from, n, snapshot, part] {
      Transmit(from, n,
               [this, from, n, snapshot, part] { OnSnapshotPart(n, from, snapshot, part + 1); });
    });
  } else {
    AfterOn(n, Between(microseconds(100), milliseconds(30)),
            [this, n, from, snapshot] { InstallSnapshot(n, from, snapshot); });
  }
}

void Cluster::InstallSnapshot(NodeIndex n, NodeIndex from, const Snapshot& snapshot) {
  const std::size_t s = snapshot.shard;
  Shard& shard = nodes_[n].shards[s];
  const LogBase& base = snapshot.base;
  if (shard.self == snapshot.to.id) {
    Drive(n, s, [&](Raft& raft, MonotonicTime) {
      if (raft.role() == Role::kPrimary || !raft.WantsSnapshot(base.index, base.term)) {
        AnswerSnapshot(n, from, snapshot, raft.commit() >= base.index);
        return;
      }
      Trace("node ", n + 1, " shard ", s, " installs the snapshot at ", base.index);
      shard.installed.emplace_back(
          base.index, [this, n, from, snapshot] { AnswerSnapshot(n, from, snapshot, true); });
      raft.OnSnapshotInstalled(base);
      ++counts_.snapshots;
    });
    return;
  }
  if (snapshot.to.id <= shard.newest) {
    AnswerSnapshot(n, from, snapshot, false);
    return;
  }
  Trace("node ", n + 1, " shard ", s, " makes replica ", snapshot.to.id, " at ", base.index);
  DropReplica(n, s);
  MakeReplica(n, s, snapshot.to.id, base);
  shard.heard_from[snapshot.from] = from;
  StartReplica(n, s);
  ++counts_.created;
  AnswerSnapshot(n, from, snapshot, true);
}

void Cluster::AnswerSnapshot(NodeIndex n, NodeIndex to, const Snapshot& snapshot, bool installed) {
  Transmit(n, to, [this, to, snapshot, installed] { EndSnapshot(to, snapshot, installed); });
}

void Cluster::EndSnapshot(NodeIndex n, const Snapshot& snapshot, bool installed) {
  if (nodes_[n].snapshots.erase(snapshot.number) == 0) return;
  DriveReplica(n, snapshot.shard, snapshot.from, [&](Raft& raft, MonotonicTime now) {
    if (installed) {
      raft.OnSnapshotSent(now, snapshot.to.id, snapshot.base.index);
    } else {
      raft.OnSnapshotFailed(now, snapshot.to.id);
    }
  });
}

}  // namespace ringfort::raft

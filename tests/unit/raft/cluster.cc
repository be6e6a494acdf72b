// The world and the driver. What goes wrong, and who asks for what, is in cluster_chaos.cc.
#include "tests/unit/raft/cluster.h"

#include <algorithm>
#include <iostream>
#include <sstream>
#include <utility>

#include "tests/unit/raft/cluster_trace.h"

namespace ringfort::raft {

using std::chrono::microseconds;
using std::chrono::milliseconds;

Cluster::Cluster(std::size_t nodes, std::uint64_t seed, bool trace)
    : random_(seed * 1000 + nodes), trace_(trace), nodes_(nodes) {
  options_.election_timeout = Between(milliseconds(250), milliseconds(600));
  options_.lease = Between(milliseconds(80), milliseconds(200));
  options_.longest_promise = options_.lease;
  options_.clock_drift = 0.05;
  options_.lease_reads = !Chance(0.1);
  options_.window_bytes_max = 600;
  options_.append_bytes_max = 250;
  options_.cache_bytes_max = Chance(0.5) ? 800 : (1U << 20);
  heartbeat_interval_ = Between(milliseconds(20), milliseconds(60));
  reorders_ = Chance(0.3);
  coarse_promises_ = Chance(0.3);
  drop_chance_ = Chance(0.3) ? 0 : random_.Fraction() * 0.1;
  late_chance_ = Chance(0.3) ? 0 : random_.Fraction() * 0.05;
  misfortune_pause_ = Between(milliseconds(40), milliseconds(500));
  sync_max_ = Between(microseconds(300), milliseconds(20));
  for (std::size_t s = 0; s < kShards; ++s) invariants_.emplace_back(nodes);
  cut_.assign(nodes, std::vector<bool>(nodes, false));
  last_delivery_.assign(nodes, std::vector<RealTime>(nodes, 0));
  for (Node& node : nodes_) {
    node.clock_rate = 1 + options_.clock_drift * (2 * random_.Fraction() - 1);
    node.clock_offset = static_cast<RealTime>(random_.Below(1'000'000'000'000));
    for (std::size_t s = 0; s < kShards; ++s) node.shards.emplace_back(MembersOf(s));
    node.peer_boot.assign(nodes, 0);
  }
  for (NodeIndex n = 0; n < nodes; ++n) Start(n);
}

Members Cluster::MembersOf(std::size_t shard) const {
  Members members;
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    const NodeIndex node = (i + shard) % nodes_.size();
    members.voters.push_back(Member{IdOf(node), NodeId(IdOf(node).value()), Incarnation{1, node}});
  }
  return members;
}

// The world.

void Cluster::At(RealTime at, Action action) {
  events_.push(Event{std::max(at, real_now_), next_event_++, std::move(action)});
}

void Cluster::OnNode(NodeIndex n, std::uint64_t boot, const Action& action) {
  Node& node = nodes_[n];
  if (!node.up || node.boot != boot) return;
  if (node.frozen_until > real_now_) {
    node.backlog.push_back([this, n, boot, action] {
      if (nodes_[n].up && nodes_[n].boot == boot) action();
    });
    return;
  }
  action();
}

void Cluster::AfterOn(NodeIndex n, Duration delay, Action action) {
  const std::uint64_t boot = nodes_[n].boot;
  After(delay, [this, n, boot, action = std::move(action)] { OnNode(n, boot, action); });
}

void Cluster::RunUntil(RealTime until) {
  while (!events_.empty() && events_.top().at <= until) {
    const Event event = events_.top();
    events_.pop();
    real_now_ = event.at;
    event.action();
  }
  real_now_ = until;
}

MonotonicTime Cluster::Clock(const Node& node) const {
  return MonotonicTime(Duration(
      static_cast<RealTime>(static_cast<double>(real_now_) * node.clock_rate) + node.clock_offset));
}

Duration Cluster::Between(Duration low, Duration high) {
  return low + Duration(random_.Below(static_cast<std::uint64_t>((high - low).count())));
}

void Cluster::Note(const std::string& step) {
  std::string line = std::to_string(real_now_ / 1000) + "us " + step;
  if (trace_) std::cerr << line << '\n';
  recent_.push_back(std::move(line));
  if (recent_.size() > 80) recent_.pop_front();
}

std::string Cluster::RecentSteps() const {
  std::string text;
  for (const std::string& line : recent_) text += line + "\n";
  return text;
}

std::size_t Cluster::committed() const {
  std::size_t sum = 0;
  for (const Invariants& invariants : invariants_) sum += invariants.committed();
  return sum;
}

// A node's life.

void Cluster::Start(NodeIndex n) {
  Node& node = nodes_[n];
  node.up = true;
  ++node.boot;
  node.frozen_until = 0;
  node.disk_stalled_until = 0;
  node.backlog.clear();
  node.half_done.clear();
  node.store_queue.clear();
  node.storing.clear();
  node.follows.assign(kShards, std::nullopt);
  node.followed_node.assign(kShards, n);
  node.terms.assign(kShards, Term());
  node.promised_until.assign(nodes_.size(), kNever);
  node.peer_gone.assign(nodes_.size(), false);
  node.next_sequence.assign(nodes_.size(), 1);
  node.sent.assign(nodes_.size(), {});
  Trace("node ", n + 1, " starts, boot ", node.boot);
  for (std::size_t s = 0; s < kShards; ++s) {
    Shard& shard = node.shards[s];
    shard.waiting.clear();
    shard.queued.clear();
    shard.proposed.clear();
    shard.raft = std::make_unique<Raft>(options_, IdOf(n), shard.disk.Recover(), random_.Fork(),
                                        Clock(node));
    Drive(n, s, [](Raft&, MonotonicTime) {});
  }
  for (NodeIndex peer = 0; peer < nodes_.size(); ++peer) {
    if (peer != n) Reconnect(n, peer);
  }
  StartTicking(n);
}

void Cluster::StartTicking(NodeIndex n) {
  AfterOn(n, milliseconds(25), [this, n] {
    for (std::size_t s = 0; s < kShards; ++s) {
      Drive(n, s, [](Raft& raft, MonotonicTime now) { raft.Tick(now); });
    }
    StartTicking(n);
  });
  if (nodes_[n].next_sequence[n] == 1) {
    nodes_[n].next_sequence[n] = 2;  // Its own place: whether the heartbeats have begun.
    SendHeartbeats(n);
  }
}

void Cluster::Crash(NodeIndex n, bool loses) {
  Node& node = nodes_[n];
  node.up = false;
  // Of the write in flight, a part may have reached the disk.
  std::size_t kept = random_.Below(node.storing.size() + 1);
  const bool torn = loses || (kept < node.storing.size() && Chance(0.3));
  for (std::size_t i = 0; i < kept; ++i) {
    const Store& store = node.storing[i];
    node.shards[store.shard].disk.Store(store.ready.hard_state, store.ready.entries);
  }
  for (std::size_t s = 0; s < kShards; ++s) {
    Shard& shard = node.shards[s];
    shard.raft.reset();
    bool lost = false;
    if (torn) {
      // What was synced is lost only while the other disks together still hold all of it.
      LogIndex keep;
      std::size_t unsure = 1;
      for (const Node& other : nodes_) {
        keep = std::max(keep, other.shards[s].disk.first() - 1);
        if (&other != &node && other.shards[s].disk.hard_state().unsure) ++unsure;
      }
      const bool may_lose = unsure <= (nodes_.size() - 1) / 2;
      const std::size_t records = !may_lose ? 0 : loses ? 4 : random_.Below(4);
      shard.disk.Tear(records, keep);
      lost = records > 0;
    }
    invariants_[s].OnStart(n, shard.disk, lost);
  }
  Trace("node ", n + 1, " crashes", torn ? ", its log torn" : "");
}

// The driver (raft.h).

void Cluster::Drive(NodeIndex n, std::size_t s,
                    const std::function<void(Raft&, MonotonicTime)>& what) {
  Node& node = nodes_[n];
  Raft& raft = *node.shards[s].raft;
  const MonotonicTime now = Clock(node);
  const bool led = raft.role() == Role::kPrimary;
  what(raft, now);
  for (NodeIndex peer = 0; !led && raft.role() == Role::kPrimary && peer < nodes_.size(); ++peer) {
    if (node.peer_gone[peer]) raft.OnGone(IdOf(peer));
  }
  do {
    Publish(n, s);
    while (raft.HasReady()) {
      Ready ready = raft.TakeReady(now);
      for (const Message& message : ready.messages) {
        const NodeIndex to = NodeOf(message.to);
        Transmit(n, to, [this, to, s, message] { OnMessage(to, s, message); });
      }
      for (const Fetch& fetch : ready.fetches) FetchEntries(n, s, fetch);
      for (const ReadyRead& read : ready.reads) {
        const auto queued = node.shards[s].queued.find(read.id);
        if (queued == node.shards[s].queued.end()) continue;
        Invariants::CheckRead(read.index, queued->second,
                              "by a round at node " + std::to_string(n + 1));
        node.shards[s].waiting.push_back({read.index, queued->second});
        node.shards[s].queued.erase(queued);
        ++round_reads_;
      }
      if (ready.persist_id != 0) Queue(n, s, std::move(ready));
    }
    Apply(n, s);
  } while (raft.HasReady());
  CheckStep(n, s);
  AnswerReads(n, s);
  Wakeup(n, s);
}

// The order carries the safety of leases: first the mark, then what was promised.
void Cluster::Publish(NodeIndex n, std::size_t s) {
  Node& node = nodes_[n];
  Raft& raft = *node.shards[s].raft;
  node.terms[s] = raft.term();
  const std::optional<Term> follows = raft.follows();
  const NodeIndex followed = follows ? NodeOf(raft.primary()) : n;
  const bool changed = follows != node.follows[s];
  node.follows[s] = follows;
  while (!node.half_done.empty() && Chance(0.3)) DoHalf(n);  // The other thread goes on meanwhile.
  if (coarse_promises_) {
    for (const MonotonicTime until : node.promised_until) raft.ExtendBound(until);
  } else if (changed && node.followed_node[s] != n) {
    raft.ExtendBound(node.promised_until[node.followed_node[s]]);
  }
  node.followed_node[s] = followed;
}

void Cluster::Apply(NodeIndex n, std::size_t s) {
  Shard& shard = nodes_[n].shards[s];
  Raft& raft = *shard.raft;
  while (raft.applied() < raft.applicable()) {
    const LogIndex index = raft.applied() + 1;
    const Entry* entry = shard.disk.Find(index);
    if (entry == nullptr) throw Violation("an applicable entry is not on the disk");
    invariants_[s].OnApplied(*entry);
    raft.OnApplied(index);
    const auto proposed = shard.proposed.find(index);
    if (proposed != shard.proposed.end()) {
      if (proposed->second == entry->term) invariants_[s].OnShown(index);
      shard.proposed.erase(proposed);
    }
  }
}

void Cluster::AnswerReads(NodeIndex n, std::size_t s) {
  Shard& shard = nodes_[n].shards[s];
  if (shard.raft->role() != Role::kPrimary || shard.raft->term() != shard.queued_in) {
    shard.queued.clear();
    shard.queued_in = shard.raft->term();
  }
  for (const Waiting& read : shard.waiting) {
    if (read.index <= shard.raft->applied()) invariants_[s].OnShown(shard.raft->applied());
  }
  std::erase_if(shard.waiting,
                [&](const Waiting& read) { return read.index <= shard.raft->applied(); });
}

void Cluster::Wakeup(NodeIndex n, std::size_t s) {
  Shard& shard = nodes_[n].shards[s];
  const MonotonicTime at = shard.raft->next_wakeup();
  if (at == kForever) return;
  const std::uint64_t number = ++shard.wakeups;
  const double wait = static_cast<double>((at - Clock(nodes_[n])).count()) / nodes_[n].clock_rate;
  AfterOn(n, Duration(std::max<RealTime>(0, static_cast<RealTime>(wait)) + 1000),
          [this, n, s, number] {
            if (nodes_[n].shards[s].wakeups != number) return;
            Drive(n, s, [](Raft& raft, MonotonicTime now) { raft.Tick(now); });
          });
}

void Cluster::CheckStep(NodeIndex n, std::size_t s) {
  std::vector<Invariants::Replica> replicas;
  for (const Node& node : nodes_)
    replicas.push_back({node.shards[s].raft.get(), &node.shards[s].disk});
  invariants_[s].AfterStep(n, replicas);
  // A read at each primary that runs, at this very moment.
  for (NodeIndex i = 0; i < nodes_.size(); ++i) {
    const Node& node = nodes_[i];
    if (!node.up || node.frozen_until > real_now_) continue;
    if (const auto index = node.shards[s].raft->ReadByLease(Clock(node))) {
      Invariants::CheckRead(*index, invariants_[s].shown(),
                            "by lease at node " + std::to_string(i + 1));
    }
  }
}

void Cluster::OnMessage(NodeIndex n, std::size_t s, const Message& message) {
  Trace("node ", n + 1, " shard ", s, " gets ", ToText(message));
  const Raft& raft = *nodes_[n].shards[s].raft;
  if (raft.unsure() && std::holds_alternative<AppendRequest>(message.body) &&
      message.term == raft.term() && invariants_[s].newest_primary() > message.term) {
    ++old_primaries_heard_;
  }
  Drive(n, s, [&](Raft& r, MonotonicTime now) { r.Step(now, message); });
}

void Cluster::Queue(NodeIndex n, std::size_t s, Ready ready) {
  invariants_[s].OnStored(*nodes_[n].shards[s].raft, ready.entries);
  nodes_[n].store_queue.push_back(Store{s, std::move(ready)});
  if (nodes_[n].storing.empty()) StartSync(n);
}

void Cluster::StartSync(NodeIndex n) {
  Node& node = nodes_[n];
  node.storing.swap(node.store_queue);
  Duration takes = Between(microseconds(50), sync_max_);
  if (std::none_of(node.storing.begin(), node.storing.end(),
                   [](const Store& store) { return store.ready.stores(); })) {
    takes = microseconds(1);
  }
  takes += Duration(std::max<RealTime>(0, node.disk_stalled_until - real_now_));
  AfterOn(n, takes, [this, n] { FinishSync(n); });
}

void Cluster::FinishSync(NodeIndex n) {
  Node& node = nodes_[n];
  std::vector<Store> done;
  done.swap(node.storing);
  for (const Store& store : done) {
    node.shards[store.shard].disk.Store(store.ready.hard_state, store.ready.entries);
  }
  for (const Store& store : done) {
    const std::size_t s = store.shard;
    for (const Message& message : store.ready.messages_after_sync) {
      const NodeIndex to = NodeOf(message.to);
      Transmit(n, to, [this, to, s, message] { OnMessage(to, s, message); });
    }
    Drive(n, s,
          [&](Raft& raft, MonotonicTime now) { raft.OnPersisted(now, store.ready.persist_id); });
  }
  if (node.storing.empty() && !node.store_queue.empty()) StartSync(n);
}

void Cluster::FetchEntries(NodeIndex n, std::size_t s, const Fetch& fetch) {
  const bool fails = chaos_ && Chance(0.1);
  AfterOn(n, Between(microseconds(20), milliseconds(5)), [this, n, s, fetch, fails] {
    std::vector<Entry> entries;
    for (LogIndex i = fetch.first; !fails && i <= fetch.last && entries.size() < 3; ++i) {
      const Entry* entry = nodes_[n].shards[s].disk.Find(i);
      if (entry == nullptr) break;
      entries.push_back(*entry);
    }
    Drive(n, s,
          [&](Raft& raft, MonotonicTime now) { raft.OnFetched(now, fetch.follower, entries); });
  });
}

// Liveness per pair of nodes (protocols 2).

void Cluster::SendHeartbeats(NodeIndex n) {
  Node& node = nodes_[n];
  Heartbeat heartbeat{node.boot, 0, {}};
  for (std::size_t s = 0; s < kShards; ++s) {
    const Raft& raft = *node.shards[s].raft;
    if (raft.role() == Role::kPrimary) heartbeat.listed.push_back({s, raft.term()});
  }
  for (NodeIndex peer = 0; peer < nodes_.size(); ++peer) {
    if (peer == n) continue;
    heartbeat.sequence = node.next_sequence[peer]++;
    node.sent[peer].emplace(heartbeat.sequence, SentHeartbeat{Clock(node), heartbeat.listed});
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
      if (listed != heartbeat.listed.end()) raft.OnHeartbeat(now, IdOf(from), listed->term);
      const bool leads = listed != heartbeat.listed.end() && listed->term >= raft.term();
      if (!leads && raft.primary() == IdOf(from)) raft.OnPrimaryGone(now);
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
  Acknowledgement acknowledgement{heartbeat.sequence, {}};
  for (const Listed& listed : heartbeat.listed) {
    if (node.follows[listed.shard] != listed.term) {
      acknowledgement.named.push_back({listed.shard, node.terms[listed.shard]});
    }
  }
  Transmit(n, to, [this, to, n, acknowledgement] { OnAcknowledged(to, n, acknowledgement); });
}

void Cluster::OnAcknowledged(NodeIndex n, NodeIndex from, const Acknowledgement& acknowledgement) {
  auto& sent = nodes_[n].sent[from];
  const auto found = sent.find(acknowledgement.sequence);
  if (found == sent.end()) return;
  const SentHeartbeat heartbeat = found->second;
  sent.erase(found);
  for (const Listed& listed : heartbeat.listed) {
    const auto named = std::find_if(acknowledgement.named.begin(), acknowledgement.named.end(),
                                    [&](const Named& one) { return one.shard == listed.shard; });
    Drive(n, listed.shard, [&](Raft& raft, MonotonicTime now) {
      if (named != acknowledgement.named.end()) {
        raft.OnNamed(now, IdOf(from), named->term);
      } else {
        raft.OnPromise(now, IdOf(from), listed.term, heartbeat.sent_at);
      }
    });
  }
}

}  // namespace ringfort::raft

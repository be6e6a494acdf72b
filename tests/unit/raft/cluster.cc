// The world and the driver. What passes between nodes is in cluster_network.cc; what goes wrong,
// and who asks for what, in cluster_chaos.cc and cluster_operator.cc.
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
  wipes_ = Chance(0.4);
  if (wipes_) {
    reorders_ = false;
    late_chance_ = 0;
  }
  wanted_voters_ = nodes <= 3 || Chance(0.5) ? nodes : 3 + random_.Below(nodes - 3);
  invariants_.resize(kShards);
  cut_.assign(nodes, std::vector<bool>(nodes, false));
  last_delivery_.assign(nodes, std::vector<RealTime>(nodes, 0));
  for (Node& node : nodes_) {
    node.clock_rate = 1 + options_.clock_drift * (2 * random_.Fraction() - 1);
    node.clock_offset = static_cast<RealTime>(random_.Below(1'000'000'000'000));
    node.shards.resize(kShards);
    node.peer_boot.assign(nodes, 0);
  }
  for (std::size_t s = 0; s < kShards; ++s) {
    const LogBase base{LogIndex(), Term(), FirstMembers(s)};
    for (const Member& voter : base.members.voters) MakeReplica(NodeOf(voter), s, voter.id, base);
  }
  for (NodeIndex n = 0; n < nodes; ++n) Start(n);
}

Members Cluster::FirstMembers(std::size_t shard) const {
  Members members;
  for (std::size_t i = 0; i < wanted_voters_; ++i) {
    const NodeIndex node = (i + shard) % nodes_.size();
    members.voters.push_back(MemberOn(node, ReplicaId(static_cast<std::uint32_t>(node + 1))));
  }
  return members;
}

Cluster::Counts& Cluster::Counts::operator+=(const Counts& more) {
  lease_reads += more.lease_reads;
  round_reads += more.round_reads;
  old_primaries_heard += more.old_primaries_heard;
  changes += more.changes;
  stale_changes += more.stale_changes;
  transfers += more.transfers;
  snapshots += more.snapshots;
  created += more.created;
  wiped += more.wiped;
  return *this;
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
  node.snapshots.clear();
  node.follows.assign(kShards, {std::nullopt, ReplicaId(), n});
  node.terms.assign(kShards, Term());
  node.promised_until.assign(nodes_.size(), kNever);
  node.peer_gone.assign(nodes_.size(), false);
  node.next_sequence.assign(nodes_.size(), 1);
  node.sent.assign(nodes_.size(), {});
  Trace("node ", n + 1, " starts, boot ", node.boot);
  for (std::size_t s = 0; s < kShards; ++s) {
    if (node.shards[s].self != ReplicaId()) StartReplica(n, s);
  }
  for (NodeIndex peer = 0; peer < nodes_.size(); ++peer) {
    if (peer != n) Reconnect(n, peer);
  }
  StartTicking(n);
}

void Cluster::MakeReplica(NodeIndex n, std::size_t s, ReplicaId id, LogBase base) {
  Shard& shard = nodes_[n].shards[s];
  shard.self = id;
  shard.newest = id;
  shard.disk.emplace(std::move(base));
  invariants_[s].OnCreated(id, *shard.disk);
}

void Cluster::StartReplica(NodeIndex n, std::size_t s) {
  Shard& shard = nodes_[n].shards[s];
  shard.raft = std::make_unique<Raft>(options_, shard.self, shard.disk->Recover(), random_.Fork(),
                                      Clock(nodes_[n]));
  Drive(n, s, [](Raft&, MonotonicTime) {});
}

void Cluster::DropReplica(NodeIndex n, std::size_t s) {
  Shard& shard = nodes_[n].shards[s];
  const ReplicaId newest = shard.newest;
  const std::uint64_t wakeups = shard.wakeups;
  shard = Shard();
  shard.newest = newest;
  shard.wakeups = wakeups + 1;
  if (!nodes_[n].up) return;
  nodes_[n].follows[s] = {std::nullopt, ReplicaId(), n};
  nodes_[n].terms[s] = Term();
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
  const std::size_t kept = random_.Below(node.storing.size() + 1);
  const bool may_lose = MayLose(n);
  const bool torn = (may_lose || !wipes_) && (loses || (kept < node.storing.size() && Chance(0.3)));
  for (std::size_t i = 0; i < kept; ++i) {
    const Store& store = node.storing[i];
    Shard& shard = node.shards[store.shard];
    if (shard.self == store.replica) shard.disk->Store(store.ready);
  }
  for (std::size_t s = 0; s < kShards; ++s) {
    Shard& shard = node.shards[s];
    shard.raft.reset();
    shard.waiting.clear();
    shard.queued.clear();
    shard.proposed.clear();
    shard.installed.clear();
    shard.heard_from.clear();
    if (shard.self == ReplicaId()) continue;
    if (torn) {
      const std::size_t records = !may_lose ? 0 : loses ? 4 : random_.Below(4);
      shard.disk->Tear(records);
      if (records > 0) invariants_[s].OnLost(shard.self);
    }
    invariants_[s].OnCrash(shard.self, *shard.disk);
  }
  Trace("node ", n + 1, " crashes", torn ? ", its log torn" : "");
}

void Cluster::Wipe(NodeIndex n) {
  if (nodes_[n].up) Crash(n);
  for (std::size_t s = 0; s < kShards; ++s) {
    Shard& shard = nodes_[n].shards[s];
    if (shard.self != ReplicaId()) invariants_[s].OnLost(shard.self);
    DropReplica(n, s);
    shard.newest = ReplicaId();
  }
  ++nodes_[n].incarnation;
  ++counts_.wiped;
  Trace("node ", n + 1, " loses its directory");
}

// The driver (raft.h).

void Cluster::Drive(NodeIndex n, std::size_t s,
                    const std::function<void(Raft&, MonotonicTime)>& what) {
  Node& node = nodes_[n];
  Shard& shard = node.shards[s];
  if (shard.raft == nullptr) return;
  Raft& raft = *shard.raft;
  const MonotonicTime now = Clock(node);
  const bool led = raft.role() == Role::kPrimary;
  what(raft, now);
  for (NodeIndex peer = 0; !led && raft.role() == Role::kPrimary && peer < nodes_.size(); ++peer) {
    if (!node.peer_gone[peer]) continue;
    for (const ReplicaId id : MembersAt(n, s, peer)) raft.OnGone(id);
  }
  do {
    Publish(n, s);
    while (raft.HasReady()) {
      Ready ready = raft.TakeReady(now);
      for (const Message& message : ready.messages) SendMessage(n, s, message);
      for (const Fetch& fetch : ready.fetches) FetchEntries(n, s, fetch);
      for (const SnapshotOrder& order : ready.snapshots) SendSnapshot(n, s, order);
      for (const ReadyRead& read : ready.reads) {
        const auto queued = shard.queued.find(read.id);
        if (queued == shard.queued.end()) continue;
        Invariants::CheckRead(read.index, queued->second,
                              "by a round at node " + std::to_string(n + 1));
        shard.waiting.push_back({read.index, queued->second});
        shard.queued.erase(queued);
        ++counts_.round_reads;
      }
      if (ready.persist_id != 0) Queue(n, s, std::move(ready));
    }
    Apply(n, s);
  } while (raft.HasReady());
  CheckStep(n, s);
  AnswerReads(n, s);
  Wakeup(n, s);
}

void Cluster::DriveReplica(NodeIndex n, std::size_t s, ReplicaId replica,
                           const std::function<void(Raft&, MonotonicTime)>& what) {
  if (nodes_[n].shards[s].self == replica) Drive(n, s, what);
}

// The order carries the safety of leases: first the mark, then what was promised.
void Cluster::Publish(NodeIndex n, std::size_t s) {
  Node& node = nodes_[n];
  Raft& raft = *node.shards[s].raft;
  node.terms[s] = raft.term();
  const Followed before = node.follows[s];
  const std::optional<Term> follows = raft.follows();
  node.follows[s] = {follows, raft.primary(), follows ? WhereIs(n, s, raft.primary()) : n};
  while (!node.half_done.empty() && Chance(0.3)) DoHalf(n);  // The other thread goes on meanwhile.
  if (coarse_promises_) {
    for (const MonotonicTime until : node.promised_until) raft.ExtendBound(until);
  } else if (follows != before.term && before.node != n) {
    raft.ExtendBound(node.promised_until[before.node], before.primary, *before.term);
  }
}

void Cluster::Apply(NodeIndex n, std::size_t s) {
  Shard& shard = nodes_[n].shards[s];
  Raft& raft = *shard.raft;
  while (raft.applied() < raft.applicable()) {
    const LogIndex index = raft.applied() + 1;
    const Entry* entry = shard.disk->Find(index);
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
  Invariants::Replicas replicas;
  for (const Node& node : nodes_) {
    const Shard& shard = node.shards[s];
    if (shard.self != ReplicaId()) replicas[shard.self] = {shard.raft.get(), &*shard.disk};
  }
  invariants_[s].AfterStep(nodes_[n].shards[s].self, replicas);
  // A read at each primary that runs, at this very moment.
  for (NodeIndex i = 0; i < nodes_.size(); ++i) {
    const Node& node = nodes_[i];
    const Raft* raft = node.shards[s].raft.get();
    if (raft == nullptr || node.frozen_until > real_now_) continue;
    if (const auto index = raft->ReadByLease(Clock(node))) {
      Invariants::CheckRead(*index, invariants_[s].shown(),
                            "by lease at node " + std::to_string(i + 1));
    }
  }
}

void Cluster::Queue(NodeIndex n, std::size_t s, Ready ready) {
  const Shard& shard = nodes_[n].shards[s];
  invariants_[s].OnStored(*shard.raft, ready.entries);
  nodes_[n].store_queue.push_back(Store{s, shard.self, std::move(ready)});
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
  // A replica may have been dropped meanwhile, and be again while these are carried out.
  auto is_there = [&](const Store& store) {
    return node.shards[store.shard].self == store.replica;
  };
  for (const Store& store : done) {
    if (is_there(store)) node.shards[store.shard].disk->Store(store.ready);
  }
  for (const Store& store : done) {
    const std::size_t s = store.shard;
    if (!is_there(store)) continue;
    for (const Message& message : store.ready.messages_after_sync) SendMessage(n, s, message);
    if (store.ready.base) {
      std::vector<std::pair<LogIndex, Action>> installed;
      installed.swap(node.shards[s].installed);
      for (auto& [index, action] : installed) {
        if (index <= store.ready.base->index) {
          action();
        } else {
          node.shards[s].installed.emplace_back(index, std::move(action));
        }
      }
    }
    DriveReplica(n, s, store.replica, [&](Raft& raft, MonotonicTime now) {
      raft.OnPersisted(now, store.ready.persist_id);
    });
  }
  if (node.storing.empty() && !node.store_queue.empty()) StartSync(n);
}

void Cluster::FetchEntries(NodeIndex n, std::size_t s, const Fetch& fetch) {
  const bool fails = chaos_ && Chance(0.1);
  const ReplicaId self = nodes_[n].shards[s].self;
  AfterOn(n, Between(microseconds(20), milliseconds(5)), [this, n, s, self, fetch, fails] {
    DriveReplica(n, s, self, [&](Raft& raft, MonotonicTime now) {
      std::vector<Entry> entries;
      for (LogIndex i = fetch.first; !fails && i <= fetch.last && entries.size() < 3; ++i) {
        const Entry* entry = nodes_[n].shards[s].disk->Find(i);
        if (entry == nullptr) break;
        entries.push_back(*entry);
      }
      raft.OnFetched(now, fetch.follower, entries);
    });
  });
}

}  // namespace ringfort::raft

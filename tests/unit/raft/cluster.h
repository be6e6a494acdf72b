// A whole cluster of Raft cores on one thread, from one seed: virtual clocks that drift, a network
// that drops, delays, reorders and cuts, disks that forget what was not synced, nodes that crash,
// freeze and lose their directory, members that change. Each core is driven exactly as raft.h says,
// heartbeats per pair of nodes as protocols 2 and 3 say.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <queue>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "base/random.h"
#include "raft/raft.h"
#include "tests/unit/raft/invariants.h"
#include "tests/unit/raft/simulated_disk.h"

namespace ringfort::raft {

class Cluster {
 public:
  static constexpr std::size_t kShards = 2;

  /// What a run came to, over all shards.
  struct Counts {
    std::size_t lease_reads = 0;
    std::size_t round_reads = 0;
    /// How often a replica that is unsure heard a primary that had been replaced.
    std::size_t old_primaries_heard = 0;
    std::size_t changes = 0;
    std::size_t stale_changes = 0;
    std::size_t transfers = 0;
    std::size_t snapshots = 0;
    std::size_t created = 0;
    std::size_t wiped = 0;

    Counts& operator+=(const Counts& more);
  };

  /// Half of the runs begin with all nodes as voters, the others with fewer, where there are more
  /// than three. `trace`: print every step to standard error.
  Cluster(std::size_t nodes, std::uint64_t seed, bool trace);

  /// Lets things go wrong for `length`.
  void RunChaos(Duration length);
  /// Mends everything; throws a Violation unless each shard then comes to serve, commit and agree.
  void HealAndCheckLiveness(Duration limit);
  /// The last steps, for the report of a failure.
  [[nodiscard]] std::string RecentSteps() const;
  /// How many entries were committed, over all shards.
  [[nodiscard]] std::size_t committed() const;
  [[nodiscard]] const Counts& counts() const { return counts_; }

 private:
  using NodeIndex = std::size_t;
  /// Real time, which no node can see.
  using RealTime = std::int64_t;
  using Action = std::function<void()>;

  struct Event {
    RealTime at;
    std::uint64_t number;
    Action action;
    bool operator>(const Event& other) const {
      return at != other.at ? at > other.at : number > other.number;
    }
  };

  struct Waiting {  ///< A read whose index is known.
    LogIndex index;
    LogIndex shown_at_start;
  };
  /// What a node has of a shard: at most one replica.
  struct Shard {
    ReplicaId self;  ///< 0: none.
    /// The highest id that this data directory ever had: none at or below it is made again.
    ReplicaId newest;
    std::optional<SimulatedDisk> disk;
    std::unique_ptr<Raft> raft;  ///< Null while the process is down, too.
    /// Where replicas were last heard from, for answers to those that are no members.
    std::map<ReplicaId, NodeIndex> heard_from;
    /// Snapshots installed, whose base is still to be synced: the base, and what to do then.
    std::vector<std::pair<LogIndex, Action>> installed;
    std::vector<Waiting> waiting;
    /// Reads queued for a round: id -> what was shown when it started.
    std::map<std::uint64_t, LogIndex> queued;
    Term queued_in;
    /// Proposed and not yet acknowledged: index -> term.
    std::map<LogIndex, Term> proposed;
    std::uint64_t wakeups = 0;
  };
  struct Store {
    std::size_t shard;
    ReplicaId replica;
    Ready ready;
  };
  struct Listed {
    std::size_t shard;
    Term term;
    ReplicaId primary;
  };
  struct Heartbeat {
    std::uint64_t boot;
    std::uint64_t sequence;
    std::vector<Listed> listed;
  };
  /// Of a shard that the heartbeat listed: which replica is there, if any, and whether it follows.
  struct Stand {
    Listed listed;
    ReplicaId replica;
    bool follows;
    Term term;
  };
  struct Acknowledgement {
    std::uint64_t sequence;
    std::uint64_t incarnation;
    std::vector<Stand> stands;
  };
  /// Whom a node's replica of a shard follows.
  struct Followed {
    std::optional<Term> term;
    ReplicaId primary;
    NodeIndex node;
  };
  struct Snapshot {
    std::uint64_t number;
    std::size_t shard;
    LogBase base;
    ReplicaId from;
    Term term;
    Member to;
    bool creates;
    std::size_t parts;
  };
  struct Node {
    double clock_rate = 1;
    RealTime clock_offset = 0;
    bool up = false;
    std::uint64_t boot = 0;
    std::uint64_t incarnation = 1;
    RealTime frozen_until = 0;
    std::deque<Action> backlog;  ///< What came while it was frozen.
    RealTime disk_stalled_until = 0;
    std::vector<Shard> shards;
    // The log writer: one write in flight.
    std::vector<Store> store_queue;
    std::vector<Store> storing;
    // Shared between the loops of a node, as the real one shares it by atomics.
    std::vector<Followed> follows;
    std::vector<Term> terms;
    std::vector<MonotonicTime> promised_until;  ///< By the node that it was promised to.
    std::vector<std::uint64_t> peer_boot;
    std::vector<bool> peer_gone;  ///< Known to be gone, until there is a connection again.
    std::vector<std::uint64_t> next_sequence;
    /// When heartbeats were sent that are still to be acknowledged, by their sequence.
    std::vector<std::map<std::uint64_t, MonotonicTime>> sent;
    std::set<std::uint64_t> snapshots;  ///< Those on their way from here.
    /// Acknowledgements under way on another thread: what remains to be done of each.
    std::deque<Action> half_done;
  };

  // The world.
  void At(RealTime at, Action action);
  void After(Duration delay, Action action) { At(real_now_ + delay.count(), std::move(action)); }
  void AfterOn(NodeIndex node, Duration delay, Action action);
  void OnNode(NodeIndex node, std::uint64_t boot, const Action& action);
  void RunUntil(RealTime until);
  [[nodiscard]] MonotonicTime Clock(const Node& node) const;
  Duration Between(Duration low, Duration high);
  bool Chance(double probability) { return random_.Fraction() < probability; }
  template <typename... Parts>
  void Trace(const Parts&... parts) {
    std::ostringstream step;
    (step << ... << parts);
    Note(step.str());
  }
  void Note(const std::string& step);

  // A node's life.
  void Start(NodeIndex node);
  /// `loses`: the end of its log is torn, whatever was under way.
  void Crash(NodeIndex node, bool loses = false);
  void StartTicking(NodeIndex node);
  /// Its data directory is lost with all replicas.
  void Wipe(NodeIndex node);
  [[nodiscard]] Members FirstMembers(std::size_t shard) const;
  [[nodiscard]] Member MemberOn(NodeIndex node, ReplicaId id) const {
    return Member{id, NodeId(static_cast<std::uint32_t>(node + 1)),
                  Incarnation{nodes_[node].incarnation, node}};
  }
  [[nodiscard]] static NodeIndex NodeOf(const Member& member) { return member.node.value() - 1; }
  void MakeReplica(NodeIndex node, std::size_t shard, ReplicaId id, LogBase base);
  void StartReplica(NodeIndex node, std::size_t shard);
  void DropReplica(NodeIndex node, std::size_t shard);

  // The driver (raft.h).
  /// Nothing where there is no replica.
  void Drive(NodeIndex node, std::size_t shard,
             const std::function<void(Raft&, MonotonicTime)>& what);
  /// Only if it is this one.
  void DriveReplica(NodeIndex node, std::size_t shard, ReplicaId replica,
                    const std::function<void(Raft&, MonotonicTime)>& what);
  /// The node of a replica, as far as this one knows; its own if it does not.
  [[nodiscard]] NodeIndex WhereIs(NodeIndex node, std::size_t shard, ReplicaId replica) const;
  /// The members on `peer`, by `node`'s log.
  [[nodiscard]] std::vector<ReplicaId> MembersAt(NodeIndex node, std::size_t shard,
                                                 NodeIndex peer) const;
  void SendMessage(NodeIndex node, std::size_t shard, const Message& message);
  void Publish(NodeIndex node, std::size_t shard);
  void Apply(NodeIndex node, std::size_t shard);
  void AnswerReads(NodeIndex node, std::size_t shard);
  void Wakeup(NodeIndex node, std::size_t shard);
  void CheckStep(NodeIndex node, std::size_t shard);
  void Queue(NodeIndex node, std::size_t shard, Ready ready);
  void StartSync(NodeIndex node);
  void FinishSync(NodeIndex node);
  void FetchEntries(NodeIndex node, std::size_t shard, const Fetch& fetch);

  // The network.
  void Transmit(NodeIndex from, NodeIndex to, Action receive);
  void Reconnect(NodeIndex a, NodeIndex b);
  void TellGone(NodeIndex node, NodeIndex gone);
  void OnMessage(NodeIndex node, std::size_t shard, NodeIndex from, const Message& message);

  // Snapshots (protocols 5).
  void SendSnapshot(NodeIndex node, std::size_t shard, const SnapshotOrder& order);
  void OnSnapshotPart(NodeIndex node, NodeIndex from, const Snapshot& snapshot, std::size_t part);
  void InstallSnapshot(NodeIndex node, NodeIndex from, const Snapshot& snapshot);
  void AnswerSnapshot(NodeIndex node, NodeIndex to, const Snapshot& snapshot, bool installed);
  void EndSnapshot(NodeIndex node, const Snapshot& snapshot, bool installed);

  // Operators: who changes members and hands roles over.
  void Operate();
  void Transfer(NodeIndex node, std::size_t shard);
  void ChangeMembers(NodeIndex node, std::size_t shard);
  [[nodiscard]] std::optional<MembersChange> SomeChange(const Raft& raft);
  void BringBackVoters(std::size_t shard);
  void DestroyStrangers(std::size_t shard);
  [[nodiscard]] bool IsIntact(std::size_t shard, const Member& member, NodeIndex lost) const;
  [[nodiscard]] bool Survives(std::size_t shard, const Members& members, NodeIndex lost) const;
  [[nodiscard]] bool MayLose(NodeIndex node) const;

  // Liveness per pair of nodes (protocols 2).
  void SendHeartbeats(NodeIndex node);
  void OnHeartbeat(NodeIndex node, NodeIndex from, const Heartbeat& heartbeat);
  void Acknowledge(NodeIndex node, NodeIndex to, const Heartbeat& heartbeat);
  void OnAcknowledged(NodeIndex node, NodeIndex from, const Acknowledgement& acknowledgement);
  void DoHalf(NodeIndex node);

  // Clients and misfortune.
  void ClientStep();
  void Read(NodeIndex node, std::size_t shard, LogIndex shown_at_start);
  void Write(NodeIndex node, std::size_t shard);
  void Flush();
  void Misfortune();
  void CutOff(NodeIndex node, NodeIndex peer, bool both_ways, Duration length);
  void ForgetBesideAnOldPrimary(NodeIndex primary, NodeIndex forgetful);
  bool Healthy(std::string* why);
  [[nodiscard]] bool AllEqual(std::size_t shard, const Raft& primary) const;
  static std::string Describe(const Raft& raft);

  Random random_;
  bool trace_;
  RealTime real_now_ = 0;
  std::uint64_t next_event_ = 0;
  std::priority_queue<Event, std::vector<Event>, std::greater<>> events_;

  Options options_;
  Duration heartbeat_interval_{0};
  bool reorders_ = false;
  /// Directories are lost. Not where messages are reordered: a healthy follower that is set aside
  /// for a late refusal, and another that is lost, are two of three.
  bool wipes_ = false;
  std::size_t wanted_voters_ = 0;
  /// The driver keeps one promise for the whole node instead of one for each peer.
  bool coarse_promises_ = false;
  double drop_chance_ = 0;
  double late_chance_ = 0;
  Duration misfortune_pause_{0};
  Duration sync_max_{0};

  std::vector<Node> nodes_;
  std::vector<Invariants> invariants_;
  /// cut_[from][to]: nothing passes.
  std::vector<std::vector<bool>> cut_;
  std::vector<std::vector<RealTime>> last_delivery_;
  bool chaos_ = true;
  std::uint64_t next_command_ = 1;
  std::uint64_t next_snapshot_ = 1;
  Counts counts_;
  std::deque<std::string> recent_;
};

}  // namespace ringfort::raft

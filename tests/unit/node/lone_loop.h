// A shard loop with one replica, on node 1, and everything around it in the test's hands: the
// clock, and what other nodes say, by messages and by heartbeats.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/check.h"
#include "node/shard_loop.h"
#include "tests/sim/log_store/memory_log_store.h"
#include "tests/sim/shard_store/memory_shard_store.h"
#include "tests/unit/node/fake_outside.h"

namespace ringfort::node {

class LoneLoop {
 public:
  static constexpr ShardId kShard{5};
  /// Not the node's number, so that mistaking them shows.
  static ReplicaId MemberOn(std::uint32_t node) { return ReplicaId(node + 10); }

  explicit LoneLoop(std::uint32_t voters = 3) : voters_(voters) {
    raft::LogBase base;
    for (std::uint32_t node = 1; node <= voters; ++node) {
      base.members.voters.push_back({MemberOn(node), NodeId(node), Peer(node).incarnation});
    }
    storage::LogUpdate creation;
    creation.shard = kShard;
    creation.base = base;
    creation.generation = storage::Generation(1);
    log_.Append({creation}, [](const Status&) {});
    RF_CHECK(log_.Sync().ok() && store_.Create({kName}).ok());
    Start(base);
  }
  ~LoneLoop() { shards_->Stop(); }

  [[nodiscard]] HandLoop& loop() { return loop_; }
  [[nodiscard]] NotingTransport& transport() { return transport_; }
  [[nodiscard]] ShardLoop& shards() { return *shards_; }
  /// With all that heartbeats told. It is there until it is removed.
  [[nodiscard]] replica::Replica& replica() { return *shards_->Find(kShard); }
  [[nodiscard]] const raft::Raft& raft() { return replica().raft(); }
  [[nodiscard]] bool is_silent() const { return shards_->silent() == 1; }
  [[nodiscard]] const std::vector<std::string>& removed() const { return removed_; }

  void Hear(std::uint32_t from, Term term, raft::Body body) {
    shards_->Deliver(Peer(from), {{kShard, {MemberOn(from), MemberOn(1), term, std::move(body)}}});
    loop_.RunTasks();
  }
  /// Node `from` leads in that term; this replica has all its log, committed.
  void Follow(std::uint32_t from, Term term) {
    raft::AppendRequest append;
    append.entries = {{term, LogIndex(1), raft::EntryKind::kNoop, SharedBytes()}};
    append.primary_last = append.commit = LogIndex(1);
    Hear(from, term, append);
    RF_CHECK(raft().follows() == std::optional(term));
  }
  /// All the others vote for this replica, and have its log and commit.
  void Lead() {
    while (raft().role() != raft::Role::kPreCandidate) loop_.Pass(std::chrono::milliseconds(20));
    const Term next = raft().term() + 1;
    for (const bool pre_vote : {true, false}) {
      for (std::uint32_t node = 2; node <= voters_; ++node) {
        Hear(node, next, raft::VoteReply{pre_vote, true, false, Duration(0)});
      }
    }
    // It waits until whoever it replaces can have no lease, and then for their commit.
    for (int i = 0; i < 15; ++i) {
      Acknowledge();
      loop_.Pass(std::chrono::milliseconds(20));
    }
    RF_CHECK(raft().serving());
  }
  void Acknowledge() {
    for (std::uint32_t node = 2; node <= voters_; ++node) {
      raft::AppendReply reply;
      reply.accepted = true;
      reply.match = reply.last_index = raft().log().last_index();
      reply.commit = raft().commit();
      Hear(node, raft().term(), reply);
    }
  }

  /// A list of what a node leads: this shard in that term.
  static LedShardsPtr List(Term term) {
    return std::make_shared<const LedShards>(LedShards{{kShard, term}});
  }
  /// One object, as a node's heartbeats have it.
  static LedShardsPtr Nothing() {
    static const LedShardsPtr nothing = std::make_shared<const LedShards>();
    return nothing;
  }
  /// Node `from`'s heartbeats go on for so long, every 50 ms.
  void Beat(std::uint32_t from, const LedShardsPtr& list, Duration time) {
    for (const MonotonicTime end = loop_.Now() + time; loop_.Now() < end;) {
      shards_->OnHeartbeat(NodeId(from), list, Nothing());
      loop_.Pass(std::chrono::milliseconds(50));
    }
  }
  /// Node `from` acknowledges the heartbeat of `sent_at`, and names the shard where `named` is a
  /// term.
  void Ack(std::uint32_t from, MonotonicTime sent_at, const LedShardsPtr& list,
           std::optional<Term> named = std::nullopt) {
    Acknowledged acknowledged{sent_at, list, named ? List(*named) : Nothing(), {}};
    if (named) acknowledged.hosted = {MemberOn(from)};
    shards_->OnAcknowledged(Peer(from), acknowledged);
    loop_.RunTasks();
  }

  /// How many messages of one kind were sent since the last call; the others are forgotten.
  int Sent(proto::RaftMessage::BodyCase kind) {
    int count = 0;
    for (const auto& sent : transport_.Take(proto::PeerMessage::kRaft)) {
      for (const auto& message : sent.message.raft().messages()) {
        count += message.body_case() == kind ? 1 : 0;
      }
    }
    return count;
  }
  /// Questions to all nodes.
  [[nodiscard]] int questions() const { return questions_; }

 private:
  static constexpr storage::ShardStore::Name kName{kShard, storage::Generation(1)};

  void Start(const raft::LogBase& base) {
    ShardLoop::Doors doors;
    doors.self = NodeId(1);
    doors.loop = &loop_;
    doors.pools = {&loop_, &loop_, &loop_};
    doors.transport = &transport_;
    doors.log = &log_;
    doors.on_leads = [](ShardId, std::optional<Term>, const std::vector<NodeId>&) {};
    doors.promised_until = [](NodeId) { return kNever; };
    doors.say = [](ShardId, const std::string&) {};
    doors.on_removed = [this](const std::shared_ptr<replica::Replica>&, const std::string& why) {
      removed_.push_back(why);
    };
    doors.drop_data = [](storage::ShardStore::Name, const std::weak_ptr<storage::ShardData>&) {};
    doors.take_snapshot_turn = [] { return std::make_shared<const char>(); };
    doors.take_snapshot_bytes = [](std::size_t) { return Duration(0); };
    doors.send_to_all = [this](const proto::PeerMessage&) { ++questions_; };
    doors.room_of = [](NodeId) { return storage::DiskRoom::kEnough; };
    doors.feature_level = [] { return FeatureLevel(); };
    doors.on_fatal = [](const Status& status) { RF_CHECK(false) << status.message(); };
    shards_ = std::make_unique<ShardLoop>(ShardLoopOptions(), doors);
    auto data = store_.Open(kName).value();
    raft::Restored restored;
    restored.hard_state.self = MemberOn(1);
    restored.base = base;
    shards_->Add(std::make_shared<replica::Replica>(
        replica::ReplicaOptions(), kShard, MemberOn(1), kName.generation, restored, data,
        replica::StateMachine::Load(data).value(), &log_, &store_, &cell_, shards_.get(),
        Random(1)));
    shards_->Start();
  }

  const std::uint32_t voters_;
  sim::MemoryShardStore store_;
  sim::MemoryLogStore log_{{.relaxed = false,
                            .when_written = [this](env::Task task) { loop_.Post(std::move(task)); },
                            .now = [this] { return loop_.Now(); }}};
  HandLoop loop_;
  NotingTransport transport_;
  replica::LivenessCell cell_;
  std::vector<std::string> removed_;
  int questions_ = 0;
  std::unique_ptr<ShardLoop> shards_;
};

}  // namespace ringfort::node

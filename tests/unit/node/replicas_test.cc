// Replicas that come and go while a node runs (protocols 6): ids only grow, what was destroyed does
// not come back, and nobody's data are dropped under a reader or kept for ever.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ring/hash_ring.h"
#include "tests/unit/node/lone_node.h"
#include "wire/raft_codec.h"

namespace ringfort::node {
namespace {

using namespace std::chrono_literals;  // NOLINT: tests only
using Kind = proto::PeerMessage::BodyCase;
using testing::ElementsAre;
using testing::Gt;
using testing::IsEmpty;
using testing::Ne;
using testing::SizeIs;

constexpr std::uint32_t kNew = 9;

class Replicas : public LoneNodeTest {
 protected:
  using LoneNodeTest::LoneNodeTest;

  /// The first replica of shard 0 on this node.
  std::uint32_t Own() const {
    for (const proto::Member& member : identity_.stored.record().shards(0).members()) {
      if (member.node() == 1) return member.replica();
    }
    return 0;
  }
  /// The beginning of a snapshot for replica `to` of shard 0.
  static proto::PeerMessage Begin(std::uint32_t to, bool creates = true) {
    proto::PeerMessage message;
    proto::SnapshotMessage* snapshot = message.mutable_snapshot();
    snapshot->set_from(2);
    snapshot->set_to(to);
    snapshot->set_term(8);
    snapshot->set_transfer(77);
    snapshot->set_attempt(1);
    proto::SnapshotBegin* begin = snapshot->mutable_begin();
    begin->set_base_index(5);
    begin->set_base_term(7);
    raft::Members members;
    members.voters = {{ReplicaId(2), NodeId(2), Peer(2).incarnation}};
    members.learners = {{ReplicaId(to), NodeId(1), Peer(1).incarnation}};
    wire::EncodeMembers(members, begin->mutable_members());
    begin->add_files()->set_bytes(100);
    begin->set_creates(creates);
    return message;
  }
  static proto::PeerMessage NoMember(std::uint32_t replica) {
    proto::PeerMessage message;
    message.mutable_orphan_answer()->set_replica(replica);
    return message;
  }
  void HearAll(const proto::PeerMessage& message) {
    Hear(message);
    process_->loop.RunTasks();
  }
  /// The replica of shard 0 that the node says it has; 0: none.
  std::uint32_t Hosted() {
    proto::PeerMessage message;
    message.mutable_heartbeat()->set_sequence(++beats_);
    message.mutable_heartbeat()->set_list_version(1);
    message.mutable_heartbeat()->set_has_list(true);
    message.mutable_heartbeat()->add_leads()->set_term(99);
    process_->transport.sent.clear();
    HearAll(message);
    const auto acks = process_->transport.Take(Kind::kHeartbeatAck);
    EXPECT_THAT(acks, SizeIs(1));
    return acks.at(0).message.heartbeat_ack().named(0).replica();
  }
  void Restart() {
    Crash();
    Start();
  }
  std::vector<std::uint64_t> Generations() const {
    std::vector<std::uint64_t> generations;
    for (const auto& name : shards_.List()) {
      if (name.shard == ShardId(0)) generations.push_back(name.generation.value());
    }
    return generations;
  }

  std::uint64_t beats_ = 0;
};

TEST_F(Replicas, ANewerIdReplacesAnOlderReplica) {
  Start();
  EXPECT_EQ(Hosted(), Own());
  HearAll(Begin(kNew));
  EXPECT_EQ(Hosted(), kNew);
  process_->loop.Pass(3s);
  EXPECT_THAT(Generations(), ElementsAre(Ne(1))) << "what the older had is gone";
  Restart();
  EXPECT_EQ(Hosted(), kNew);
  EXPECT_TRUE(fatal_.ok()) << fatal_.ToString();
}

// The run: a begin of the primary before is late, and the healthy replica that came after it is
// destroyed, with what it acknowledged.
TEST_F(Replicas, AnOlderIdNeverReplacesANewerReplica) {
  Start();
  HearAll(Begin(kNew));
  for (const std::uint32_t older : {Own(), kNew - 1}) {
    HearAll(Begin(older));
    EXPECT_EQ(Hosted(), kNew);
    Restart();
    HearAll(Begin(older));
    EXPECT_EQ(Hosted(), kNew);
  }
}

TEST_F(Replicas, OnlyABeginThatMayMakesAReplica) {
  Start();
  HearAll(Begin(kNew, /*creates=*/false));
  proto::PeerMessage chunk = Begin(kNew);
  chunk.mutable_snapshot()->mutable_chunk()->set_data("late");
  HearAll(chunk);
  EXPECT_EQ(Hosted(), Own());
}

// The run: it has forgotten its votes, comes back under its id, and votes twice in a term.
TEST_F(Replicas, ADestroyedIdIsNotMadeAgainAlsoAfterARestart) {
  Start();
  HearAll(NoMember(Own() + 1));
  EXPECT_EQ(Hosted(), Own()) << "that was said of another";
  HearAll(NoMember(Own()));
  EXPECT_EQ(Hosted(), 0U);
  HearAll(Begin(Own()));
  EXPECT_EQ(Hosted(), 0U);
  process_->loop.Pass(3s);
  EXPECT_THAT(Generations(), IsEmpty());
  Restart();
  EXPECT_EQ(Hosted(), 0U);
  HearAll(Begin(Own()));
  EXPECT_EQ(Hosted(), 0U);
  HearAll(Begin(kNew));
  EXPECT_EQ(Hosted(), kNew);
  Restart();
  EXPECT_EQ(Hosted(), kNew);
  HearAll(NoMember(kNew));
  Restart();
  HearAll(Begin(kNew));
  EXPECT_EQ(Hosted(), 0U);
  EXPECT_TRUE(fatal_.ok()) << fatal_.ToString();
}

// The run: 9's import becomes a column family, which takes a sync for each table, when 10 replaces
// 9. Its data took the name of that import, RocksDB refused the second of the two, and the node
// stopped.
TEST_F(Replicas, TheNameOfAnImportInHandIsNotGivenAway) {
  Start();
  HearAll(Begin(kNew));
  const std::uint64_t of_import = Generations().back() + 1;
  HearAll(Begin(kNew + 1));
  EXPECT_EQ(Hosted(), kNew + 1);
  process_->loop.Pass(3s);
  EXPECT_THAT(Generations(), ElementsAre(Gt(of_import)));
}

// A primary that hears nothing for a second begins anew, while the disk is slow.
TEST_F(Replicas, ABeginThatComesAgainMakesNoSecondReplica) {
  for (int tasks = 0; tasks < 20; ++tasks) {
    EmptyLog();
    identity_.stored.set_replicas_made(false);
    Start();
    Hear(Begin(kNew));
    for (int i = 0; i < tasks; ++i) process_->loop.RunTask();
    Hear(Begin(kNew));
    Hear(Begin(kNew + 1));
    process_->loop.RunTasks();
    HearAll(Begin(kNew));
    EXPECT_GE(Hosted(), kNew) << "after " << tasks << " tasks";
    const std::uint32_t hosted = Hosted();
    Restart();
    EXPECT_EQ(Hosted(), hosted) << "after " << tasks << " tasks";
    Crash();
  }
}

// The run: the note that 1 was destroyed overtakes, on the disk, the record that 9 was made; 9
// acknowledges entries, the node restarts, and there is no 9.
TEST_F(Replicas, ABurialNeverOvertakesWhatIsMadeAfterIt) {
  Start(/*in_order=*/false);
  const auto run = [&] {
    do {
      process_->loop.RunTasks();
    } while (process_->pool.RunNewest());
  };
  run();
  Hear(NoMember(Own()));
  process_->loop.RunTasks();
  Hear(Begin(kNew));
  run();
  Hear(Begin(kNew));  // As the primary does until it is answered.
  run();
  EXPECT_EQ(Hosted(), kNew);
  run();
  Restart();
  EXPECT_EQ(Hosted(), kNew);
}

/// Every read goes to the disk.
class SlowReads : public Replicas {
 protected:
  SlowReads() : Replicas({.miss_one_in = 1}) {}
};

TEST_F(SlowReads, DataAreDroppedOnlyWhenNobodyReadsThem) {
  Start(/*in_order=*/false);
  const auto run = [&] {
    do {
      process_->loop.Pass(1s);
    } while (process_->pool.RunNewest());
  };
  run();
  int answers = 0;
  Node::Incoming read;
  read.request.mutable_get()->set_consistency(proto::Get::ANY_REPLICA);
  std::string key = "a";
  while (ring::ShardOf(key, kShards) != ShardId(0)) key += "a";
  read.request.mutable_get()->add_keys()->set_shard_key(key);
  read.request.set_shard(0);
  read.reply = [&](const proto::Response& response) {
    EXPECT_TRUE(response.has_got()) << response.error().message();
    ++answers;
  };
  process_->node->Handle({read});
  process_->loop.RunTasks();
  env::Task reading = process_->pool.TakeNewest();
  ASSERT_EQ(answers, 0);
  HearAll(NoMember(Own()));
  run();
  EXPECT_EQ(Hosted(), 0U);
  EXPECT_THAT(Generations(), ElementsAre(1)) << "it is being read";
  reading();
  reading = nullptr;
  run();
  EXPECT_EQ(answers, 1);
  EXPECT_THAT(Generations(), IsEmpty());
}

// The rest of an import that a crash ended (protocols 5).
TEST_F(Replicas, DataThatTheLogDoesNotNameAreDroppedAtTheStart) {
  Start();
  Crash();
  ASSERT_TRUE(shards_.Create({{ShardId(0), storage::Generation(7)}}).ok());
  Start();
  EXPECT_THAT(Generations(), ElementsAre(1));
  EXPECT_EQ(Hosted(), Own());
}

// Its vote and its log are whole (protocols 6).
TEST_F(Replicas, OneWhoseDataAreGoneStaysTheMemberThatItIs) {
  Start();
  Crash();
  ASSERT_TRUE(shards_.Drop({ShardId(0), storage::Generation(1)}).ok());
  Start();
  EXPECT_EQ(Hosted(), Own());
  int damaged = 0;
  const proto::NodeStatus status = OwnStatus();
  for (const proto::ReplicaStatus& replica : status.replicas()) {
    damaged += replica.damage().empty() ? 0 : 1;
    EXPECT_EQ(replica.damage().empty(), replica.shard() != 0);
  }
  EXPECT_EQ(damaged, 1);
  EXPECT_TRUE(fatal_.ok()) << fatal_.ToString();
}

// The disk is bad, or the damage is a fault of ours: then the old data may be whole.
TEST_F(Replicas, OldDataOfManyThatWereDamagedAreKeptAlsoOverAStart) {
  Start();
  Crash();
  const auto leave_repaired = [this](std::uint32_t shard) {
    const storage::ShardStore::Name old{ShardId(shard), storage::Generation(7)};
    ASSERT_TRUE(shards_.Create({old}).ok());
    ASSERT_TRUE(shards_.MarkDamaged(old, Status(Code::kCorruption, "a block")).ok());
    shards_.Crash();
  };
  leave_repaired(0);
  Start();
  EXPECT_THAT(Generations(), ElementsAre(1)) << "one is a bad block";
  Crash();
  leave_repaired(0);
  leave_repaired(1);
  Start();
  EXPECT_THAT(Generations(), ElementsAre(1, 7));
  EXPECT_EQ(Hosted(), Own());
}

// A copy whose log lost something does not take the node down. Its primary makes another, never the
// same.
TEST_F(Replicas, OneWhoseLogLostSomethingIsSetAsideAndReplaced) {
  Start();
  Crash();
  {
    const auto data = shards_.Open({ShardId(0), storage::Generation(1)}).value();
    ASSERT_TRUE(data->Apply({}, {LogIndex(50), Term(1)}, /*may_wait=*/true).ok());
    ASSERT_TRUE(data->Flush().ok());
  }
  Start();
  EXPECT_EQ(Hosted(), 0U);
  EXPECT_THAT(OwnStatus().replicas(), SizeIs(kShards - 1));
  HearAll(Begin(Own()));
  EXPECT_EQ(Hosted(), 0U);
  HearAll(Begin(kNew));
  EXPECT_EQ(Hosted(), kNew);
  EXPECT_TRUE(fatal_.ok()) << fatal_.ToString();
}

TEST_F(Replicas, NothingIsMadeOnceTheNodeStops) {
  Start();
  process_->node->Stop([] {});
  HearAll(Begin(kNew));
  HearAll(NoMember(Own()));
  process_->loop.Pass(3s);
  Restart();
  EXPECT_EQ(Hosted(), Own());
}

}  // namespace
}  // namespace ringfort::node

// A node of three that is left alone: an operator begins a shard anew from its copy. A crash
// between any two steps leaves the old copy or the new one, the old data are kept, and a replica of
// an epoch that is over takes part in nothing and is not deleted (protocols 6).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/node/lone_node.h"
#include "wire/raft_codec.h"

namespace ringfort::node {
namespace {

using namespace std::chrono_literals;  // NOLINT: tests only
using Kind = proto::PeerMessage::BodyCase;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

constexpr std::uint64_t kFirstEpoch = raft::MakeEpoch(1, NodeId(1));

class NodeRecovery : public LoneNodeTest {
 protected:
  NodeRecovery() { identity_.stored.mutable_record()->set_feature_level(1); }

  std::optional<proto::Response> asked_;
  void AskToRecover(bool dry_run = false, bool accept_loss = false) {
    asked_.reset();
    std::vector<Node::Incoming> requests(1);
    requests[0].request.set_shard(0);
    requests[0].request.mutable_recover_shard()->set_dry_run(dry_run);
    requests[0].request.mutable_recover_shard()->set_accept_loss(accept_loss);
    requests[0].reply = [this](const proto::Response& response) { asked_ = response; };
    process_->node->Handle(std::move(requests));
  }
  proto::Response Recover(bool dry_run = false) {
    AskToRecover(dry_run);
    process_->loop.Pass(3s);
    EXPECT_TRUE(asked_.has_value());
    return asked_.value_or(proto::Response());
  }
  proto::ReplicaStatus OwnReplica() {
    const proto::NodeStatus status = OwnStatus();
    for (const proto::ReplicaStatus& replica : status.replicas()) {
      if (replica.shard() == 0) return replica;
    }
    return {};
  }
  std::vector<storage::Generation> Generations() const {
    std::vector<storage::Generation> generations;
    for (const auto& name : shards_.List()) {
      if (name.shard == ShardId(0)) generations.push_back(name.generation);
    }
    return generations;
  }
  void Restart() {
    Crash();
    Start();
  }
  void HearAll(const proto::PeerMessage& message) {
    env::PeerIdentity from = Peer(2);
    from.knows = FeatureLevel(1);
    process_->node->OnMessage(from, env::Lane::kBulk, message.SerializeAsString());
    process_->loop.RunTasks();
  }
  static proto::PeerMessage EpochOfShard0(std::uint64_t epoch) {
    proto::PeerMessage message;
    message.mutable_epoch()->set_shard(0);
    message.mutable_epoch()->set_epoch(epoch);
    return message;
  }
};

TEST_F(NodeRecovery, ADryRunChangesNothing) {
  Start();
  const proto::Response answer = Recover(/*dry_run=*/true);
  ASSERT_TRUE(answer.has_shard_recovery()) << answer.error().message();
  const proto::ShardRecovery& found = answer.shard_recovery();
  EXPECT_EQ(found.refused(), "");
  EXPECT_THAT(found.copies(), SizeIs(1));
  EXPECT_EQ(found.newest(), 1U);
  EXPECT_THAT(found.silent(), ElementsAre(2, 3));
  EXPECT_EQ(found.epoch(), kFirstEpoch);
  EXPECT_EQ(OwnReplica().epoch(), 0U);
  EXPECT_THAT(Generations(), ElementsAre(storage::Generation(1)));
}

TEST_F(NodeRecovery, BeginsTheShardAnewAsItsOnlyVoter) {
  Start();
  const proto::Response answer = Recover();
  ASSERT_TRUE(answer.has_shard_recovery()) << answer.error().message();
  process_->loop.Pass(5s);
  for (int start = 0; start < 2; ++start) {
    const proto::ReplicaStatus replica = OwnReplica();
    EXPECT_EQ(replica.epoch(), kFirstEpoch);
    EXPECT_EQ(replica.role(), proto::ReplicaStatus::PRIMARY);
    EXPECT_TRUE(replica.serving());
    EXPECT_GT(replica.last(), std::uint64_t{1} << 32);
    EXPECT_GE(replica.term(), answer.shard_recovery().term());
    EXPECT_THAT(Generations(), SizeIs(2)) << "the old data are kept";
    const proto::NodeStatus status = OwnStatus();
    ASSERT_THAT(status.void_copies(), SizeIs(1));
    EXPECT_TRUE(status.void_copies(0).data_only());
    Restart();
    process_->loop.Pass(5s);
  }
  EXPECT_TRUE(fatal_.ok()) << fatal_.ToString();
  // It leads, so it is not done twice.
  EXPECT_THAT(Recover().error().message(), HasSubstr("has a primary"));
}

TEST_F(NodeRecovery, IsRefusedBeforeTheUpgradeIsFinalized) {
  identity_.stored.mutable_record()->set_feature_level(0);
  Start();
  const proto::Response answer = Recover();
  EXPECT_EQ(static_cast<Code>(answer.error().code()), Code::kUnsupported);
  EXPECT_THAT(answer.error().message(), HasSubstr("upgrade finalize"));
}

// The run: the identity says that the new epoch is in force, the log does not know of it yet, and
// the only copy is called void at the next start.
TEST_F(NodeRecovery, ACrashBetweenAnyTwoStepsLeavesTheOldCopyOrTheNewOne) {
  int old_ones = 0;
  int new_ones = 0;
  for (int tasks = 0; tasks < 60; ++tasks) {
    EmptyLog();
    shards_.Wipe();
    identity_.stored.set_replicas_made(false);
    identity_.stored.clear_epochs();
    identity_.stored.clear_kept();
    Start();
    AskToRecover();
    for (int i = 0; i < tasks; ++i) process_->loop.RunTask();
    Crash();
    Start();
    const proto::NodeStatus status = OwnStatus();
    ASSERT_THAT(status.replicas(), SizeIs(kShards)) << "after " << tasks << " tasks";
    const std::uint64_t epoch = OwnReplica().epoch();
    (epoch == 0 ? old_ones : new_ones) += 1;
    EXPECT_THAT(Generations(), SizeIs(epoch == 0 ? 1 : 2)) << "after " << tasks << " tasks";
    EXPECT_EQ(status.void_copies_size(), epoch == 0 ? 0 : 1) << "after " << tasks << " tasks";
    EXPECT_TRUE(fatal_.ok()) << fatal_.ToString();
    Crash();
  }
  EXPECT_GT(old_ones, 0);
  EXPECT_GT(new_ones, 0);
}

TEST_F(NodeRecovery, AReplicaOfAnEpochThatIsOverTakesPartInNothing) {
  Start();
  HearAll(EpochOfShard0(1));
  for (int start = 0; start < 2; ++start) {
    const proto::NodeStatus status = OwnStatus();
    EXPECT_THAT(status.replicas(), SizeIs(kShards - 1));
    ASSERT_THAT(status.void_copies(), SizeIs(1));
    EXPECT_EQ(status.void_copies(0).shard_epoch(), 1U);
    EXPECT_FALSE(status.void_copies(0).data_only());
    for (const proto::RaftMessage& message : SentIn(5s)) EXPECT_NE(message.shard(), 0U);
    EXPECT_THAT(Generations(), ElementsAre(storage::Generation(1))) << "nothing is deleted";
    Restart();
  }
  EXPECT_TRUE(fatal_.ok()) << fatal_.ToString();
}

// Nobody destroys it, and nothing is put in its place, before an operator says so.
TEST_F(NodeRecovery, AVoidReplicaStaysUntilItIsDiscarded) {
  Start();
  HearAll(EpochOfShard0(1));
  const std::uint32_t own = OwnStatus().void_copies(0).replica();
  proto::PeerMessage no_member;
  no_member.mutable_orphan_answer()->set_replica(own);
  HearAll(no_member);
  proto::PeerMessage begin;
  proto::SnapshotMessage* snapshot = begin.mutable_snapshot();
  snapshot->set_from(70'000);
  snapshot->set_to(70'001);
  snapshot->set_term(1 << 20);
  snapshot->mutable_begin()->set_creates(true);
  raft::Members members;
  members.voters = {{ReplicaId(70'000), NodeId(2), Peer(2).incarnation}};
  members.learners = {{ReplicaId(70'001), NodeId(1), Peer(1).incarnation}};
  members.format = raft::MembersFormat::kNumbered;
  members.epoch = 1;
  wire::EncodeMembers(members, snapshot->mutable_begin()->mutable_members());
  snapshot->mutable_begin()->set_base_index(5);
  snapshot->mutable_begin()->set_base_term(7);
  snapshot->mutable_begin()->add_files()->set_bytes(100);
  HearAll(begin);
  EXPECT_THAT(OwnStatus().void_copies(), SizeIs(1));
  EXPECT_THAT(Generations(), ElementsAre(storage::Generation(1)));

  std::vector<Node::Incoming> requests(1);
  requests[0].request.mutable_discard_void();
  std::optional<proto::Response> answer;
  requests[0].reply = [&](const proto::Response& response) { answer = response; };
  process_->node->Handle(std::move(requests));
  process_->loop.Pass(3s);
  ASSERT_TRUE(answer.has_value());
  EXPECT_EQ(answer->void_discarded().copies(), 1U);
  EXPECT_THAT(OwnStatus().void_copies(), IsEmpty());
  EXPECT_THAT(Generations(), IsEmpty());
  HearAll(begin);
  EXPECT_EQ(OwnReplica().epoch(), 1U) << "now another is made there";
  EXPECT_TRUE(fatal_.ok()) << fatal_.ToString();
}

// The run: the void replica is still counted as a follower by what its cell says to heartbeats, and
// the primary of the epoch that is over keeps its lease by it.
TEST_F(NodeRecovery, AVoidReplicaIsNotCountedByHeartbeats) {
  Start();
  proto::PeerMessage append;
  proto::RaftMessage* message = FromNode2(0, 9, &append);
  message->mutable_append_request();
  HearAll(append);
  proto::PeerMessage beat;
  beat.mutable_heartbeat()->set_sequence(1);
  beat.mutable_heartbeat()->set_list_version(1);
  beat.mutable_heartbeat()->set_has_list(true);
  proto::LedShard* led = beat.mutable_heartbeat()->add_leads();
  led->set_shard(0);
  led->set_term(9);
  const auto named = [&] {
    process_->transport.sent.clear();
    beat.mutable_heartbeat()->set_sequence(beat.heartbeat().sequence() + 1);
    HearAll(beat);
    const auto acks = process_->transport.Take(Kind::kHeartbeatAck);
    return acks.empty() ? -1 : acks.back().message.heartbeat_ack().named_size();
  };
  EXPECT_EQ(named(), 0) << "it follows";
  HearAll(EpochOfShard0(1));
  EXPECT_EQ(named(), 1);
}

TEST_F(NodeRecovery, WhoSpeaksInAnOlderEpochIsToldSo) {
  Start();
  ASSERT_TRUE(Recover().has_shard_recovery());
  process_->transport.sent.clear();
  proto::PeerMessage batch;
  FromNode2(0, 9, &batch)->mutable_vote_request()->set_last_term(8);
  HearAll(batch);
  HearAll(batch);
  std::vector<std::uint64_t> told;
  for (const auto& sent : process_->transport.Take(Kind::kEpoch)) {
    EXPECT_EQ(sent.to, NodeId(2));
    told.push_back(sent.message.epoch().epoch());
  }
  EXPECT_THAT(told, ElementsAre(kFirstEpoch)) << "and not again at once";
  EXPECT_EQ(OwnReplica().epoch(), kFirstEpoch);
}

}  // namespace
}  // namespace ringfort::node

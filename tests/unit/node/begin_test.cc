// From a stored record to replicas: they are made as voters once, and never in the place of lost
// ones (protocols 1 and 4).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/unit/node/lone_node.h"

namespace ringfort::node {
namespace {

using namespace std::chrono_literals;  // NOLINT: tests only
using Kind = proto::PeerMessage::BodyCase;
using testing::SizeIs;

class BeginTest : public LoneNodeTest {
 protected:
  /// What node 2 hears when it says that it leads shard 0 in term 7.
  proto::HeartbeatAck AnswerToNode2() {
    proto::PeerMessage message;
    message.mutable_heartbeat()->set_sequence(1);
    message.mutable_heartbeat()->set_list_version(1);
    message.mutable_heartbeat()->set_has_list(true);
    message.mutable_heartbeat()->add_leads()->set_term(7);
    process_->node->OnMessage(Peer(2), env::Lane::kLiveness, message.SerializeAsString());
    const auto acks = process_->transport.Take(Kind::kHeartbeatAck);
    EXPECT_THAT(acks, SizeIs(1));
    return acks.empty() ? proto::HeartbeatAck() : acks[0].message.heartbeat_ack();
  }

  /// How many answers it sends when node 2 asks for its vote in every shard.
  std::size_t AnswersToVoteRequests() {
    proto::PeerMessage message;
    for (int shard = 0; shard < kShards; ++shard) {
      proto::RaftMessage* request = FromNode2(shard, 9, &message);
      request->mutable_vote_request()->set_last_index(100);
      request->mutable_vote_request()->set_last_term(8);
    }
    process_->transport.sent.clear();
    Hear(message);
    // Less than until a replica asks for votes by itself.
    const std::vector<proto::RaftMessage> sent = SentIn(15ms);
    return static_cast<std::size_t>(
        std::ranges::count_if(sent, [](const auto& one) { return one.has_vote_reply(); }));
  }
};

TEST_F(BeginTest, TheFirstStartMakesVotersAndNotesIt) {
  Start();
  EXPECT_TRUE(identity_.stored.replicas_made());
  EXPECT_THAT(OwnStatus().replicas(), SizeIs(kShards));
  EXPECT_EQ(AnswersToVoteRequests(), kShards);
  Crash();
  Start();
  EXPECT_THAT(OwnStatus().replicas(), SizeIs(kShards)) << "and they last";
}

// The run: this node votes, its log is lost, and a new voter at term 0 in its place votes again.
TEST_F(BeginTest, ALogThatLostItsReplicasGetsNoNewOnes) {
  Start();
  Crash();
  EmptyLog();
  Start();
  const proto::NodeStatus status = OwnStatus();
  EXPECT_TRUE(status.waiting_for().empty()) << status.waiting_for();
  EXPECT_THAT(status.replicas(), SizeIs(0));
  EXPECT_EQ(AnswersToVoteRequests(), 0U);
  const proto::HeartbeatAck ack = AnswerToNode2();
  ASSERT_THAT(ack.named(), SizeIs(1)) << "the shard is named as absent";
  EXPECT_EQ(ack.named(0).term(), 0U);
  process_->loop.Pass(5s);
  EXPECT_THAT(process_->transport.Take(Kind::kRaft), SizeIs(0)) << "it asks nobody for votes";
  EXPECT_TRUE(fatal_.ok()) << fatal_.ToString();
}

// The run: three nodes are created with different leases, by one with the shortest. Were this one
// to ask for longer promises, those that start anew would wait too short (protocols 3).
TEST_F(BeginTest, ALongerLeaseThanTheClusterWasCreatedWithEndsTheNode) {
  identity_.stored.mutable_record()->set_longest_promise_ms(199);
  Start();
  EXPECT_EQ(fatal_.code(), Code::kInvalidArgument);
  EXPECT_THAT(fatal_.message(), testing::HasSubstr("--lease_ms=200"));
  EXPECT_EQ(AnswersToVoteRequests(), 0U);
}

TEST_F(BeginTest, TheReplicasLastBeforeTheNoteThatTheyWereMade) {
  identity_.failure = Status(Code::kIoError, "no");
  Start();
  EXPECT_EQ(fatal_.code(), Code::kIoError) << "no vote without the note";
  EXPECT_EQ(AnswersToVoteRequests(), 0U);
  Crash();
  EXPECT_THAT(log_->TakeRecovery().shards, SizeIs(kShards + 1)) << "and the meta group";
}

TEST_F(BeginTest, ACrashBeforeTheNoteIsMadeGood) {
  for (const bool made : {false, true}) {
    EmptyLog();
    if (made) {
      Start();
      Crash();
    }
    identity_.stored.set_replicas_made(false);
    Start();
    EXPECT_TRUE(identity_.stored.replicas_made());
    EXPECT_THAT(OwnStatus().replicas(), SizeIs(kShards));
    EXPECT_EQ(AnswersToVoteRequests(), kShards);
    Crash();
  }
}

}  // namespace
}  // namespace ringfort::node

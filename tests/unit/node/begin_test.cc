// From a stored record to replicas: they are made as voters once, and never in the place of lost
// ones (protocols 1 and 4).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>

#include "node/node.h"
#include "tests/sim/log_store/memory_log_store.h"
#include "tests/sim/shard_store/memory_shard_store.h"
#include "tests/unit/node/fake_outside.h"
#include "wire/id_codec.h"

namespace ringfort::node {
namespace {

using namespace std::chrono_literals;  // NOLINT: tests only
using Kind = proto::PeerMessage::BodyCase;
using testing::SizeIs;

constexpr int kShards = 4;

ring::ClusterConfig Config() {
  ring::ClusterConfig config;
  config.cluster_name = "test";
  config.shards = kShards;
  config.replicas = 3;
  for (std::uint32_t i = 1; i <= 3; ++i) {
    config.nodes.push_back({NodeId(i), "host-" + std::to_string(i) + ":1", "z", 1});
  }
  return config;
}

class IdentityInMemory final : public storage::IdentityStore {
 public:
  Status Save(std::string_view bytes) override {
    if (!failure.ok()) return failure;
    EXPECT_TRUE(stored.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())));
    return Status::Ok();
  }
  proto::Identity stored;
  Status failure;
};

/// Node 1 of three, whose directory holds the creation record; the others say only what a test
/// lets them say.
class BeginTest : public testing::Test {
 protected:
  struct Process {
    HandLoop loop;
    NotingTransport transport;
    std::unique_ptr<Node> node;
  };

  BeginTest() {
    identity_.stored.set_node(1);
    identity_.stored.set_incarnation(wire::EncodeId(Peer(1).incarnation));
    identity_.stored.set_cluster_name("test");
    *identity_.stored.mutable_record() = MakeRecord(Config(),
                                                    {{NodeId(1), Peer(1).incarnation},
                                                     {NodeId(2), Peer(2).incarnation},
                                                     {NodeId(3), Peer(3).incarnation}},
                                                    ClusterId{5, 6}, 200ms);
    EmptyLog();
  }

  void EmptyLog() {
    log_ = std::make_unique<sim::MemoryLogStore>(sim::MemoryLogStore::Options{
        .relaxed = false,
        .when_written = [this](env::Task task) { process_->loop.Post(std::move(task)); },
        .now = [this] { return process_->loop.Now(); }});
  }

  void Start() {
    identity_.stored.set_boot(identity_.stored.boot() + 1);
    process_ = std::make_unique<Process>();
    NodeDoors doors;
    doors.loops = {&process_->loop};
    doors.pool = &process_->loop;
    doors.transport = &process_->transport;
    doors.log = log_.get();
    doors.shards = &shards_;
    doors.identity = &identity_;
    doors.on_fatal = [this](const Status& status) { fatal_ = status; };
    doors.log_line = [](const std::string& /*line*/) {};
    doors.counters = [] { return std::vector<std::pair<std::string, std::uint64_t>>(); };
    process_->node = std::make_unique<Node>(NodeOptions(), Config(), identity_.stored, doors);
    process_->node->Start();
    process_->loop.RunTasks();
  }

  /// As kill -9 and a power cut together.
  void Crash() {
    log_->ForgetUnsynced(sim::Unsynced::kLost);
    process_.reset();
    shards_.Crash();
  }

  proto::NodeStatus OwnStatus() {
    std::vector<Node::Incoming> requests(1);
    requests[0].request.mutable_get_node_status();
    std::optional<proto::NodeStatus> answer;
    requests[0].reply = [&](const proto::Response& response) { answer = response.node_status(); };
    process_->node->Handle(std::move(requests));
    process_->loop.RunTasks();
    EXPECT_TRUE(answer.has_value());
    return answer.value_or(proto::NodeStatus());
  }

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

  /// How many messages of shards it sends when node 2 asks for its vote in every shard.
  std::size_t AnswersToVoteRequests() {
    proto::PeerMessage message;
    for (int shard = 0; shard < kShards; ++shard) {
      proto::RaftMessage* request = message.mutable_raft()->add_messages();
      request->set_shard(static_cast<std::uint32_t>(shard));
      for (const proto::Member& member : identity_.stored.record().shards(shard).members()) {
        if (member.node() == 1) request->set_to(member.replica());
        if (member.node() == 2) request->set_from(member.replica());
      }
      request->set_term(9);
      request->mutable_vote_request()->set_last_index(100);
      request->mutable_vote_request()->set_last_term(8);
    }
    process_->transport.sent.clear();
    process_->node->OnMessage(Peer(2), env::Lane::kBulk, message.SerializeAsString());
    process_->loop.Pass(15ms);  // Less than until a replica asks for votes by itself.
    std::size_t answers = 0;
    for (const auto& sent : process_->transport.Take(Kind::kRaft)) {
      answers += static_cast<std::size_t>(sent.message.raft().messages_size());
    }
    return answers;
  }

  IdentityInMemory identity_;
  sim::MemoryShardStore shards_;
  std::unique_ptr<sim::MemoryLogStore> log_;
  std::unique_ptr<Process> process_;
  Status fatal_;
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

TEST_F(BeginTest, TheReplicasLastBeforeTheNoteThatTheyWereMade) {
  identity_.failure = Status(Code::kIoError, "no");
  Start();
  EXPECT_EQ(fatal_.code(), Code::kIoError) << "no vote without the note";
  EXPECT_EQ(AnswersToVoteRequests(), 0U);
  Crash();
  EXPECT_THAT(log_->TakeRecovery().shards, SizeIs(kShards));
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

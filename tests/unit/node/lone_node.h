// One node on fakes: its disk is in memory and forgets, its peers say what the test lets them say.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "node/node.h"
#include "tests/sim/log_store/memory_log_store.h"
#include "tests/sim/shard_store/memory_shard_store.h"
#include "tests/unit/node/fake_outside.h"
#include "wire/id_codec.h"
#include "wire/map_codec.h"

namespace ringfort::node {

inline constexpr int kShards = 4;

inline ring::ClusterConfig Config() {
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
class LoneNodeTest : public testing::Test {
 protected:
  struct Process {
    HandLoop loop;
    HandPool pool;
    NotingTransport transport;
    std::unique_ptr<Node> node;
  };

  explicit LoneNodeTest(sim::ShardStoreWhims whims = {}) : shards_(1, whims) {
    identity_.stored.set_node(1);
    identity_.stored.set_incarnation(wire::EncodeId(Peer(1).incarnation));
    identity_.stored.set_cluster_name("test");
    *identity_.stored.mutable_record() =
        MakeRecord(Config(),
                   {{NodeId(1), Peer(1).incarnation},
                    {NodeId(2), Peer(2).incarnation},
                    {NodeId(3), Peer(3).incarnation}},
                   ClusterId{5, 6}, std::chrono::milliseconds(200));
    EmptyLog();
  }

  void EmptyLog() {
    log_ = std::make_unique<sim::MemoryLogStore>(sim::MemoryLogStore::Options{
        .relaxed = false,
        .when_written = [this](env::Task task) { process_->loop.Post(std::move(task)); },
        .now = [this] { return process_->loop.Now(); }});
  }

  /// The node's blocking work is done on its loop, in order; or in a pool that the test drives.
  void Start(bool in_order = true) {
    identity_.stored.set_boot(identity_.stored.boot() + 1);
    process_ = std::make_unique<Process>();
    NodeDoors doors;
    doors.loops = {&process_->loop};
    doors.pool = in_order ? static_cast<env::Executor*>(&process_->loop) : &process_->pool;
    doors.chunk_pool = doors.shard_pool = doors.pool;
    doors.transport = &process_->transport;
    doors.log = log_.get();
    doors.shards = &shards_;
    doors.identity = &identity_;
    doors.wall = &wall_;
    doors.on_fatal = [this](const Status& status) { fatal_ = status; };
    doors.on_removed = [this] { ++removed_; };
    doors.log_line = [this](const std::string& line) { lines_.push_back(line); };
    doors.counters = [] { return std::vector<std::pair<std::string, std::uint64_t>>(); };
    process_->node = std::make_unique<Node>(NodeOptions(), Config(), identity_.stored, doors);
    process_->node->Start();
    process_->loop.RunTasks();
    if (!introduces_) return;
    for (const std::uint32_t peer : {2U, 3U}) process_->node->OnConnected(Peer(peer), true);
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

  /// Messages of shards that the node sends until `time` has passed.
  std::vector<proto::RaftMessage> SentIn(Duration time) {
    process_->loop.Pass(time);
    std::vector<proto::RaftMessage> messages;
    for (const auto& sent : process_->transport.Take(proto::PeerMessage::kRaft)) {
      for (const proto::RaftMessage& message : sent.message.raft().messages()) {
        messages.push_back(message);
      }
    }
    return messages;
  }
  /// From node 2's replica of the shard to this node's.
  proto::RaftMessage* FromNode2(int shard, std::uint64_t term, proto::PeerMessage* batch) const {
    proto::RaftMessage* message = batch->mutable_raft()->add_messages();
    message->set_shard(static_cast<std::uint32_t>(shard));
    message->set_term(term);
    for (const proto::Member& member : identity_.stored.record().shards(shard).members()) {
      if (member.node() == 1) message->set_to(member.replica());
      if (member.node() == 2) message->set_from(member.replica());
    }
    return message;
  }
  void Hear(const proto::PeerMessage& message) {
    process_->node->OnMessage(Peer(2), env::Lane::kBulk, message.SerializeAsString());
  }
  void HearMap(const ring::ClusterMap& map) {
    proto::ClusterMap encoded;
    wire::EncodeMap(map, &encoded);
    proto::PeerMessage message;
    message.mutable_map_answer()->set_map(encoded.SerializeAsString());
    Hear(message);
  }

  IdentityInMemory identity_;
  StoppedWallClock wall_;
  sim::MemoryShardStore shards_;
  std::unique_ptr<sim::MemoryLogStore> log_;
  std::unique_ptr<Process> process_;
  /// The other nodes take this start, once it has begun.
  bool introduces_ = true;
  Status fatal_;
  int removed_ = 0;
  std::vector<std::string> lines_;
};

}  // namespace ringfort::node

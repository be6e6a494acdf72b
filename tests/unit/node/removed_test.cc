// A node that the cluster has removed: it learns of it, ends, and is told by those it asks.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/node/lone_node.h"
#include "wire/map_codec.h"

namespace ringfort::node {
namespace {

using namespace std::chrono_literals;  // NOLINT: tests only
using Kind = proto::PeerMessage::BodyCase;
using testing::Contains;
using testing::Field;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

class Removed : public LoneNodeTest {
 protected:
  ring::ClusterMap First() const { return *MapOf(identity_.stored.record()); }
  /// A map in which that node is gone.
  ring::ClusterMap Without(std::uint32_t node) const {
    ring::ClusterMap map = First();
    ++map.version;
    map.nodes[node - 1].state = ring::NodeState::kGone;
    for (std::vector<NodeId>& place : map.placement) std::erase(place, NodeId(node));
    std::erase(map.meta, NodeId(node));
    return map;
  }
  void HearFrom(std::uint32_t node, const proto::PeerMessage& message) {
    process_->node->OnMessage(Peer(node), env::Lane::kBulk, message.SerializeAsString());
    process_->loop.RunTasks();
  }
  static proto::PeerMessage Question(MapVersion newer_than) {
    proto::PeerMessage message;
    message.mutable_map_question()->set_newer_than(newer_than.value());
    return message;
  }
  /// Whom this node has asked for the map within that time.
  std::set<NodeId> AskedIn(Duration time) {
    process_->transport.sent.clear();
    process_->loop.Pass(time);
    std::set<NodeId> asked;
    for (const auto& sent : process_->transport.Take(Kind::kMapQuestion)) {
      EXPECT_EQ(sent.message.map_question().newer_than(), First().version.value());
      asked.insert(sent.to);
    }
    return asked;
  }
  static auto IsNode(std::uint32_t node) { return Field(&env::PeerAddress::node, NodeId(node)); }
};

TEST_F(Removed, ItSaysSoAndEndsOnceItsDirectoryKnows) {
  Start();
  const ring::ClusterMap map = Without(1);
  HearMap(map);
  EXPECT_EQ(removed_, 0) << "killed now, it must learn it again";
  process_->loop.Pass(2s);
  EXPECT_EQ(removed_, 1);
  EXPECT_THAT(lines_, Contains(HasSubstr("was removed from the cluster")));
  const auto stored = wire::DecodeMap(identity_.stored.map());
  ASSERT_TRUE(stored.ok());
  EXPECT_EQ(*stored, map);
  HearMap(map);
  process_->loop.Pass(5s);
  EXPECT_EQ(removed_, 1) << "once";
  // It has replicas, for it was down meanwhile: nobody will answer what it asks before it stops.
  bool left = false;
  process_->node->OnConnected(Peer(2), true);
  process_->node->Leave(30s, [&] { left = true; });
  process_->loop.RunTasks();
  EXPECT_TRUE(left);
}

TEST_F(Removed, OnlyByANewerMapOfItsOwnCluster) {
  Start();
  ring::ClusterMap map = Without(1);
  map.version = First().version;
  HearMap(map);
  map = Without(1);
  map.cluster_id = ClusterId{7, 7};
  HearMap(map);
  HearMap(Without(3));
  process_->loop.Pass(5s);
  EXPECT_EQ(removed_, 0);
  EXPECT_EQ(wire::DecodeMap(identity_.stored.map())->version, Without(3).version);
}

// It was down when it was removed: nobody pulses it any more.
TEST_F(Removed, WhomNobodyPulsesAsksAround) {
  Start();
  EXPECT_THAT(AskedIn(2s), IsEmpty());
  EXPECT_EQ(AskedIn(4s), (std::set{NodeId(2), NodeId(3)}));
  proto::PeerMessage pulse;
  pulse.mutable_meta_pulse()->set_term(3);
  pulse.mutable_meta_pulse()->set_map_version(First().version.value());
  for (int i = 0; i < 3; ++i) {
    Hear(pulse);
    EXPECT_THAT(AskedIn(2s), IsEmpty()) << "whom it hears tells it";
  }
}

TEST_F(Removed, WhoIsGoneAndAsksIsToldAndNoMore) {
  Start();
  const ring::ClusterMap map = Without(3);
  HearMap(map);
  process_->loop.RunTasks();
  EXPECT_THAT(process_->transport.peers, Not(Contains(IsNode(3))));
  proto::PeerMessage vote;
  FromNode2(0, 9, &vote)->mutable_vote_request()->set_last_index(100);
  process_->loop.Pass(1s);
  process_->transport.sent.clear();
  HearFrom(3, vote);
  EXPECT_THAT(SentIn(5ms), IsEmpty()) << "it has no say";

  HearFrom(3, Question(First().version));
  EXPECT_THAT(process_->transport.peers, Contains(IsNode(3)));
  process_->transport.sent.clear();
  process_->node->OnConnected(Peer(3), true);
  const auto told = process_->transport.Take(Kind::kMapAnswer);
  ASSERT_THAT(told, SizeIs(1));
  EXPECT_EQ(told[0].to, NodeId(3));
  proto::ClusterMap encoded;
  ASSERT_TRUE(encoded.ParseFromString(told[0].message.map_answer().map()));
  EXPECT_EQ(*wire::DecodeMap(encoded), map);
  process_->loop.Pass(11s);
  EXPECT_THAT(process_->transport.peers, Not(Contains(IsNode(3)))) << "not dialed for ever";
}

// The run: 3 was removed, asks this node, ends, and is taken in again on the same address from a
// fresh directory, while this node's link to tell it is still there and its map still old. That
// link comes up once, before it is a peer.
TEST_F(Removed, WhoIsTakenInAgainAtOnceIsHeard) {
  Start();
  process_->node->OnConnected(Peer(3, /*boot=*/4), true);
  HearMap(Without(3));
  process_->loop.RunTasks();
  HearFrom(3, Question(First().version));
  process_->node->OnConnected(Peer(3, /*boot=*/4), true);
  process_->node->OnGone(Peer(3, /*boot=*/4));
  const env::PeerIdentity fresh = Peer(3, /*boot=*/1, /*directory=*/8);
  process_->node->OnConnected(fresh, true);
  ring::ClusterMap map = First();
  map.version = Without(3).version + 1;
  map.nodes[2].incarnation = fresh.incarnation;
  HearMap(map);
  process_->loop.RunTasks();
  EXPECT_THAT(process_->transport.peers, Contains(IsNode(3)));

  proto::PeerMessage beat;
  beat.mutable_heartbeat()->set_sequence(1);
  beat.mutable_heartbeat()->set_has_list(true);
  process_->transport.sent.clear();
  process_->node->OnMessage(fresh, env::Lane::kLiveness, beat.SerializeAsString());
  process_->loop.RunTasks();
  EXPECT_THAT(process_->transport.Take(Kind::kHeartbeatAck), SizeIs(1));
}

// The run: node 4 joins while this one is down, and takes over what 3 held; then 2 and 3 die, and
// with them the meta group. Where this one and 4 are the majority of a shard, they must do without
// it (protocols 6).
TEST_F(Removed, WhoWasAwayLearnsOfWhoCameFromItsQuestion) {
  Start();
  proto::PeerMessage question = Question(First().version + 1);
  HearFrom(4, question);
  EXPECT_THAT(process_->transport.peers, Not(Contains(IsNode(4)))) << "nobody knows where it is";
  question.mutable_map_question()->set_address("host-4:1");
  HearFrom(4, question);
  EXPECT_THAT(process_->transport.peers, Contains(IsNode(4)));
  process_->transport.sent.clear();
  process_->node->OnConnected(Peer(4), true);
  const auto asked = process_->transport.Take(Kind::kMapQuestion);
  ASSERT_THAT(asked, SizeIs(1));
  EXPECT_EQ(asked[0].to, NodeId(4));
  EXPECT_EQ(asked[0].message.map_question().address(), "host-1:1");

  ring::ClusterMap map = First();
  ++map.version;
  map.nodes.push_back(map.nodes.back());
  map.nodes.back().id = NodeId(4);
  map.nodes.back().address = "host-4:1";
  map.nodes.back().incarnation = Peer(4).incarnation;
  proto::ClusterMap encoded;
  wire::EncodeMap(map, &encoded);
  proto::PeerMessage answer;
  answer.mutable_map_answer()->set_map(encoded.SerializeAsString());
  HearFrom(4, answer);
  process_->loop.Pass(11s);
  EXPECT_THAT(process_->transport.peers, Contains(IsNode(4))) << "it is a peer now";
}

TEST_F(Removed, WhoIsAskedForAnOlderMapAsksBack) {
  Start();
  process_->transport.sent.clear();
  HearFrom(2, Question(First().version + 1));
  const auto asked = process_->transport.Take(Kind::kMapQuestion);
  ASSERT_THAT(asked, SizeIs(1));
  EXPECT_EQ(asked[0].to, NodeId(2));
}

TEST_F(Removed, AMapThatIsNotNewerIsNotSent) {
  Start();
  process_->transport.sent.clear();
  HearFrom(2, Question(First().version));
  EXPECT_THAT(process_->transport.Take(Kind::kMapAnswer), IsEmpty());
  HearFrom(2, Question(MapVersion()));
  EXPECT_THAT(process_->transport.Take(Kind::kMapAnswer), SizeIs(1));
}

}  // namespace
}  // namespace ringfort::node

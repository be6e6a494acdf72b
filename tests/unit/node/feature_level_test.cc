// The cluster's feature level at one node (design 9): what it does not know stops it, and who does
// not know it is sent nothing.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/node/lone_node.h"
#include "wire/map_codec.h"

namespace ringfort::node {
namespace {

using namespace std::chrono_literals;  // NOLINT: tests only
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

class FeatureLevelTest : public LoneNodeTest {
 protected:
  ring::ClusterMap At(std::uint32_t level, std::uint64_t version = 2) const {
    ring::ClusterMap map = *MapOf(identity_.stored.record());
    map.version = MapVersion(version);
    map.feature_level = FeatureLevel(level);
    map.feature_release = "9.9.9";
    return map;
  }
  static env::PeerIdentity Knowing(std::uint32_t node, std::uint32_t level) {
    env::PeerIdentity peer = Peer(node);
    peer.knows = FeatureLevel(level);
    return peer;
  }
  std::size_t HeartbeatsTo(std::uint32_t node, Duration time) {
    process_->transport.sent.clear();
    process_->loop.Pass(time);
    std::size_t count = 0;
    for (const auto& sent : process_->transport.Take(proto::PeerMessage::kHeartbeat)) {
      if (sent.to == NodeId(node)) ++count;
    }
    return count;
  }
};

TEST_F(FeatureLevelTest, AMapOfANewerLevelStopsTheNodeAndIsNotStored) {
  Start();
  HearMap(At(features::kNewest.value() + 1));
  EXPECT_EQ(fatal_.code(), Code::kUnsupported) << fatal_.ToString();
  EXPECT_THAT(fatal_.message(), HasSubstr("run ringfortd 9.9.9 or newer"));
  EXPECT_THAT(fatal_.message(), HasSubstr("its data stay as they are"));
  process_->loop.Pass(2s);
  EXPECT_FALSE(identity_.stored.has_map());
}

TEST_F(FeatureLevelTest, WithAStoredMapOfANewerLevelItDoesNotBegin) {
  wire::EncodeMap(At(features::kNewest.value() + 1), identity_.stored.mutable_map());
  Start();
  EXPECT_EQ(fatal_.code(), Code::kUnsupported);
  EXPECT_THAT(shards_.List(), IsEmpty()) << "nothing was made";
}

TEST_F(FeatureLevelTest, TheLogFollowsTheMap) {
  Start();
  EXPECT_EQ(log_->feature_level(), FeatureLevel(0));
  HearMap(At(1));
  process_->loop.RunTasks();
  EXPECT_EQ(log_->feature_level(), FeatureLevel(1));
  EXPECT_EQ(identity_.stored.map().feature_level(), 1U) << "stored before anything of that level";
  process_->loop.Pass(2s);
  Crash();
  EmptyLog();
  identity_.stored.set_replicas_made(false);
  Start();
  EXPECT_EQ(log_->feature_level(), FeatureLevel(1)) << "as the stored map says, from the start";
}

// A process of an older release that was connected when the level was raised would not understand
// the next entry.
TEST_F(FeatureLevelTest, WhoDoesNotKnowTheLevelIsSentNothingAndNotHeard) {
  Start();
  process_->node->OnConnected(Knowing(2, 1), true);
  process_->node->OnConnected(Knowing(3, 0), true);
  process_->loop.RunTasks();
  EXPECT_GT(HeartbeatsTo(3, 500ms), 0U);
  HearMap(At(1));
  EXPECT_GT(HeartbeatsTo(2, 500ms), 0U);
  process_->transport.sent.clear();
  process_->node->OnConnected(Knowing(3, 0), true);
  process_->loop.RunTasks();
  const auto maps = process_->transport.Take(proto::PeerMessage::kMapAnswer);
  ASSERT_EQ(maps.size(), 1U) << "it learns why";
  EXPECT_EQ(maps.front().to, NodeId(3));
  proto::PeerMessage question;
  question.mutable_leave_question()->set_round(1);
  process_->node->OnMessage(Knowing(3, 0), env::Lane::kBulk, question.SerializeAsString());
  process_->loop.RunTasks();
  EXPECT_THAT(process_->transport.Take(proto::PeerMessage::kLeaveAnswer), IsEmpty());
  process_->node->OnMessage(Knowing(2, 1), env::Lane::kBulk, question.SerializeAsString());
  process_->loop.RunTasks();
  EXPECT_THAT(process_->transport.Take(proto::PeerMessage::kLeaveAnswer), Not(IsEmpty()));
}

// An entry kind that is not known must not be dropped and asked for again for ever.
TEST_F(FeatureLevelTest, AnEntryOfAnUnknownKindStopsTheNode) {
  Start();
  proto::PeerMessage batch;
  proto::RaftMessage* message = FromNode2(0, 3, &batch);
  proto::AppendRequest* append = message->mutable_append_request();
  proto::LogEntry* entry = append->add_entries();
  entry->set_term(3);
  entry->set_index(1);
  entry->set_kind(3);
  Hear(batch);
  EXPECT_EQ(fatal_.code(), Code::kUnsupported) << fatal_.ToString();
  EXPECT_THAT(fatal_.message(), HasSubstr("kind 3"));
}

}  // namespace
}  // namespace ringfort::node

// What a faulty or stolen peer says with one number near the end of its range: it is refused and
// counted, and what the node stored stays as it was.
#include "node/claims.h"

#include <gtest/gtest.h>

#include "base/ids.h"
#include "tests/unit/node/lone_node.h"

namespace ringfort::node {
namespace {

using namespace std::chrono_literals;  // NOLINT: tests only

constexpr std::uint64_t kHuge = UINT64_MAX - 1;

class ClaimsTest : public LoneNodeTest {
 protected:
  std::uint64_t Refused() {
    const proto::NodeStatus status = OwnStatus();
    for (const proto::Counter& counter : status.counters()) {
      if (counter.name() == "peer_rubbish") return counter.value();
    }
    ADD_FAILURE() << "nothing counts what is refused";
    return 0;
  }
};

TEST_F(ClaimsTest, AMapVersionStepsByABound) {
  Start();
  ring::ClusterMap map = *MapOf(identity_.stored.record());
  map.version = MapVersion(kHuge);
  HearMap(map);
  EXPECT_EQ(process_->node->map()->version, MapVersion(1));
  EXPECT_EQ(Refused(), 1U);
  map.version = MapVersion(kClaimStepMax);
  HearMap(map);
  EXPECT_EQ(process_->node->map()->version, map.version) << "whoever was away for long";
}

TEST_F(ClaimsTest, AMapThatPlacesAShardOnANodeThatIsGoneIsNone) {
  Start();
  ring::ClusterMap map = *MapOf(identity_.stored.record());
  map.version = MapVersion(2);
  map.nodes[0].state = ring::NodeState::kGone;
  HearMap(map);
  EXPECT_EQ(process_->node->map()->version, MapVersion(1));
  EXPECT_EQ(removed_, 0);
  EXPECT_EQ(Refused(), 1U);
}

TEST_F(ClaimsTest, ATermOfAShardStepsByABound) {
  Start();
  const Term before = log_->SyncedHardState(ShardId(0))->term;
  proto::PeerMessage batch;
  FromNode2(0, kHuge, &batch)->mutable_vote_request();
  Hear(batch);
  process_->loop.Pass(20ms);
  EXPECT_LT(log_->SyncedHardState(ShardId(0))->term, before + 100);
  EXPECT_EQ(Refused(), 1U);
  batch.Clear();
  FromNode2(0, 1000, &batch)->mutable_vote_request();
  Hear(batch);
  process_->loop.Pass(20ms);
  EXPECT_GE(log_->SyncedHardState(ShardId(0))->term, Term(1000));
}

TEST_F(ClaimsTest, ATermOfTheMetaGroupStepsByABound) {
  Start();
  proto::PeerMessage pulse;
  pulse.mutable_meta_pulse()->set_term(kHuge);
  Hear(pulse);
  EXPECT_EQ(Refused(), 1U);
  process_->transport.sent.clear();
  pulse.mutable_meta_pulse()->set_term(5);
  Hear(pulse);
  process_->loop.Pass(20ms);
  EXPECT_FALSE(process_->transport.Take(proto::PeerMessage::kNodeReport).empty())
      << "the primary of the meta group is heard all the same";
}

// An epoch makes every copy of a shard void: a number near the end of its range would do so for
// ever, since nothing could come after it.
TEST_F(ClaimsTest, AnEpochOfAShardStepsByABound) {
  Start();
  const std::size_t replicas = static_cast<std::size_t>(OwnStatus().replicas_size());
  const auto claim = [this](std::uint64_t count) {
    proto::PeerMessage message;
    message.mutable_epoch()->set_shard(0);
    message.mutable_epoch()->set_epoch(raft::MakeEpoch(count, NodeId(2)));
    Hear(message);
    process_->loop.Pass(20ms);
  };
  claim(kEpochStepMax + 1);
  EXPECT_EQ(Refused(), 1U);
  EXPECT_EQ(static_cast<std::size_t>(OwnStatus().replicas_size()), replicas);
  EXPECT_EQ(OwnStatus().void_copies_size(), 0);
  claim(1);
  EXPECT_EQ(OwnStatus().void_copies_size(), 1);
}

TEST_F(ClaimsTest, AMapWithAnEpochThatCannotBeTrueIsNotTaken) {
  Start();
  ring::ClusterMap map = *MapOf(identity_.stored.record());
  map.version = MapVersion(2);
  map.epochs[ShardId(0)] = raft::MakeEpoch(kEpochStepMax + 1, NodeId(2));
  HearMap(map);
  EXPECT_EQ(process_->node->map()->version, MapVersion(1));
  EXPECT_EQ(Refused(), 1U);
}

TEST(CrediblePromise, IsNoLongerThanANodeCanBeConfiguredFor) {
  EXPECT_EQ(CrediblePromise(200), 200ms);
  EXPECT_EQ(CrediblePromise(UINT32_MAX), kPromiseMax);
}

}  // namespace
}  // namespace ringfort::node

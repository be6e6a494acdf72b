// Heartbeats between pairs of nodes: protocols 2 and 3, and the runs given there.
#include "node/liveness.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>
#include <memory>

#include "tests/unit/node/fake_outside.h"

namespace ringfort::node {
namespace {

using namespace std::chrono_literals;  // NOLINT: tests only
using Kind = proto::PeerMessage::BodyCase;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;
using testing::SizeIs;

constexpr std::uint64_t kOwnBoot = 9;

/// The liveness of node 1 with peers 2 and 3; two loops without replicas, six shards, of which 5
/// has no replica here.
class LivenessTest : public testing::Test {
 protected:
  void SetUp() override {
    ShardLoop::Doors doors{NodeId(1),
                           &loop_,
                           {},
                           &transport_,
                           &log_,
                           {},
                           [](NodeId) { return kNever; },
                           {},
                           {},
                           {},
                           {},
                           {},
                           {},
                           [](NodeId) { return storage::DiskRoom::kEnough; },
                           [] { return FeatureLevel(); },
                           {}};
    std::vector<ShardLoop*> loops;
    for (auto& shard_loop : shard_loops_) {
      shard_loop = std::make_unique<ShardLoop>(ShardLoopOptions(), doors);
      shard_loop->Start();
      loops.push_back(shard_loop.get());
    }
    for (int i = 0; i < 6; ++i) cells_.push_back(std::make_unique<replica::LivenessCell>());
    for (int i = 0; i < 5; ++i) cells_[static_cast<std::size_t>(i)]->PublishReplica(ReplicaId(7));
    liveness_ = std::make_unique<Liveness>(LivenessOptions(), NodeId(1), BootNumber(kOwnBoot),
                                           Liveness::Doors{&loop_, &transport_, &cells_, loops,
                                                           &log_, 600ms, [this] { return room_; }});
    liveness_->SetPeers({NodeId(1), NodeId(2), NodeId(3)});
  }

  using Leads = std::vector<std::pair<std::uint32_t, std::uint64_t>>;
  static proto::Heartbeat Beat(std::uint64_t sequence, std::uint64_t version,
                               const std::optional<Leads>& leads = std::nullopt) {
    proto::Heartbeat heartbeat;
    heartbeat.set_sequence(sequence);
    heartbeat.set_promise_ms(200);
    heartbeat.set_list_version(version);
    if (!leads) return heartbeat;
    heartbeat.set_has_list(true);
    for (const auto& [shard, term] : *leads) {
      heartbeat.add_leads()->set_shard(shard);
      heartbeat.mutable_leads()->rbegin()->set_term(term);
    }
    return heartbeat;
  }
  /// What this node answers.
  proto::HeartbeatAck Answer(const proto::Heartbeat& heartbeat,
                             const env::PeerIdentity& from = Peer(2)) {
    transport_.sent.clear();
    liveness_->OnHeartbeat(from, heartbeat);
    const auto acks = transport_.Take(Kind::kHeartbeatAck);
    EXPECT_THAT(acks, SizeIs(1));
    return acks.empty() ? proto::HeartbeatAck() : acks[0].message.heartbeat_ack();
  }
  static Leads Named(const proto::HeartbeatAck& ack) {
    Leads named;
    for (const proto::NotFollowed& name : ack.named())
      named.emplace_back(name.shard(), name.term());
    return named;
  }
  /// What this node sends to a peer in the next beat.
  proto::Heartbeat NextBeat(std::uint32_t to) {
    transport_.sent.clear();
    loop_.Pass(50ms);
    for (const auto& sent : transport_.Take(Kind::kHeartbeat)) {
      if (sent.to == NodeId(to)) return sent.message.heartbeat();
    }
    ADD_FAILURE() << "no heartbeat";
    return {};
  }
  static Leads Listed(const proto::Heartbeat& heartbeat) {
    Leads listed;
    for (const proto::LedShard& led : heartbeat.leads())
      listed.emplace_back(led.shard(), led.term());
    return listed;
  }
  proto::HeartbeatAck AckOf(const proto::Heartbeat& heartbeat, std::uint64_t boot = kOwnBoot) {
    proto::HeartbeatAck ack;
    ack.set_sequence(heartbeat.sequence());
    ack.set_list_version(heartbeat.list_version());
    ack.set_boot(boot);
    return ack;
  }

  HandLoop loop_;
  NotingTransport transport_;
  ScriptedLog log_;
  storage::DiskRoom room_ = storage::DiskRoom::kEnough;
  std::unique_ptr<ShardLoop> shard_loops_[2];
  std::vector<std::unique_ptr<replica::LivenessCell>> cells_;
  std::unique_ptr<Liveness> liveness_;
};

// The following side.

TEST_F(LivenessTest, NamesWhatItDoesNotFollowInExactlyThatTerm) {
  cells_[0]->Publish(Term(4), NodeId(2));
  cells_[0]->PublishTerm(Term(4));
  cells_[1]->Publish(Term(4), NodeId(3));  // Another primary.
  cells_[1]->PublishTerm(Term(4));
  cells_[2]->Publish(Term(3), NodeId(2));  // Another term.
  cells_[2]->PublishTerm(Term(6));
  cells_[3]->PublishTerm(Term(5));  // Voted meanwhile: follows nobody.
  const auto ack = Answer(Beat(1, 1, Leads{{0, 4}, {1, 4}, {2, 4}, {3, 4}, {5, 4}, {99, 4}}));
  EXPECT_EQ(ack.named(2).replica(), 7U);
  EXPECT_EQ(ack.named(3).replica(), 0U) << "there is no replica of shard 5";
  EXPECT_FALSE(ack.needs_list());
  EXPECT_EQ(ack.boot(), 1U);
  EXPECT_THAT(Named(ack), ElementsAre(Pair(1, 4), Pair(2, 6), Pair(3, 5), Pair(5, 0), Pair(99, 0)));
}

TEST_F(LivenessTest, TheListIsRememberedByItsVersion) {
  cells_[0]->Publish(Term(4), NodeId(2));
  EXPECT_THAT(Named(Answer(Beat(1, 7, Leads{{0, 4}, {1, 4}}))), ElementsAre(Pair(1, 0)));
  const auto again = Answer(Beat(2, 7));
  EXPECT_FALSE(again.needs_list());
  EXPECT_THAT(Named(again), ElementsAre(Pair(1, 0)));
}

TEST_F(LivenessTest, AsksForAListThatItDoesNotHave) {
  EXPECT_TRUE(Answer(Beat(1, 3)).needs_list());
  EXPECT_FALSE(Answer(Beat(2, 3, Leads{{0, 4}})).needs_list());
  EXPECT_TRUE(Answer(Beat(3, 4)).needs_list()) << "a newer version";
  EXPECT_TRUE(Answer(Beat(1, 3), Peer(2, /*boot=*/2)).needs_list()) << "another boot";
}

// The rule that makes a vote and an acknowledgement see each other: promise first, then the marks.
TEST_F(LivenessTest, ThePromiseIsRecordedBeforeTheMarksAreRead) {
  MonotonicTime promised = kNever;
  log_.when_asked = [&] { promised = liveness_->PromisedUntil(NodeId(2)); };
  Answer(Beat(1, 1, Leads{{0, 4}}));
  EXPECT_EQ(promised, loop_.Now() + 200ms)
      << "recorded before it looks which shards it answers for";
}

TEST_F(LivenessTest, PromisesOnlyGrowAndAreEachNodesOwn) {
  EXPECT_EQ(liveness_->PromisedUntil(NodeId(2)), kNever);
  proto::Heartbeat longer = Beat(1, 1, Leads{});
  longer.set_promise_ms(900);
  Answer(longer);
  const MonotonicTime until = loop_.Now() + 900ms;
  loop_.Pass(100ms);
  Answer(Beat(2, 1));
  EXPECT_EQ(liveness_->PromisedUntil(NodeId(2)), until);
  EXPECT_EQ(liveness_->PromisedUntil(NodeId(3)), kNever);
  EXPECT_EQ(liveness_->PromisedUntil(NodeId(77)), kNever) << "a stranger";
}

TEST_F(LivenessTest, AStalledDiskNamesAll) {
  cells_[0]->Publish(Term(4), NodeId(2));
  log_.stalled_now = 601ms;
  EXPECT_THAT(Named(Answer(Beat(1, 1, Leads{{0, 4}}))), ElementsAre(Pair(0, 0)));
  log_.stalled_now = 600ms;
  EXPECT_THAT(Named(Answer(Beat(2, 1))), IsEmpty());
}

TEST_F(LivenessTest, AHangingLoopNamesItsShards) {
  cells_[0]->Publish(Term(4), NodeId(2));
  EXPECT_THAT(Named(Answer(Beat(1, 1, Leads{{0, 4}}))), IsEmpty());
  loop_.Hang(301ms);
  EXPECT_THAT(Named(Answer(Beat(2, 1))), ElementsAre(Pair(0, 0)));
}

TEST_F(LivenessTest, AnOldBootIsNotHeardOnceItIsGone) {
  liveness_->OnGone(Peer(2, 4));
  EXPECT_TRUE(liveness_->IsGone(Peer(2, 4)));
  EXPECT_FALSE(liveness_->IsGone(Peer(2, 5)));
  liveness_->OnHeartbeat(Peer(2, 4), Beat(1, 1, Leads{{0, 4}}));
  EXPECT_THAT(transport_.Take(Kind::kHeartbeatAck), IsEmpty());
  EXPECT_EQ(liveness_->PromisedUntil(NodeId(2)), kNever);
  Answer(Beat(1, 1, Leads{}), Peer(2, 5));
  EXPECT_NE(liveness_->PromisedUntil(NodeId(2)), kNever);
}

// The run: a node's directory is wiped, and the fresh one counts its boots from 1.
TEST_F(LivenessTest, AnotherDirectorysBootIsNotGoneWithTheOneBefore) {
  liveness_->OnGone(Peer(2, /*boot=*/4));
  EXPECT_FALSE(liveness_->IsGone(Peer(2, 1, /*directory=*/8)));
  liveness_->OnConnected(Peer(2, 1, /*directory=*/8));
  liveness_->OnGone(Peer(2, 1, /*directory=*/8));
  EXPECT_TRUE(liveness_->IsGone(Peer(2, 1, /*directory=*/8)));
}

TEST_F(LivenessTest, GoneNeverShortensAPromise) {
  Answer(Beat(1, 1, Leads{}));
  const MonotonicTime until = liveness_->PromisedUntil(NodeId(2));
  liveness_->OnGone(Peer(2));
  liveness_->OnConnected(Peer(2, 2));
  EXPECT_EQ(liveness_->PromisedUntil(NodeId(2)), until);
}

// A message of the process before, from a connection that is read late, must not undo its
// successor's list.
TEST_F(LivenessTest, AnOldBootsListDoesNotReplaceItsSuccessors) {
  cells_[0]->Publish(Term(6), NodeId(2));
  Answer(Beat(1, 1, Leads{{0, 6}}), Peer(2, 5));
  liveness_->OnHeartbeat(Peer(2, 4), Beat(70, 1, Leads{}));
  transport_.sent.clear();
  const auto ack = Answer(Beat(2, 1), Peer(2, 5));
  EXPECT_FALSE(ack.needs_list());
  EXPECT_THAT(Named(ack), IsEmpty());
}

// The run: a directory was wiped and counts its boots anew. A heartbeat of the one before, read
// late, must not make the new one's look older for ever.
TEST_F(LivenessTest, AnotherDirectorysLateHeartbeatIsNotHeard) {
  cells_[0]->Publish(Term(6), NodeId(2));
  liveness_->OnConnected(Peer(2, /*boot=*/40));
  Answer(Beat(1, 1, Leads{{0, 6}}), Peer(2, 40));
  liveness_->OnConnected(Peer(2, 1, /*directory=*/8));
  transport_.sent.clear();
  liveness_->OnHeartbeat(Peer(2, 40), Beat(2, 1, Leads{{0, 6}}));
  EXPECT_THAT(transport_.Take(Kind::kHeartbeatAck), IsEmpty());
  const auto ack = Answer(Beat(1, 1, Leads{{1, 7}}), Peer(2, 1, /*directory=*/8));
  EXPECT_THAT(Named(ack), ElementsAre(Pair(1, 0)));
}

// The leading side.

TEST_F(LivenessTest, ListsToEachPeerOnlyWhatItIsAMemberOf) {
  liveness_->SetLeads(ShardId(0), Term(4), {NodeId(2), NodeId(3)});
  liveness_->SetLeads(ShardId(1), Term(5), {NodeId(3)});
  liveness_->Start();
  EXPECT_THAT(Listed(NextBeat(2)), ElementsAre(Pair(0, 4)));
  EXPECT_THAT(Listed(NextBeat(3)), ElementsAre(Pair(0, 4), Pair(1, 5)));
}

TEST_F(LivenessTest, SendsTheListUntilItIsAcknowledgedAndAfterAnyChange) {
  liveness_->SetLeads(ShardId(0), Term(4), {NodeId(2)});
  liveness_->Start();
  const auto first = NextBeat(2);
  EXPECT_TRUE(first.has_list());
  EXPECT_TRUE(NextBeat(2).has_list()) << "not acknowledged yet";
  liveness_->OnAck(Peer(2), AckOf(NextBeat(2)));
  EXPECT_FALSE(NextBeat(2).has_list());

  liveness_->SetLeads(ShardId(0), std::nullopt, {NodeId(2)});
  const auto emptied = NextBeat(2);
  EXPECT_TRUE(emptied.has_list());
  EXPECT_THAT(Listed(emptied), IsEmpty());
  EXPECT_GT(emptied.list_version(), first.list_version());
}

TEST_F(LivenessTest, SendsTheListAgainAtOnceWhenItIsNeeded) {
  liveness_->Start();
  auto needs = AckOf(NextBeat(2));
  liveness_->OnAck(Peer(2), needs);
  const auto quiet = NextBeat(2);
  EXPECT_FALSE(quiet.has_list());
  needs = AckOf(quiet);
  needs.set_needs_list(true);
  transport_.sent.clear();
  liveness_->OnAck(Peer(2), needs);
  loop_.RunTasks();
  const auto beats = transport_.Take(Kind::kHeartbeat);
  ASSERT_FALSE(beats.empty());
  EXPECT_TRUE(beats[0].message.heartbeat().has_list());
}

TEST_F(LivenessTest, AnAnswerToAnotherBootIsIgnored) {
  liveness_->SetLeads(ShardId(0), Term(4), {NodeId(2)});
  liveness_->Start();
  liveness_->OnAck(Peer(2), AckOf(NextBeat(2), kOwnBoot - 1));
  EXPECT_TRUE(NextBeat(2).has_list()) << "nothing was acknowledged";
}

TEST_F(LivenessTest, AnAnswerFromBeforeTheConnectionIsIgnored) {
  liveness_->SetLeads(ShardId(0), Term(4), {NodeId(2)});
  liveness_->Start();
  const auto before = NextBeat(2);
  liveness_->OnConnected(Peer(2, 2));  // Another process now: it knows no list.
  liveness_->OnAck(Peer(2), AckOf(before));
  EXPECT_TRUE(NextBeat(2).has_list());
}

TEST_F(LivenessTest, AStalledDiskLeadsNothing) {
  liveness_->SetLeads(ShardId(0), Term(4), {NodeId(2)});
  liveness_->Start();
  EXPECT_THAT(Listed(NextBeat(2)), SizeIs(1));
  log_.stalled_now = 601ms;
  EXPECT_THAT(Listed(NextBeat(2)), IsEmpty());
  log_.stalled_now = 0ms;
  EXPECT_THAT(Listed(NextBeat(2)), ElementsAre(Pair(0, 4)));
}

// A link that was cut: TCP would keep silent for as long as the cut lasted.
TEST_F(LivenessTest, AfterThreeBeatsWithoutAnAnswerTheLinkIsDialedAnew) {
  const std::pair anew(NodeId(2), env::Lane::kLiveness);
  liveness_->SetPeers({NodeId(1), NodeId(2)});
  liveness_->Start();
  loop_.Pass(149ms);
  EXPECT_THAT(transport_.redialed, IsEmpty());
  loop_.Pass(1ms);
  EXPECT_THAT(transport_.redialed, ElementsAre(anew));
  loop_.Pass(50ms);
  EXPECT_THAT(transport_.redialed, ElementsAre(anew, anew)) << "until something is heard";

  transport_.redialed.clear();
  liveness_->OnConnected(Peer(2));
  loop_.Pass(100ms);
  EXPECT_THAT(transport_.redialed, IsEmpty()) << "a new connection gets its three beats";
  for (int i = 0; i < 20; ++i) liveness_->OnAck(Peer(2), AckOf(NextBeat(2)));
  EXPECT_THAT(transport_.redialed, IsEmpty());
}

TEST_F(LivenessTest, TellsWhenAPeerLastAnswered) {
  EXPECT_EQ(liveness_->AcknowledgedAt(NodeId(2)), kNever);
  EXPECT_EQ(liveness_->AcknowledgedAt(NodeId(77)), kNever) << "a stranger";
  liveness_->Start();
  liveness_->OnAck(Peer(2), AckOf(NextBeat(2)));
  const MonotonicTime at = loop_.Now();
  loop_.Pass(300ms);
  EXPECT_EQ(liveness_->AcknowledgedAt(NodeId(2)), at);
}

// The way is long: answers come steadily, each long after its heartbeat.
TEST_F(LivenessTest, ALateAnswerIsAnAnswer) {
  liveness_->SetPeers({NodeId(1), NodeId(2)});
  liveness_->Start();
  std::deque<proto::HeartbeatAck> on_their_way;
  for (int i = 0; i < 40; ++i) {
    on_their_way.push_back(AckOf(NextBeat(2)));
    if (on_their_way.size() <= 8) continue;
    liveness_->OnAck(Peer(2), on_their_way.front());
    on_their_way.pop_front();
    if (i == 8) transport_.redialed.clear();
  }
  EXPECT_THAT(transport_.redialed, IsEmpty());
}

// A change of what the node leads is said at once, several times within a beat.
TEST_F(LivenessTest, HeartbeatsWithinOneBeatAreNoMeasure) {
  liveness_->SetPeers({NodeId(1), NodeId(2)});
  liveness_->Start();
  for (std::uint64_t term = 1; term < 10; ++term) {
    liveness_->SetLeads(ShardId(0), Term(term), {NodeId(2)});
    loop_.RunTasks();
  }
  loop_.Pass(60ms);
  EXPECT_THAT(transport_.redialed, IsEmpty());
}

TEST_F(LivenessTest, TellsOfTheRoomOnItsDisksAndHearsOfTheirs) {
  liveness_->Start();
  EXPECT_EQ(NextBeat(2).disk_room(), 0U);
  room_ = storage::DiskRoom::kExhausted;
  EXPECT_EQ(NextBeat(2).disk_room(), 2U);

  proto::Heartbeat full = Beat(1, 1, Leads{});
  full.set_disk_room(1);
  Answer(full);
  EXPECT_EQ(liveness_->RoomOf(NodeId(2)), storage::DiskRoom::kFull);
  EXPECT_EQ(liveness_->RoomOf(NodeId(3)), storage::DiskRoom::kEnough) << "nothing was heard";
  full.set_disk_room(99);
  Answer(full);
  EXPECT_EQ(liveness_->RoomOf(NodeId(2)), storage::DiskRoom::kExhausted);
  Answer(Beat(2, 1));
  EXPECT_EQ(liveness_->RoomOf(NodeId(2)), storage::DiskRoom::kEnough);
}

TEST_F(LivenessTest, StoppedSaysNothing) {
  liveness_->Start();
  liveness_->Stop();
  transport_.sent.clear();
  loop_.Pass(200ms);
  EXPECT_THAT(transport_.sent, IsEmpty());
}

}  // namespace
}  // namespace ringfort::node

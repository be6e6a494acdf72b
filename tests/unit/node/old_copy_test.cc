// Two lives of one directory are told apart, and what is counted of one is never forgotten when the
// other comes (protocols 1).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/unit/node/lone_node.h"

namespace ringfort::node {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;
using namespace std::chrono_literals;  // NOLINT: durations

env::PeerIdentity Life(std::uint32_t node, std::uint64_t boot, std::uint64_t nonce) {
  env::PeerIdentity peer = Peer(node, boot);
  peer.nonce = nonce;
  return peer;
}

class OldCopyTest : public LoneNodeTest {
 protected:
  /// `from` asks for the vote in shard 0, in a term of its own each time.
  void AskForVote(const env::PeerIdentity& from) {
    proto::PeerMessage message;
    proto::RaftMessage* request = FromNode2(0, ++term_, &message);
    request->mutable_vote_request()->set_last_index(100);
    request->mutable_vote_request()->set_last_term(8);
    process_->transport.sent.clear();
    process_->node->OnMessage(from, env::Lane::kBulk, message.SerializeAsString());
  }
  std::size_t VotesIn(Duration time) {
    const std::vector<proto::RaftMessage> sent = SentIn(time);
    return static_cast<std::size_t>(
        std::ranges::count_if(sent, [](const auto& one) { return one.has_vote_reply(); }));
  }
  /// The start of node 2 that the directory remembers.
  proto::Life StoredOfNode2() {
    for (const proto::SeenLife& seen : identity_.stored.seen()) {
      if (seen.node() == 2) return seen.life();
    }
    return {};
  }
  std::uint64_t Counter(const std::string& name) {
    const proto::NodeStatus status = OwnStatus();
    for (const proto::Counter& counter : status.counters()) {
      if (counter.name() == name) return counter.value();
    }
    return 0;
  }

  std::uint64_t term_ = 9;
};

TEST_F(OldCopyTest, AStartIsStoredBeforeAnythingOfItCounts) {
  Start();
  AskForVote(Life(2, 2, 22));
  EXPECT_THAT(process_->transport.sent, IsEmpty()) << "it is on its way to the disk";
  EXPECT_EQ(VotesIn(5ms), 1U);
  EXPECT_EQ(StoredOfNode2().boot(), 2U);
  EXPECT_EQ(StoredOfNode2().nonce(), 22U);
}

TEST_F(OldCopyTest, AStartThatCannotBeStoredNeverCounts) {
  Start();
  identity_.failure = Status(Code::kIoError, "no");
  AskForVote(Life(2, 2, 22));
  EXPECT_EQ(VotesIn(5ms), 0U);
  EXPECT_EQ(fatal_.code(), Code::kIoError) << "nobody knows what the disk kept";
}

TEST_F(OldCopyTest, WhatAnEarlierLifeStillHasOnItsWayIsDropped) {
  Start();
  AskForVote(Life(2, 2, 22));
  EXPECT_EQ(VotesIn(5ms), 1U);
  AskForVote(Life(2, 1, 11));
  EXPECT_EQ(VotesIn(5ms), 0U);
  AskForVote(Life(2, 2, 23));
  EXPECT_EQ(VotesIn(5ms), 0U) << "another life of an equal boot";
  EXPECT_EQ(StoredOfNode2().nonce(), 22U);
  AskForVote(Life(2, 2, 22));
  EXPECT_EQ(VotesIn(5ms), 1U);
}

TEST_F(OldCopyTest, WhatWasSeenOutlastsThisProcess) {
  Start();
  AskForVote(Life(2, 7, 77));
  process_->loop.RunTasks();
  Crash();
  introduces_ = false;
  Start();
  const auto seen = SeenLives::Stored(identity_.stored);
  EXPECT_THAT(seen, testing::Contains(Life(2, 7, 77)));
}

// Each of a node's directories is remembered by itself, and not for ever.
TEST_F(OldCopyTest, AFewDirectoriesOfANodeAreRemembered) {
  SeenLives lives;
  proto::Identity identity;
  for (std::uint64_t directory = 1; directory <= 20; ++directory) {
    for (const std::uint64_t boot : {1U, 2U}) {
      EXPECT_TRUE(lives.Note(Peer(2, boot, directory), &identity));
    }
  }
  EXPECT_TRUE(lives.Note(Peer(3), &identity));
  const auto seen = SeenLives::Stored(identity);
  ASSERT_THAT(seen, SizeIs(SeenLives::kDirectoriesMax + 1));
  EXPECT_EQ(seen.back(), Peer(3));
  EXPECT_EQ(seen.front(), Peer(2, 2, 13));
}

// A peer that is up must be able to say that this is an old copy before it has voted.
TEST_F(OldCopyTest, NothingIsSaidBeforeThePeersHaveSeenThisStart) {
  introduces_ = false;
  Start();
  AskForVote(Life(2, 1, 11));
  EXPECT_EQ(VotesIn(5ms), 0U);
  process_->node->OnConnected(Life(2, 1, 11), true);
  AskForVote(Life(2, 1, 11));
  EXPECT_EQ(VotesIn(5ms), 0U) << "node 3 has not seen it";
  process_->loop.Pass(200ms);
  AskForVote(Life(2, 1, 11));
  EXPECT_EQ(VotesIn(5ms), 1U) << "node 3 may be down for long";
}

TEST_F(OldCopyTest, WhoIsAnOldCopyTakesPartInNothingAndSaysSo) {
  introduces_ = false;
  Start();
  process_->node->OnConnected(Peer(3), true);
  process_->node->OnOldCopy(NodeId(2), "node 1 shows boot 1 (see the doctor)");
  process_->loop.Pass(1s);
  process_->node->OnConnected(Peer(2), true);
  AskForVote(Peer(2));
  EXPECT_EQ(VotesIn(1s), 0U);
  EXPECT_TRUE(process_->node->is_old_copy());
  EXPECT_EQ(Counter("old_copy"), 1U);
  const std::string line = OwnStatus().waiting_for();
  EXPECT_THAT(line, HasSubstr("node 2 says: node 1 shows boot 1;"));
  EXPECT_THAT(line, HasSubstr("--start_empty"));
  EXPECT_THAT(line, HasSubstr("--accept_old_copies"));
  EXPECT_THAT(line, Not(HasSubstr("delete"))) << "it may be the last copy";
  EXPECT_EQ(identity_.stored.lineage().refused_by(), 2U);
  EXPECT_TRUE(fatal_.ok());
}

TEST_F(OldCopyTest, SoDoesOneThatRunsAlready) {
  Start();
  process_->node->OnOldCopy(NodeId(2), "node 1 shows boot 1");
  process_->loop.RunTasks();
  AskForVote(Peer(2));
  EXPECT_EQ(VotesIn(5s), 0U);
  bool left = false;
  process_->node->Leave(30s, [&] { left = true; });
  process_->loop.RunTasks();
  EXPECT_TRUE(left) << "nobody needs it";
}

// The peer that knows is down at the next start: the others would take the old copy.
TEST_F(OldCopyTest, WhoWasRefusedWaitsForThatPeer) {
  Start();
  process_->node->OnOldCopy(NodeId(2), "node 1 shows boot 1");
  process_->loop.RunTasks();
  Crash();
  introduces_ = false;
  Start();
  process_->node->OnConnected(Peer(3), true);
  process_->loop.Pass(60s);
  AskForVote(Peer(2));
  EXPECT_EQ(VotesIn(5ms), 0U);
  EXPECT_THAT(OwnStatus().waiting_for(), HasSubstr("node 2 has refused this directory"));
  // An operator has told node 2 to take it.
  process_->node->OnConnected(Peer(2), true);
  process_->loop.RunTasks();
  EXPECT_EQ(identity_.stored.lineage().refused_by(), 0U);
  AskForVote(Peer(2));
  EXPECT_EQ(VotesIn(5ms), 1U);
}

}  // namespace
}  // namespace ringfort::node

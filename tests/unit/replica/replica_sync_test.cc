// What must be synced before what is said, counted or applied (raft/ready.h). The first test is a
// bug of Ringfort's own: the turn looked at a Ready whose entries it had just moved away, took it
// for one that stores nothing, and acknowledged entries that a killed node did not have afterwards.
#include <gtest/gtest.h>

#include "tests/unit/replica/commands.h"
#include "tests/unit/replica/lone_replica.h"

namespace ringfort::replica {
namespace {

using std::chrono::milliseconds;

raft::AppendRequest Append(std::uint64_t previous, std::vector<raft::Entry> entries,
                           std::uint64_t commit) {
  raft::AppendRequest request;
  request.previous_index = LogIndex(previous);
  request.previous_term = Term(previous == 0 ? 0 : 1);
  request.primary_last = LogIndex(previous + entries.size());
  request.entries = std::move(entries);
  request.commit = LogIndex(commit);
  return request;
}

class Follower : public testing::Test {
 protected:
  Follower() : follower_({.node = 2}) {}

  std::vector<raft::AppendReply> Replies() { return follower_.Take<raft::AppendReply>(); }
  /// A follower applies with its ticks.
  LogIndex Applied() {
    follower_.Pass(milliseconds(20));
    return follower_.replica().data()->applied().index;
  }
  /// Time for many ticks, without a sync.
  void Wait() { follower_.Pass(milliseconds(300)); }

  LoneReplica follower_;
};

TEST_F(Follower, AcknowledgesAndAppliesOnlyWhatIsSynced) {
  const raft::Entry noop{Term(1), LogIndex(1), raft::EntryKind::kNoop, SharedBytes()};
  follower_.Hear(1, Term(1), Append(0, {noop}, 1));
  Wait();
  EXPECT_TRUE(Replies().empty());
  EXPECT_EQ(Applied(), LogIndex(0));
  EXPECT_FALSE(follower_.cell().Follows(Term(1), NodeId(1)));
  ASSERT_TRUE(follower_.Sync());
  follower_.TakeTurns();
  const auto first = Replies();
  ASSERT_EQ(first.size(), 1U);
  EXPECT_TRUE(first[0].accepted);
  EXPECT_EQ(first[0].match, LogIndex(1));
  EXPECT_EQ(Applied(), LogIndex(1));
  EXPECT_TRUE(follower_.cell().Follows(Term(1), NodeId(1)));

  // Entries alone, without a new term: the case of the bug.
  follower_.Hear(1, Term(1), Append(1, {EntryOf(LogIndex(2), OpenSession())}, 2));
  Wait();
  EXPECT_TRUE(Replies().empty());
  EXPECT_EQ(Applied(), LogIndex(1));
  ASSERT_TRUE(follower_.Sync());
  follower_.TakeTurns();
  const auto second = Replies();
  ASSERT_EQ(second.size(), 1U);
  EXPECT_EQ(second[0].match, LogIndex(2));
  EXPECT_EQ(Applied(), LogIndex(2));
}

// Relaxed durability can forget what a majority had. Who still has it must not answer with it.
TEST_F(Follower, WhoCommittedWhatItsPrimaryLacksSaysSoAndAnswersNobody) {
  const raft::Entry noop{Term(1), LogIndex(1), raft::EntryKind::kNoop, SharedBytes()};
  follower_.Hear(1, Term(1), Append(0, {noop, EntryOf(LogIndex(2), OpenSession())}, 2));
  follower_.Settle();
  ASSERT_EQ(Applied(), LogIndex(2));
  Replies();
  raft::Entry other = noop;
  other.index = LogIndex(2);
  other.term = Term(2);
  follower_.Hear(1, Term(2), Append(1, {other}, 2));
  follower_.Settle();
  const auto replies = Replies();
  ASSERT_FALSE(replies.empty());
  EXPECT_TRUE(replies.back().diverged);
  EXPECT_FALSE(replies.back().accepted);
  EXPECT_FALSE(follower_.cell().Follows(Term(2), NodeId(1)));
  EXPECT_EQ(follower_.said.size(), 1U);
  EXPECT_EQ(follower_.Ask(GetRequest("a", proto::Get::ANY_REPLICA))->code(), Code::kNotPrimary);
  EXPECT_EQ(Applied(), LogIndex(2));
  EXPECT_FALSE(follower_.failed());
}

TEST_F(Follower, AnAnswerThatStoresNothingWaitsForTheSyncsBeforeIt) {
  const raft::Entry noop{Term(1), LogIndex(1), raft::EntryKind::kNoop, SharedBytes()};
  follower_.Hear(1, Term(1), Append(0, {noop}, 0));
  follower_.TakeTurns();
  // The same once more: there is nothing new to store, but what it answers for is not synced.
  follower_.Hear(1, Term(1), Append(0, {noop}, 0));
  Wait();
  EXPECT_TRUE(Replies().empty());
  ASSERT_TRUE(follower_.Sync());
  follower_.TakeTurns();
  EXPECT_EQ(Replies().size(), 2U);
  // Now that nothing is on its way to the disk, it answers at once.
  follower_.Hear(1, Term(1), Append(1, {}, 0));
  follower_.TakeTurns();
  EXPECT_EQ(Replies().size(), 1U);
}

TEST_F(Follower, SeveralWritesAreAcknowledgedAsTheyAreSynced) {
  for (std::uint64_t i = 1; i <= 3; ++i) {
    follower_.Hear(1, Term(1), Append(i - 1, {EntryOf(LogIndex(i), OpenSession())}, i));
    follower_.TakeTurns();
  }
  std::vector<std::uint64_t> applied_after;
  std::vector<std::uint64_t> matches;
  while (follower_.Sync()) {
    follower_.TakeTurns();
    applied_after.push_back(Applied().value());
    for (const raft::AppendReply& reply : Replies()) matches.push_back(reply.match.value());
  }
  // The first write was in flight alone; the other two shared the next one.
  EXPECT_EQ(applied_after, (std::vector<std::uint64_t>{1, 3}));
  EXPECT_EQ(matches, (std::vector<std::uint64_t>{1, 2, 3}));
}

TEST_F(Follower, VotesOnlyWhenTheVoteIsSynced) {
  follower_.Pass(milliseconds(1));
  follower_.Hear(1, Term(1), raft::VoteRequest{false, LogIndex(0), Term(0)});
  follower_.Pass(milliseconds(40));  // Less than it waits before it campaigns itself.
  EXPECT_TRUE(follower_.Take<raft::VoteReply>().empty());
  ASSERT_TRUE(follower_.Sync());
  follower_.TakeTurns();
  const auto votes = follower_.Take<raft::VoteReply>();
  ASSERT_EQ(votes.size(), 1U);
  EXPECT_TRUE(votes[0].granted);
  EXPECT_EQ(follower_.log().TakeRecovery().shards.at(0).hard_state.vote, LoneReplica::MemberOn(1));
}

// Protocols 2 and 3: the mark first, then what was promised; and the vote says it.
TEST_F(Follower, AVoteTellsWhatItsNodePromisedThePrimaryBefore) {
  const raft::Entry noop{Term(1), LogIndex(1), raft::EntryKind::kNoop, SharedBytes()};
  follower_.Hear(1, Term(1), Append(0, {noop}, 1));
  follower_.Settle();
  ASSERT_TRUE(follower_.cell().Follows(Term(1), NodeId(1)));
  follower_.Move(std::chrono::seconds(2));  // It hears nothing, but its node's heartbeats went on.
  follower_.SetPromise(NodeId(1), follower_.Now() + milliseconds(150));
  follower_.Hear(3, Term(2), raft::VoteRequest{false, LogIndex(1), Term(1)});
  follower_.Settle();
  EXPECT_FALSE(follower_.cell().Follows(Term(1), NodeId(1)));
  EXPECT_EQ(follower_.cell().term(), Term(2));
  const auto votes = follower_.Take<raft::VoteReply>();
  ASSERT_EQ(votes.size(), 1U);
  EXPECT_TRUE(votes[0].granted);
  EXPECT_EQ(votes[0].bound_left, Duration(milliseconds(150)));
}

TEST(PrimaryOfThree, DoesNotCountItsOwnUnsyncedEntries) {
  LoneReplica primary;
  primary.Lead();
  const auto answer = primary.Ask(OpenRequest());
  primary.TakeTurns();
  EXPECT_FALSE(primary.Take<raft::AppendRequest>().empty());  // Replicated at once,
  primary.Acknowledge(2);
  primary.Pass(milliseconds(100));
  EXPECT_EQ(primary.replica().raft().commit(), LogIndex(1));  // but one copy is not two.
  EXPECT_EQ(answer->calls, 0);
  ASSERT_TRUE(primary.Sync());
  primary.TakeTurns();
  EXPECT_EQ(primary.replica().raft().commit(), LogIndex(2));
  EXPECT_EQ(answer->calls, 1);
  EXPECT_EQ(answer->response.session_opened().session(), 2U);
}

TEST(PrimaryOfThree, AppliesOnlyWhatItHasSyncedItself) {
  LoneReplica primary;
  primary.Lead();
  const auto answer = primary.Ask(OpenRequest());
  primary.TakeTurns();
  primary.Acknowledge(2);
  primary.Acknowledge(3);
  primary.Pass(milliseconds(100));
  EXPECT_EQ(primary.replica().raft().commit(), LogIndex(2));  // By the other two.
  EXPECT_EQ(primary.replica().data()->applied().index, LogIndex(1));
  EXPECT_EQ(answer->calls, 0);
  ASSERT_TRUE(primary.Sync());
  primary.TakeTurns();
  EXPECT_EQ(answer->calls, 1);
}

TEST(OnlyMember, AppliesWhatTheInheritedWaitHeldBack) {
  // Elected within its own bound; when that ends, nobody else says anything.
  LoneReplica only({.voters = 1});
  only.Pass(milliseconds(60));
  only.Settle();
  ASSERT_TRUE(only.leads().has_value());
  ASSERT_FALSE(only.replica().raft().serving());
  const auto answer = only.Ask(OpenRequest());
  only.Settle();
  EXPECT_EQ(answer->calls, 0);
  only.Pass(milliseconds(300));
  EXPECT_TRUE(only.replica().raft().serving());
  EXPECT_EQ(answer->calls, 1);
}

}  // namespace
}  // namespace ringfort::replica

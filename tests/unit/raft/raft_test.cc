// Single cores: windows, and mistakes once made here.
#include "raft/raft.h"

#include <gtest/gtest.h>

#include <string>

namespace ringfort::raft {
namespace {

using std::chrono::milliseconds;

TEST(Progress, WindowCountsWhatIsOnItsWay) {
  Progress progress;
  progress.state = Progress::State::kReplicate;
  progress.match = LogIndex(4);
  progress.next = LogIndex(10);
  progress.flights = {{LogIndex(6), 100}, {LogIndex(7), 20}, {LogIndex(9), 3}};
  progress.flight_bytes = 123;
  progress.Land(LogIndex(5));
  EXPECT_EQ(progress.flight_bytes, 123U);
  progress.Land(LogIndex(7));
  EXPECT_EQ(progress.flight_bytes, 3U);
  progress.BecomeProbe();
  EXPECT_EQ(progress.flight_bytes, 0U);
  EXPECT_EQ(progress.next, LogIndex(5));
}

/// One core of three, and the messages that make it primary.
class Core : public testing::Test {
 protected:
  Core() {
    Restored restored;
    for (std::uint32_t id = 1; id <= 3; ++id) {
      restored.base.members.voters.push_back({ReplicaId(id), NodeId(id), {}});
    }
    raft_.emplace(Options(), ReplicaId(1), restored, Random(1), now_);
  }

  void Carry() {
    while (raft_->HasReady()) {
      const Ready ready = raft_->TakeReady(now_);
      if (!ready.messages_after_sync.empty()) said_ = ready.messages_after_sync.back();
      if (ready.persist_id != 0) raft_->OnPersisted(now_, ready.persist_id);
      if (raft_->applicable() > raft_->applied()) raft_->OnApplied(raft_->applicable());
    }
  }
  void Hear(std::uint32_t from, Term term, Body body) {
    raft_->Step(now_, Message{ReplicaId(from), ReplicaId(1), term, std::move(body)});
    Carry();
  }
  void BecomePrimary() {
    now_ = raft_->next_wakeup();
    raft_->Tick(now_);
    Hear(2, Term(1), VoteReply{true, true, false, Duration(0)});
    Hear(2, Term(1), VoteReply{false, true, false, Duration(0)});
    ASSERT_EQ(raft_->role(), Role::kPrimary);
  }
  void Acknowledge(std::uint32_t from, std::uint64_t match) {
    AppendReply reply;
    reply.accepted = true;
    reply.match = LogIndex(match);
    reply.last_index = LogIndex(match);
    Hear(from, Term(1), reply);
  }

  MonotonicTime now_{milliseconds(1000)};
  std::optional<Raft> raft_;
  std::optional<Message> said_;  ///< The last message that had to wait for a sync.
};

// Raft paper, section 5.4.1. A pre-vote refuses such a candidate first; the vote must not rely on
// it.
TEST_F(Core, VotesForNobodyWhoseLogIsBehind) {
  BecomePrimary();
  raft_->StepDown(now_);
  Hear(2, Term(2), VoteRequest{false, LogIndex(), Term()});
  ASSERT_TRUE(said_.has_value());
  EXPECT_FALSE(std::get<VoteReply>(said_->body).granted);
  Hear(3, Term(2), VoteRequest{false, LogIndex(1), Term(1)});
  EXPECT_TRUE(std::get<VoteReply>(said_->body).granted);
  Hear(2, Term(2), VoteRequest{false, LogIndex(9), Term(1)});  // One vote a term.
  EXPECT_FALSE(std::get<VoteReply>(said_->body).granted);
}

// A node that promises to other primaries all the time could never commit in the shards that it
// leads.
TEST_F(Core, PromisesMadeWhileLeadingDoNotHoldBackCommits) {
  BecomePrimary();
  now_ += milliseconds(300);
  raft_->ExtendBound(now_ + milliseconds(200));
  Acknowledge(2, 1);
  raft_->Tick(now_);
  EXPECT_TRUE(raft_->serving());
}

// A primary that waits for nothing but answers woke its driver again and again, at once.
TEST_F(Core, AsksForNoWakeupInThePast) {
  BecomePrimary();
  now_ += milliseconds(300);
  raft_->Tick(now_);
  EXPECT_FALSE(raft_->serving());
  EXPECT_GT(raft_->next_wakeup(), now_);
}

// A log cut beyond what a follower has must not abort the primary when it next turns to that
// follower.
TEST_F(Core, SurvivesAFollowerBelowTheCut) {
  BecomePrimary();
  now_ += milliseconds(250);
  Acknowledge(2, 1);
  Acknowledge(3, 1);
  raft_->Propose(now_, {SharedBytes("a"), SharedBytes("b")});
  Carry();
  Acknowledge(2, 3);
  ASSERT_EQ(raft_->applied(), LogIndex(3));
  raft_->Cut(LogIndex(3));
  for (int i = 0; i < 10; ++i) {
    now_ += milliseconds(100);
    raft_->OnPromise(now_, ReplicaId(2), Term(1), now_);
    raft_->OnConnected(now_, ReplicaId(3));
    raft_->OnNamed(now_, ReplicaId(3), Term(1));
    raft_->Tick(now_);
    Carry();
  }
  EXPECT_TRUE(raft_->serving());
}

// The shard was begun anew (raft/recovery.h): who takes part in it and who does not do not hear
// each other, though ids and terms would fit.
TEST_F(Core, AMessageOfAnotherEpochCountsForNothing) {
  now_ = raft_->next_wakeup();
  raft_->Tick(now_);
  const Message granted{ReplicaId(2), ReplicaId(1), Term(1), VoteReply{true, true, false, {}}, 1};
  raft_->Step(now_, granted);
  Carry();
  EXPECT_EQ(raft_->role(), Role::kPreCandidate);
  AppendRequest append;
  append.commit = LogIndex(0);
  raft_->Step(now_, Message{ReplicaId(2), ReplicaId(1), Term(900), append, 1});
  EXPECT_EQ(raft_->term(), Term(0));
  EXPECT_FALSE(raft_->HasReady());
  EXPECT_EQ(raft_->epoch(), 0U);
}

}  // namespace
}  // namespace ringfort::raft

// The checkers that look into nodes: each says something where it should, and nothing where all is
// well. That they find mistakes in the real code is shown by tests/sim/mistakes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <deque>
#include <utility>
#include <vector>

#include "tests/sim/checkers/commit_rule.h"
#include "tests/sim/checkers/election_safety.h"
#include "tests/sim/checkers/leader_completeness.h"
#include "tests/sim/checkers/link_order.h"
#include "tests/sim/checkers/log_matching.h"
#include "tests/sim/checkers/old_copies.h"
#include "tests/sim/checkers/said_is_stored.h"

namespace ringfort::sim {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr ShardId kShard{4};
constexpr NodeId kA{1};
constexpr NodeId kB{2};
constexpr NodeId kC{3};

raft::Entry EntryOf(std::uint64_t index, std::uint64_t term, const std::string& data = "") {
  return {Term(term), LogIndex(index), raft::EntryKind::kCommand, SharedBytes(data)};
}

/// Three nodes with a copy of one shard each, replica ids equal to node ids.
class CheckersTest : public testing::Test {
 protected:
  CheckersTest() {
    storage::LogUpdate update;
    update.shard = kShard;
    update.hard_state = raft::HardState{Term(1), {}, false};
    update.base.emplace();
    for (const NodeId node : {kA, kB, kC}) {
      update.base->members.voters.push_back({ReplicaId(node.value()), node, {}});
    }
    for (const NodeId node : {kA, kB, kC}) {
      update.hard_state->self = ReplicaId(node.value());
      Store(node, update);
    }
  }

  MemoryLogStore& LogOfNode(NodeId node) { return logs_[node.value() - 1]; }
  /// Stores and syncs, as far as the checkers are concerned.
  void Store(NodeId node, storage::LogUpdate update) {
    update.shard = kShard;
    LogOfNode(node).Append({update}, [](const Status&) {});
    while (!writing_.empty()) {
      const env::Task task = std::move(writing_.front());
      writing_.pop_front();
      task();
    }
  }
  void Store(NodeId node, std::vector<raft::Entry> entries) {
    storage::LogUpdate update;
    update.shard = kShard;
    update.entries = std::move(entries);
    Store(node, update);
    matching_.OnWritten(node, update);
    commits_.OnSynced(node, update);
    leaders_.OnWritten(node, update);
  }

  std::deque<env::Task> writing_;
  const MemoryLogStore::Options options_{
      .when_written = [this](env::Task task) { writing_.push_back(std::move(task)); },
      .now = [] { return MonotonicTime(); }};
  std::array<MemoryLogStore, 3> logs_{MemoryLogStore(options_), MemoryLogStore(options_),
                                      MemoryLogStore(options_)};
  std::vector<std::string> said_;
  const Complain complain_ = [this](std::string_view checker, const std::string& what) {
    said_.push_back(std::string(checker) + ": " + what);
  };
  const LogOf log_of_ = [this](NodeId node) -> const MemoryLogStore& { return LogOfNode(node); };
  ElectionSafety elections_{complain_};
  SaidIsStored stored_{complain_, log_of_};
  LogMatching matching_{complain_, log_of_};
  CommitRule commits_{complain_, log_of_, &elections_};
  LeaderCompleteness leaders_{complain_, log_of_, &elections_, &commits_};
};

TEST_F(CheckersTest, TwoPrimariesAndTwoVotesInATerm) {
  elections_.OnLeads(kA, kShard, Term(1));
  elections_.OnLeads(kB, kShard, Term(2));
  elections_.OnVote(ReplicaId(3), kShard, Term(2), ReplicaId(2));
  elections_.OnVote(ReplicaId(3), kShard, Term(2), ReplicaId(2));
  EXPECT_THAT(said_, IsEmpty());
  elections_.OnLeads(kA, kShard, Term(2));
  elections_.OnVote(ReplicaId(3), kShard, Term(2), ReplicaId(1));
  EXPECT_THAT(said_, ElementsAre(HasSubstr("two primaries"), HasSubstr("voted twice")));
}

TEST_F(CheckersTest, LogsThatDifferAtAnEntryOrBeforeIt) {
  Store(kA, {EntryOf(1, 1, "a"), EntryOf(2, 2, "b")});
  Store(kB, {EntryOf(1, 1, "a"), EntryOf(2, 2, "b")});
  Store(kC, {EntryOf(1, 2, "c")});
  EXPECT_THAT(said_, IsEmpty());
  Store(kC, {EntryOf(2, 2, "b")});
  EXPECT_THAT(said_, ElementsAre(HasSubstr("differ at or before index 2 of term 2")));
  Store(kC, {EntryOf(1, 1, "x")});
  EXPECT_THAT(said_, testing::SizeIs(2));
}

TEST_F(CheckersTest, ACommitWithoutAMajority) {
  elections_.OnLeads(kA, kShard, Term(1));
  Store(kA, {EntryOf(1, 1)});
  Store(kB, {EntryOf(1, 1)});
  commits_.OnAnnounced(kA, kShard, Term(1), LogIndex(1));
  EXPECT_THAT(said_, IsEmpty());
  Store(kA, {EntryOf(2, 1)});
  commits_.OnAnnounced(kA, kShard, Term(1), LogIndex(2));
  EXPECT_THAT(said_, ElementsAre(HasSubstr("no majority has synced it")));
}

// Raft paper, figure 8, (c).
TEST_F(CheckersTest, ACommitByCountingAnOlderTerm) {
  elections_.OnLeads(kA, kShard, Term(1));
  Store(kA, {EntryOf(1, 1)});
  storage::LogUpdate later;
  later.hard_state = raft::HardState{Term(2), {}, false};
  Store(kA, later);
  Store(kB, {EntryOf(1, 1)});
  elections_.OnLeads(kA, kShard, Term(2));
  commits_.OnAnnounced(kA, kShard, Term(2), LogIndex(1));
  EXPECT_THAT(said_, ElementsAre(HasSubstr("which is of term 1")));
}

TEST_F(CheckersTest, APrimaryThatLacksWhatWasCommitted) {
  elections_.OnLeads(kA, kShard, Term(1));
  Store(kA, {EntryOf(1, 1)});
  Store(kB, {EntryOf(1, 1)});
  commits_.OnAnnounced(kA, kShard, Term(1), LogIndex(1));
  elections_.OnLeads(kB, kShard, Term(2));
  Store(kB, {{Term(2), LogIndex(2), raft::EntryKind::kNoop, SharedBytes()}});
  EXPECT_THAT(said_, IsEmpty());
  elections_.OnLeads(kC, kShard, Term(3));
  Store(kC, {{Term(3), LogIndex(1), raft::EntryKind::kNoop, SharedBytes()}});
  EXPECT_THAT(said_, ElementsAre(HasSubstr("lacks index 1, committed in term 1")));
}

TEST_F(CheckersTest, WordsThatAreNotOnTheDisk) {
  Store(kA, {EntryOf(1, 1)});
  proto::RaftMessage message;
  message.set_shard(kShard.value());
  message.set_term(1);
  message.mutable_append_reply()->set_accepted(true);
  message.mutable_append_reply()->set_match(1);
  stored_.OnMessage(kA, message);
  EXPECT_THAT(said_, IsEmpty());
  message.mutable_append_reply()->set_match(2);
  stored_.OnMessage(kA, message);
  message.set_to(3);
  message.mutable_vote_reply()->set_granted(true);
  stored_.OnMessage(kA, message);
  EXPECT_THAT(said_, ElementsAre(HasSubstr("acknowledges index 2"), HasSubstr("grants a vote")));
}

/// Dials 1 and 2 of one process to another.
class LinkOrderTest : public testing::Test {
 protected:
  static env::PeerIdentity Process(NodeId node, std::uint64_t boot = 1) {
    return {node, Incarnation{node.value(), 1}, BootNumber(boot)};
  }
  const LinkOrder::Lane lane_{Process(kA), Process(kB), env::Lane::kBulk};
  std::vector<std::string> said_;
  LinkOrder order_{[this](std::string_view, const std::string& what) { said_.push_back(what); }};
};

TEST_F(LinkOrderTest, APrefixInOrderOnceAndThenTheNextConnectionIsWell) {
  order_.OnAdmitted(lane_, env::DialNumber(1));
  order_.OnDelivered(lane_, env::DialNumber(1), 1);
  order_.OnDelivered(lane_, env::DialNumber(1), 2);
  order_.OnAdmitted(lane_, env::DialNumber(2));
  order_.OnDelivered(lane_, env::DialNumber(2), 1);
  order_.OnAdmitted({Process(kA, 2), Process(kB), env::Lane::kBulk}, env::DialNumber(1));
  EXPECT_THAT(said_, IsEmpty());
}

TEST_F(LinkOrderTest, AMessageOfAnOlderConnectionIsWrong) {
  order_.OnAdmitted(lane_, env::DialNumber(1));
  order_.OnAdmitted(lane_, env::DialNumber(2));
  order_.OnDelivered(lane_, env::DialNumber(1), 1);
  EXPECT_THAT(said_, ElementsAre(HasSubstr("after dial 2 was admitted")));
}

TEST_F(LinkOrderTest, AGapAndARepetitionAreWrong) {
  order_.OnAdmitted(lane_, env::DialNumber(1));
  order_.OnDelivered(lane_, env::DialNumber(1), 2);
  order_.OnDelivered(lane_, env::DialNumber(1), 1);
  order_.OnDelivered(lane_, env::DialNumber(1), 1);
  EXPECT_THAT(said_, ElementsAre(HasSubstr("message 2"), HasSubstr("message 1")));
}

TEST_F(LinkOrderTest, ALowerDialAfterAHigherIsWrong) {
  order_.OnAdmitted(lane_, env::DialNumber(2));
  order_.OnAdmitted(lane_, env::DialNumber(1));
  EXPECT_THAT(said_, ElementsAre(HasSubstr("admitted after dial 2")));
}

class OldCopiesTest : public testing::Test {
 protected:
  static env::PeerIdentity Start(std::uint64_t boot, std::uint64_t nonce) {
    return {kA, Incarnation{kA.value(), 1}, BootNumber(boot), {}, nonce};
  }
  std::vector<std::string> said_;
  OldCopies copies_{[this](std::string_view, const std::string& what) { said_.push_back(what); }};
};

TEST_F(OldCopiesTest, WhoKnewALaterStartMayNotLinkWithTheCopy) {
  copies_.OnStarted(Start(3, 30));
  copies_.OnPutBack(kA, {kB});
  copies_.OnStarted(Start(3, 31));
  copies_.OnLinked(Start(3, 31), kB);
  EXPECT_THAT(said_, ElementsAre(HasSubstr("an old copy")));
}

TEST_F(OldCopiesTest, AStartBeforeAndWhoNeverKnewAreWell) {
  copies_.OnStarted(Start(3, 30));
  copies_.OnPutBack(kA, {kB});
  copies_.OnLinked(Start(3, 30), kB);  // Its hello was still under way.
  copies_.OnStarted(Start(4, 40));
  copies_.OnLinked(Start(4, 40), kC);
  copies_.OnWiped(kB);
  copies_.OnLinked(Start(4, 40), kB);
  copies_.OnWiped(kA);
  copies_.OnLinked(Start(4, 40), kB);
  EXPECT_THAT(said_, IsEmpty());
}

}  // namespace
}  // namespace ringfort::sim

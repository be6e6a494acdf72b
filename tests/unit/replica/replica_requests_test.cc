// What becomes of clients' requests: each is answered once, and the answer says what happened.
#include <gtest/gtest.h>

#include "tests/unit/replica/commands.h"
#include "tests/unit/replica/lone_replica.h"

namespace ringfort::replica {
namespace {

using std::chrono::milliseconds;

/// A primary on node 1 of three, with a session. Node 2 acknowledges when it is told to.
class Primary : public testing::Test {
 protected:
  explicit Primary(LoneReplicaSetup setup = {}) : world_(setup) {
    world_.Lead();
    const auto opened = world_.Ask(OpenRequest());
    Commit();
    EXPECT_EQ(opened->calls, 1);
    session_ = opened->response.session_opened().session();
  }

  void Commit() {
    world_.Settle();
    world_.Acknowledge(2);
    world_.Settle();
  }
  std::shared_ptr<Answer> AskPut(const std::string& key, const std::string& value,
                                 Duration timeout = std::chrono::hours(1)) {
    return world_.Ask(WriteRequest(session_, ++sequence_, {Put(key, value)}), timeout);
  }
  void Lease() {
    world_.replica().OnPromise({NodeId(2), {}, {}}, world_.replica().raft().term(), world_.Now(),
                               world_.Now());
  }
  /// Time passes, and node 2 is heard of, but acknowledges nothing new.
  void PassHearing(Duration time) {
    for (const MonotonicTime end = world_.Now() + time; world_.Now() < end;) {
      world_.Pass(milliseconds(20));
      world_.replica().OnPromise({NodeId(2), {}, {}}, world_.replica().raft().term(), kNever,
                                 world_.Now());
    }
  }

  LoneReplica world_;
  std::uint64_t session_ = 0;
  std::uint64_t sequence_ = 0;
};

/// For so many writes that have 400 bytes together, and two reads.
ReplicaOptions LittleRoom(bool lease_reads, std::size_t writes) {
  ReplicaOptions options;
  options.raft.lease_reads = lease_reads;
  options.write_bytes_max = writes * 512 + 400;  // Each counts 512 beside its bytes.
  options.waiting_reads_max = 2;
  return options;
}

void ExpectNotPrimary(const Answer& answer, Effect effect) {
  EXPECT_EQ(answer.calls, 1);
  EXPECT_EQ(answer.code(), Code::kNotPrimary);
  EXPECT_EQ(answer.effect(), effect);
}

TEST(AFollower, SendsClientsToThePrimary) {
  LoneReplica follower({.node = 2});
  const auto early = follower.Ask(OpenRequest());
  follower.TakeTurns();
  ExpectNotPrimary(*early, Effect::kNotApplied);
  EXPECT_EQ(early->response.error().primary_hint(), 0U);
  raft::AppendRequest append;
  append.entries = {{Term(1), LogIndex(1), raft::EntryKind::kNoop, SharedBytes()}};
  append.primary_last = LogIndex(1);
  follower.Hear(3, Term(1), append);
  follower.Settle();
  const auto write = follower.Ask(OpenRequest());
  const auto read = follower.Ask(GetRequest("a"));
  const auto any = follower.Ask(GetRequest("a", proto::Get::ANY_REPLICA));
  EXPECT_EQ(any->calls, 1);
  EXPECT_EQ(any->response.got().entries_size(), 1);
  follower.TakeTurns();
  for (const auto& answer : {write, read}) {
    ExpectNotPrimary(*answer, Effect::kNotApplied);
    EXPECT_EQ(answer->response.error().primary_hint(), 3U);
  }
  follower.Move(std::chrono::seconds(5));  // Who was not heard of for so long is no hint.
  const auto late = follower.Ask(OpenRequest());
  follower.TakeTurns();
  EXPECT_EQ(late->response.error().primary_hint(), 0U);
}

TEST_F(Primary, AnswersAWriteOnceItIsCommittedAndApplied) {
  const auto put = AskPut("a", "1");
  world_.Settle();
  EXPECT_EQ(put->calls, 0);
  Commit();
  EXPECT_EQ(put->calls, 1);
  EXPECT_EQ(put->response.written().version(), 3U);
  // The three refusals that an outcome can be.
  const auto taken = world_.Ask(WriteRequest(session_, ++sequence_, {PutIfAbsent("a", "2")}));
  const auto unknown = world_.Ask(WriteRequest(99, 1, {Put("a", "2")}));
  Commit();
  EXPECT_EQ(taken->code(), Code::kConditionFailed);
  EXPECT_EQ(taken->effect(), Effect::kNotApplied);
  EXPECT_EQ(unknown->code(), Code::kSessionExpired);
  EXPECT_EQ(unknown->effect(), Effect::kUnknown);
}

TEST_F(Primary, TheRetryOfAWriteInTheLogGetsTheSameAnswer) {
  const auto first = AskPut("a", "1");
  world_.Settle();
  const auto retry = world_.Ask(WriteRequest(session_, sequence_, {Put("a", "1")}));
  Commit();
  EXPECT_EQ(first->calls, 1);
  EXPECT_EQ(retry->calls, 1);
  EXPECT_EQ(first->response.SerializeAsString(), retry->response.SerializeAsString());
}

class PrimaryWithLittleRoom : public Primary {
 protected:
  PrimaryWithLittleRoom() : Primary({.options = LittleRoom(/*lease_reads=*/false, 1)}) {}
};

TEST_F(PrimaryWithLittleRoom, RefusesWritesWhileTheirBytesAreFull) {
  const std::string value(200, 'v');
  const auto in = AskPut("a", value);
  const auto over = AskPut("b", value);
  EXPECT_EQ(over->calls, 1);
  EXPECT_EQ(over->code(), Code::kOverloaded);
  EXPECT_EQ(over->effect(), Effect::kNotApplied);
  EXPECT_GT(over->response.error().retry_after_ms(), 0U);
  world_.Settle();  // In the log, but not answered: it still counts.
  EXPECT_EQ(AskPut("b", value)->code(), Code::kOverloaded);
  Commit();
  EXPECT_EQ(in->code(), Code::kOk);
  for (int i = 0; i < 5; ++i) {
    const auto again = AskPut("b", value);
    Commit();
    EXPECT_EQ(again->calls, 1);
    EXPECT_EQ(again->code(), Code::kOk);
  }
  world_.replica().StepDown(world_.Now());  // Nor do the bytes of refused ones count for ever.
  for (int i = 0; i < 5; ++i) {
    const auto refused = AskPut("b", value);
    world_.TakeTurns();
    ExpectNotPrimary(*refused, Effect::kNotApplied);
  }
}

// The run: millions of requests of a few bytes each, which take memory by the hundreds.
TEST_F(PrimaryWithLittleRoom, ATinyRequestIsNotForNothing) {
  proto::Request keep;
  keep.mutable_keep_session()->set_session(session_);
  for (const proto::Request& tiny : {OpenRequest(), keep}) {
    const auto in = world_.Ask(tiny);
    const auto over = world_.Ask(tiny);
    EXPECT_EQ(over->code(), Code::kOverloaded);
    Commit();
    EXPECT_EQ(in->calls, 1);
    EXPECT_EQ(in->code(), Code::kOk);
  }
}

TEST_F(PrimaryWithLittleRoom, BoundsReadsThatWaitForARound) {
  std::vector<std::shared_ptr<Answer>> reads;
  for (int i = 0; i < 5; ++i) {
    reads.push_back(world_.Ask(GetRequest("a")));
    world_.TakeTurns();  // Each goes on to wait for its ReadIndex round.
  }
  int refused = 0;
  for (const auto& read : reads) {
    if (read->calls == 0) continue;
    EXPECT_EQ(read->code(), Code::kOverloaded);
    EXPECT_GT(read->response.error().retry_after_ms(), 0U);
    ++refused;
  }
  EXPECT_EQ(refused, 3);
  for (std::uint64_t round = 1; round <= 2; ++round) {
    world_.Hear(2, Term(1), raft::ReadProbeReply{round});
    world_.Settle();
  }
  for (const auto& read : reads) EXPECT_EQ(read->calls, 1);
  const auto next = world_.Ask(GetRequest("a"));
  EXPECT_EQ(next->calls, 0);
}

class PrimaryWithColdCache : public Primary {
 protected:
  PrimaryWithColdCache() : Primary({.whims = {.miss_one_in = 1}, .options = LittleRoom(true, 3)}) {}
};

TEST_F(PrimaryWithColdCache, ReadsFromDiskInThePool) {
  AskPut("a", "1");
  Commit();
  Lease();
  const auto read = world_.Ask(GetRequest("a"));
  world_.TakeTurns();
  EXPECT_EQ(read->calls, 0);
  ASSERT_TRUE(world_.RunPool());
  EXPECT_EQ(read->calls, 1);
  EXPECT_EQ(read->response.got().entries(0).value(), "1");
}

TEST_F(PrimaryWithColdCache, BoundsReadsInThePoolFromAnyReplicaToo) {
  std::vector<std::shared_ptr<Answer>> reads;
  for (int i = 0; i < 4; ++i) reads.push_back(world_.Ask(GetRequest("a", proto::Get::ANY_REPLICA)));
  EXPECT_EQ(reads[2]->code(), Code::kOverloaded);
  EXPECT_EQ(reads[3]->code(), Code::kOverloaded);
  world_.Settle();
  for (const auto& read : reads) EXPECT_EQ(read->calls, 1);
}

TEST_F(PrimaryWithColdCache, AppliesAConditionThatNeedsTheDiskInThePool) {
  const auto put = world_.Ask(WriteRequest(session_, ++sequence_, {PutIfAbsent("a", "1")}));
  const auto after = AskPut("b", "1");
  world_.Settle();
  world_.Acknowledge(2);
  world_.TakeTurns();
  EXPECT_EQ(put->calls + after->calls, 0);
  EXPECT_EQ(world_.replica().raft().applied(), LogIndex(2));
  // Reads of what is applied go on meanwhile, and what is committed now waits its turn.
  ASSERT_FALSE(world_.pool_is_empty());
  const auto later = AskPut("c", "1");
  Commit();
  for (const auto& answer : {put, after, later}) {
    EXPECT_EQ(answer->calls, 1);
    EXPECT_EQ(answer->code(), Code::kOk);
  }
}

// Deadlines.

TEST_F(Primary, AWaitingWriteWhoseDeadlinePassesMayYetHappen) {
  const auto put = AskPut("a", "1", milliseconds(100));
  world_.Settle();
  PassHearing(milliseconds(90));
  EXPECT_EQ(put->calls, 0);
  PassHearing(milliseconds(100));
  EXPECT_EQ(put->calls, 1);
  EXPECT_EQ(put->code(), Code::kDeadlineExceeded);
  EXPECT_EQ(put->effect(), Effect::kUnknown);
  Commit();
  EXPECT_EQ(put->calls, 1);
  EXPECT_EQ(world_.replica().data()->applied().index, LogIndex(3));  // It has.
}

TEST_F(Primary, AWriteThatIsLateBeforeItIsProposedNeverHappens) {
  const auto put = AskPut("a", "1", milliseconds(10));
  world_.Move(milliseconds(10));
  world_.TakeTurns();
  EXPECT_EQ(put->calls, 1);
  EXPECT_EQ(put->code(), Code::kDeadlineExceeded);
  EXPECT_EQ(put->effect(), Effect::kNotApplied);
  EXPECT_EQ(world_.replica().raft().log().last_index(), LogIndex(2));
}

TEST_F(Primary, ReadsHaveDeadlinesWhereverTheyWait) {
  // For a round,
  const auto unconfirmed = world_.Ask(GetRequest("a"), milliseconds(50));
  world_.TakeTurns();
  PassHearing(milliseconds(200));
  EXPECT_EQ(unconfirmed->calls, 1);
  EXPECT_EQ(unconfirmed->code(), Code::kDeadlineExceeded);
  EXPECT_EQ(unconfirmed->effect(), Effect::kNotApplied);
  // and for their index to be applied: committed by the others, not synced here.
  AskPut("a", "1");
  world_.TakeTurns();
  world_.Acknowledge(2);
  world_.Acknowledge(3);
  Lease();
  const auto unapplied = world_.Ask(GetRequest("a"), milliseconds(50));
  world_.TakeTurns();
  EXPECT_EQ(unapplied->calls, 0);
  PassHearing(milliseconds(200));
  EXPECT_EQ(unapplied->calls, 1);
  EXPECT_EQ(unapplied->code(), Code::kDeadlineExceeded);
  Commit();
  world_.Hear(2, Term(1), raft::ReadProbeReply{5});
  world_.Settle();
  EXPECT_EQ(unconfirmed->calls + unapplied->calls, 2);
}

// Linearizable reads.

TEST_F(Primary, AReadWaitsUntilItsIndexIsApplied) {
  const auto put = AskPut("a", "1");
  world_.TakeTurns();
  world_.Acknowledge(2);
  world_.Acknowledge(3);
  Lease();
  const auto read = world_.Ask(GetRequest("a"));
  world_.TakeTurns();
  EXPECT_EQ(read->calls, 0);  // Committed, not applied: somebody may have seen the value elsewhere.
  ASSERT_TRUE(world_.Sync());
  world_.TakeTurns();
  EXPECT_EQ(put->calls, 1);
  EXPECT_EQ(read->calls, 1);
  EXPECT_EQ(read->response.got().entries(0).value(), "1");
}

TEST_F(Primary, WithoutALeaseAReadWaitsForItsRound) {
  const auto read = world_.Ask(GetRequest("a"));
  world_.TakeTurns();
  const auto probes = world_.Take<raft::ReadProbe>();
  ASSERT_EQ(probes.size(), 2U);
  EXPECT_EQ(read->calls, 0);
  world_.Hear(2, Term(1), raft::ReadProbeReply{probes[0].round});
  world_.TakeTurns();
  EXPECT_EQ(read->calls, 1);
  EXPECT_FALSE(read->response.got().entries(0).found());
}

// Protocols 3: the lease is judged by a clock that is read after the request arrived.
TEST_F(Primary, AFrozenLoopDoesNotReadByTheLeaseOfBefore) {
  Lease();
  const auto read = world_.Ask(GetRequest("a"));
  world_.Move(std::chrono::seconds(1));
  world_.TakeTurns();
  EXPECT_EQ(read->calls, 0);
}

// Endings.

TEST_F(Primary, LosingTheRoleAnswersWhatWaits) {
  const auto put = AskPut("a", "1");
  const auto read = world_.Ask(GetRequest("a"));
  world_.Settle();
  EXPECT_EQ(put->calls + read->calls, 0);
  raft::AppendRequest append;
  append.previous_index = LogIndex(2);
  append.previous_term = Term(1);
  append.commit = LogIndex(2);
  append.entries = {{Term(2), LogIndex(3), raft::EntryKind::kNoop, SharedBytes()}};
  append.primary_last = LogIndex(3);
  world_.Hear(2, Term(2), append);
  world_.TakeTurns();
  ExpectNotPrimary(*put, Effect::kUnknown);
  ExpectNotPrimary(*read, Effect::kNotApplied);
  EXPECT_EQ(put->response.error().primary_hint(), 2U);
  EXPECT_EQ(world_.leads(), std::nullopt);
  append.previous_index = LogIndex(3);
  append.previous_term = Term(2);
  append.commit = LogIndex(3);
  append.entries.clear();
  world_.Hear(2, Term(2), append);
  world_.Settle();
  world_.Pass(milliseconds(20));
  EXPECT_EQ(world_.replica().raft().applied(), LogIndex(3));  // Not the put.
  EXPECT_EQ(put->calls, 1);
}

TEST_F(Primary, SteppingDownByItselfIsToldAtOnce) {
  const auto put = AskPut("a", "1");
  world_.Settle();
  EXPECT_TRUE(world_.leads().has_value());
  // Nobody is heard of: CheckQuorum ends the role within a tick of the election timeout.
  world_.Pass(milliseconds(640));
  EXPECT_NE(world_.replica().raft().role(), raft::Role::kPrimary);
  EXPECT_EQ(world_.leads(), std::nullopt);
  ExpectNotPrimary(*put, Effect::kUnknown);
}

TEST_F(Primary, LeadingAgainDoesNotMixUpWrites) {
  const auto lost = AskPut("a", "lost");
  world_.Settle();
  world_.replica().StepDown(world_.Now());
  world_.TakeTurns();
  ExpectNotPrimary(*lost, Effect::kUnknown);
  world_.Pass(std::chrono::seconds(1));
  world_.Hear(2, Term(2), raft::VoteReply{true, true, false, Duration(0)});
  world_.Settle();
  world_.Hear(2, Term(2), raft::VoteReply{false, true, false, Duration(0)});
  world_.Settle();
  ASSERT_EQ(world_.leads(), Term(2));
  const auto put = AskPut("b", "1");
  Commit();
  EXPECT_EQ(put->calls, 1);
  EXPECT_EQ(put->response.written().version(), 5U);  // After the lost one and the new term's first.
  EXPECT_EQ(lost->calls, 1);
  // The retry of the lost one learns that it has happened.
  const auto retry = world_.Ask(WriteRequest(session_, 1, {Put("a", "lost")}));
  Commit();
  EXPECT_EQ(retry->response.written().version(), 3U);
}

TEST_F(PrimaryWithColdCache, StopAnswersEverythingOnce) {
  std::vector<std::shared_ptr<Answer>> answers;
  Lease();
  answers.push_back(world_.Ask(GetRequest("a")));  // In the pool.
  world_.TakeTurns();
  ASSERT_FALSE(world_.pool_is_empty());
  answers.push_back(AskPut("a", "1"));  // In the log: committed, not synced here.
  world_.TakeTurns();
  world_.Acknowledge(2);
  world_.Acknowledge(3);
  world_.TakeTurns();
  answers.push_back(world_.Ask(GetRequest("a")));  // Waits to be applied.
  world_.TakeTurns();
  world_.Move(std::chrono::milliseconds(300));  // The lease is over.
  answers.push_back(AskPut("b", "1"));          // Not looked at.
  world_.replica().Stop();
  answers.push_back(AskPut("c", "1"));  // Too late.
  answers.push_back(world_.Ask(GetRequest("a")));
  answers.push_back(world_.Ask(GetRequest("a", proto::Get::ANY_REPLICA)));
  for (std::size_t i = 1; i < answers.size(); ++i) {
    ExpectNotPrimary(*answers[i], i == 1 ? Effect::kUnknown : Effect::kNotApplied);
  }
  world_.replica().Stop();
  world_.Settle();
  world_.Pass(milliseconds(100));
  for (const auto& answer : answers) EXPECT_EQ(answer->calls, 1);
  EXPECT_EQ(answers[0]->code(), Code::kOk);
}

// A client in the same process may ask again from within its answer.
TEST(AReply, MayAskAgain) {
  LoneReplica follower({.node = 2});
  int answers = 0;
  auto ask = [&](auto& self, proto::Request request, int again) -> void {
    follower.replica().Submit({request,
                               [&, request, again](const proto::Response&) {
                                 ++answers;
                                 if (again > 0) self(self, request, again - 1);
                               },
                               kForever});
  };
  for (int i = 0; i < 20; ++i) {
    ask(ask, OpenRequest(), 2);
    ask(ask, GetRequest("a"), 2);
  }
  follower.TakeTurns();
  EXPECT_EQ(answers, 120);
  for (int i = 0; i < 20; ++i) {
    ask(ask, OpenRequest(), 1);
    ask(ask, GetRequest("a"), 1);
  }
  follower.replica().Stop();
  EXPECT_EQ(answers, 200);
}

// A newer release wrote it, for its bytes are whole: the node stops before it applies anything, and
// the copy is not called damaged (design 9).
TEST(AnEntryThatIsNotUnderstood, StopsTheNodeAndCostsNoCopy) {
  LoneReplica follower({.node = 2});
  raft::AppendRequest append;
  append.entries = {{Term(1), LogIndex(1), raft::EntryKind::kCommand, SharedBytes("\xff")}};
  append.primary_last = LogIndex(1);
  append.commit = LogIndex(1);
  follower.Hear(1, Term(1), append);
  follower.Settle();
  follower.Pass(milliseconds(20));
  follower.Settle();
  EXPECT_TRUE(follower.failed());
  EXPECT_TRUE(follower.said.empty());
  EXPECT_TRUE(follower.removed.empty());
  EXPECT_EQ(follower.replica().data()->applied().index, LogIndex(0));
}

// A full disk is a state (design 3, protocols 8): puts are refused, all else goes on, and it ends.

using storage::DiskRoom;

TEST_F(Primary, RefusesPutsWhileItsDiskIsFull) {
  world_.rooms[NodeId(1)] = DiskRoom::kFull;
  const auto put = AskPut("key", "value");
  const auto removal = world_.Ask(WriteRequest(session_, ++sequence_, {Delete("key")}));
  const auto makes_room = world_.Ask(WriteRequest(session_, ++sequence_, {Put("map", "value")}),
                                     std::chrono::seconds(1), /*makes_room=*/true);
  const auto opened = world_.Ask(OpenRequest());
  Lease();
  const auto read = world_.Ask(GetRequest("key"));
  Commit();
  EXPECT_EQ(put->code(), Code::kDiskFull);
  EXPECT_EQ(put->effect(), Effect::kNotApplied);
  EXPECT_EQ(removal->code(), Code::kOk);
  EXPECT_EQ(makes_room->code(), Code::kOk) << "without it no operator gets out of this";
  EXPECT_EQ(opened->code(), Code::kOk);
  EXPECT_EQ(read->code(), Code::kOk);
  EXPECT_FALSE(read->response.got().entries(0).found());
  world_.rooms[NodeId(1)] = DiskRoom::kEnough;
  const auto again = AskPut("key", "value");
  Commit();
  EXPECT_EQ(again->code(), Code::kOk) << "it ends by itself";
}

TEST_F(Primary, RefusesAllWritesWhileItsDiskIsExhausted) {
  world_.rooms[NodeId(1)] = DiskRoom::kExhausted;
  const auto put = AskPut("key", "value");
  const auto removal = world_.Ask(WriteRequest(session_, ++sequence_, {Delete("key")}));
  const auto makes_room = world_.Ask(WriteRequest(session_, ++sequence_, {Put("map", "value")}),
                                     std::chrono::seconds(1), /*makes_room=*/true);
  Lease();
  const auto read = world_.Ask(GetRequest("key"));
  Commit();
  EXPECT_EQ(put->code(), Code::kDiskFull);
  EXPECT_EQ(makes_room->code(), Code::kDiskFull);
  EXPECT_EQ(removal->code(), Code::kDiskFull);
  EXPECT_EQ(removal->effect(), Effect::kNotApplied);
  EXPECT_EQ(read->code(), Code::kOk);
}

TEST_F(Primary, RefusesWhatNoMajorityHasRoomFor) {
  const auto codes = [&](DiskRoom two, DiskRoom three) {
    world_.rooms[NodeId(2)] = two;
    world_.rooms[NodeId(3)] = three;
    const auto put = AskPut("key", "value");
    const auto removal = world_.Ask(WriteRequest(session_, ++sequence_, {Delete("key")}));
    Commit();
    return std::pair(put->code(), removal->code());
  };
  EXPECT_EQ(codes(DiskRoom::kExhausted, DiskRoom::kEnough), std::pair(Code::kOk, Code::kOk));
  EXPECT_EQ(codes(DiskRoom::kFull, DiskRoom::kFull), std::pair(Code::kDiskFull, Code::kOk));
  EXPECT_EQ(codes(DiskRoom::kFull, DiskRoom::kExhausted), std::pair(Code::kDiskFull, Code::kOk));
  EXPECT_EQ(codes(DiskRoom::kExhausted, DiskRoom::kExhausted),
            std::pair(Code::kDiskFull, Code::kDiskFull));
  EXPECT_EQ(codes(DiskRoom::kEnough, DiskRoom::kEnough), std::pair(Code::kOk, Code::kOk));
}

}  // namespace
}  // namespace ringfort::replica

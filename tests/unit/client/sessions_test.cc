// Exactly-once writes as the client keeps them (protocols 7), and what it says of a write that
// failed.
#include "client/sessions.h"

#include <gmock/gmock.h>

#include <set>

#include "base/random.h"
#include "tests/unit/client/client_fixture.h"

namespace ringfort::client {
namespace {

using testing::HasSubstr;

class SessionsTest : public ClientFixture {
 protected:
  static bool IsOpen(const FakeCluster::Arrival& arrival) {
    return arrival.request.has_open_session();
  }
  /// The writes' fates, in the order in which they arrive; kServe behind the last.
  void FateOfWrites(std::vector<Fate> fates) {
    cluster_.fate = [fates = std::move(fates), next = std::size_t{0}](
                        std::uint32_t, const proto::Request& request) mutable {
      if (!request.has_write() || next == fates.size()) return Fate::kServe;
      return fates[next++];
    };
  }
  /// The answer to the next write, in place of the cluster's.
  void AnswerNextWrite(proto::Response response) {
    cluster_.answer = [response, answered = false](
                          std::uint32_t,
                          const proto::Request& request) mutable -> std::optional<proto::Response> {
      if (answered || !request.has_write()) return std::nullopt;
      answered = true;
      return response;
    };
  }
};

TEST_F(SessionsTest, ASessionIsOpenedOnceForAllWritesThatWait) {
  std::vector<Handle<Result<Version>>> puts;
  for (int i = 0; i < 200; ++i) puts.push_back(Put(KeyIn(0, i), "v"));
  for (const auto& put : puts) ASSERT_TRUE(Wait(put).ok());
  EXPECT_EQ(cluster_.CountArrivals(IsOpen), 1u);
  ASSERT_TRUE(Wait(Put(KeyIn(1), "v")).ok());
  EXPECT_EQ(cluster_.CountArrivals(IsOpen), 2u) << "another shard, another session";
}

TEST_F(SessionsTest, ReadsNeedNone) {
  Await(Get(KeyIn(0)));
  EXPECT_EQ(cluster_.CountArrivals(IsOpen), 0u);
}

TEST_F(SessionsTest, WritesCarryTheirNumberAndWhatIsAnswered) {
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(Wait(Put(KeyIn(0), "v")).ok());
  std::uint64_t expected = 1;
  for (const auto& arrival : cluster_.arrivals) {
    if (!IsWrite(arrival)) continue;
    EXPECT_EQ(arrival.request.write().sequence(), expected);
    EXPECT_EQ(arrival.request.write().first_unanswered(), expected);
    ++expected;
  }
  EXPECT_EQ(expected, 4u);
}

TEST_F(SessionsTest, ALostAnswerIsAskedForAgainAndTheWriteAppliedOnce) {
  for (Fate fate : {Fate::kLoseAnswer, Fate::kLoseRequest, Fate::kReset}) {
    cluster_.applied.clear();
    FateOfWrites({fate});
    Result<Version> version = Wait(Put(KeyIn(0), "v"));
    EXPECT_TRUE(version.ok()) << version.status().ToString();
    EXPECT_EQ(cluster_.applied[KeyIn(0)], 1);
  }
}

TEST_F(SessionsTest, ARetriedConditionGetsTheFirstOutcome) {
  FateOfWrites({Fate::kLoseAnswer});
  // Judged anew, the retry would find the entry that the first copy put.
  EXPECT_TRUE(Wait(Put(KeyIn(0), "v", {.if_absent = true})).ok());
  FateOfWrites({Fate::kLoseAnswer});
  const Status status = Wait(Put(KeyIn(0), "w", {.if_absent = true})).status();
  EXPECT_EQ(status.code(), Code::kConditionFailed);
  EXPECT_EQ(status.effect(), Effect::kNotApplied) << "the recorded outcome is certain";
}

// Protocols 7, the run: "(X, 1) Increment is applied, the answer is lost, the client freezes, X
// expires; the retry of (X, 1) makes a new X and is applied again." With Put.
TEST_F(SessionsTest, AWriteThatMayHaveHappenedIsNotRepeatedInAnotherSession) {
  FateOfWrites({Fate::kLoseAnswer});
  const auto put = Put(KeyIn(0), "v");
  loop_.RunFor(10ms);
  ASSERT_EQ(cluster_.applied[KeyIn(0)], 1);
  cluster_.ExpireSessions(0);
  const Status status = Wait(put).status();
  EXPECT_EQ(status.code(), Code::kSessionExpired);
  EXPECT_EQ(status.effect(), Effect::kUnknown);
  EXPECT_EQ(cluster_.applied[KeyIn(0)], 1) << "applied again";
  // Later writes open another session.
  EXPECT_TRUE(Wait(Put(KeyIn(0), "w")).ok());
  EXPECT_EQ(cluster_.CountArrivals(IsOpen), 2u);
}

TEST_F(SessionsTest, AWriteThatCannotHaveHappenedStartsAgainInAnotherSession) {
  ASSERT_TRUE(Wait(Put(KeyIn(0), "v")).ok());
  cluster_.ExpireSessions(0);
  std::vector<Handle<Result<Version>>> puts;
  for (int i = 0; i < 20; ++i) puts.push_back(Put(KeyIn(0, i), "w"));
  for (const auto& put : puts) EXPECT_TRUE(Wait(put).ok()) << put->value->status().ToString();
  EXPECT_EQ(cluster_.CountArrivals(IsOpen), 2u) << "one new session for all of them";
}

TEST_F(SessionsTest, ARefusalBeforeTheSessionExpiredIsNoAttempt) {
  ASSERT_TRUE(Wait(Put(KeyIn(0), "v")).ok());
  cluster_.SetPrimaries(2);  // Node 1 refuses by NotPrimary, certainly without applying.
  cluster_.ExpireSessions(0);
  EXPECT_TRUE(Wait(Put(KeyIn(0), "w")).ok());
}

// A refusal of the second try says nothing about the first.
TEST_F(SessionsTest, ALaterRefusalDoesNotMakeAnEarlierTryUndone) {
  FateOfWrites({Fate::kLoseAnswer});
  const auto put = Put(KeyIn(0), "v", {.timeout = 1s});
  loop_.RunFor(10ms);
  cluster_.SetPrimaries(0);
  const Status status = Wait(put).status();
  EXPECT_EQ(status.code(), Code::kUnavailable);
  EXPECT_EQ(status.effect(), Effect::kUnknown);
}

TEST_F(SessionsTest, AWriteThatWasNeverSentHasCertainlyNotHappened) {
  ASSERT_TRUE(Wait(Put(KeyIn(0), "v")).ok());
  cluster_.Kill(1);
  cluster_.Kill(2);
  cluster_.Kill(3);
  loop_.RunFor(1s);
  const Status status = Wait(Put(KeyIn(0), "w", {.timeout = 500ms})).status();
  EXPECT_EQ(status.code(), Code::kUnavailable);
  EXPECT_EQ(status.effect(), Effect::kNotApplied);
  EXPECT_THAT(status.message(), HasSubstr("connection refused"));
}

TEST_F(SessionsTest, AWriteRefusedByEveryReplicaHasCertainlyNotHappened) {
  ASSERT_TRUE(Wait(Put(KeyIn(0), "v")).ok());
  cluster_.SetPrimaries(0);
  const Status status = Wait(Put(KeyIn(0), "w", {.timeout = 200ms})).status();
  EXPECT_EQ(status.effect(), Effect::kNotApplied);
}

TEST_F(SessionsTest, ANotPrimaryThatHadProposedTheWriteLeavesItUnknown) {
  ASSERT_TRUE(Wait(Put(KeyIn(0), "v")).ok());
  AnswerNextWrite(FakeCluster::Error(Code::kNotPrimary, "stepped down", Effect::kUnknown));
  const auto put = Put(KeyIn(0), "w", {.timeout = 200ms});
  cluster_.SetPrimaries(0);
  EXPECT_EQ(Wait(put).status().effect(), Effect::kUnknown);
}

TEST_F(SessionsTest, AnUnansweredWriteIsUnknownAtItsDeadline) {
  ASSERT_TRUE(Wait(Put(KeyIn(0), "v")).ok());
  cluster_.Freeze(1);
  const Status status = Wait(Put(KeyIn(0), "w", {.timeout = 100ms})).status();
  EXPECT_EQ(status.code(), Code::kDeadlineExceeded);
  EXPECT_EQ(status.effect(), Effect::kUnknown);
}

TEST_F(SessionsTest, AFrozenPrimarysWriteIsRepeatedElsewhereByItsOldNumber) {
  ASSERT_TRUE(Wait(Put(KeyIn(0), "v")).ok());
  cluster_.Freeze(1);
  cluster_.SetPrimaries(2);
  ASSERT_TRUE(Wait(Put(KeyIn(0), "w")).ok());
  EXPECT_EQ(cluster_.arrivals.back().node, 2u);
  EXPECT_EQ(cluster_.arrivals.back().request.write().sequence(), 2u);
  // The frozen node goes on with the old copy in its queue: refused or repeated, never applied
  // again.
  cluster_.Thaw(1);
  loop_.RunFor(1s);
  EXPECT_EQ(cluster_.applied[KeyIn(0)], 2);
}

// A write that was given up will never be retried, so it counts as answered: the next write tells
// the shard, and the delayed copy is refused.
TEST_F(SessionsTest, ADelayedCopyOfAWriteThatWasGivenUpIsRefused) {
  ASSERT_TRUE(Wait(Put(KeyIn(0), "v")).ok());
  cluster_.Freeze(1);
  const Status status = Wait(Put(KeyIn(0), "late", {.timeout = 100ms})).status();
  EXPECT_EQ(status.effect(), Effect::kUnknown);
  cluster_.SetPrimaries(2);
  ASSERT_TRUE(Wait(Put(KeyIn(0), "newer")).ok());
  EXPECT_EQ(cluster_.arrivals.back().request.write().first_unanswered(), 3u);
  cluster_.SetPrimaries(1);
  cluster_.Thaw(1);
  loop_.RunFor(1s);
  EXPECT_EQ(*Wait(Get(KeyIn(0))).value().value.data(), 'n') << "the late copy was applied";
}

TEST_F(SessionsTest, AtMostSoManyUnfinishedWritesTheOthersWait) {
  ASSERT_TRUE(Wait(Put(KeyIn(0), "v")).ok());
  cluster_.service_time = [](std::uint32_t, const proto::Request& request) {
    return request.has_write() ? Duration(100ms) : Duration(0);
  };
  cluster_.arrivals.clear();
  std::vector<Handle<Result<Version>>> puts;
  for (int i = 0; i < 3000; ++i) puts.push_back(Put(KeyIn(0), "w"));
  loop_.RunFor(50ms);
  EXPECT_EQ(cluster_.CountArrivals(IsWrite), SequenceWindow::kSpan);
  for (const auto& put : puts) ASSERT_TRUE(Wait(put).ok());
  for (const auto& arrival : cluster_.arrivals) {
    const proto::Write& write = arrival.request.write();
    ASSERT_LE(write.first_unanswered(), write.sequence());
    ASSERT_LT(write.sequence() - write.first_unanswered(), SequenceWindow::kSpan);
  }
}

// Answers come in any order; every write says truthfully below which number all are answered.
TEST_F(SessionsTest, FirstUnansweredAgreesWithADumbTwin) {
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    cluster_.arrivals.clear();
    Random random(seed);
    cluster_.service_time = [&](std::uint32_t, const proto::Request&) {
      return Duration(static_cast<std::int64_t>(random.Below(5'000'000)));
    };
    std::vector<Handle<Result<Version>>> puts;
    for (int i = 0; i < 500; ++i) {
      puts.push_back(Put(KeyIn(2), "v"));
      loop_.RunFor(Duration(static_cast<std::int64_t>(random.Below(500'000))));
      // The twin: nothing that was announced as answered may still be out.
      const proto::Write* last = nullptr;
      for (const auto& arrival : cluster_.arrivals) {
        if (IsWrite(arrival)) last = &arrival.request.write();
      }
      if (last == nullptr) continue;
      const auto answered = static_cast<std::uint64_t>(std::count_if(
          puts.begin(), puts.end(), [](const auto& put) { return put->value.has_value(); }));
      ASSERT_LE(last->first_unanswered(), (seed - 1) * 500 + answered + 1);
    }
    for (const auto& put : puts) ASSERT_TRUE(Wait(put).ok());
    EXPECT_EQ(cluster_.applied[KeyIn(2)], static_cast<int>(seed * 500));
  }
}

TEST_F(SessionsTest, AnIdleSessionIsKeptAlive) {
  ASSERT_TRUE(Wait(Put(KeyIn(0), "v")).ok());
  cluster_.arrivals.clear();
  loop_.RunFor(1h);
  const std::size_t kept = cluster_.CountArrivals([](const auto& arrival) {
    return arrival.request.has_keep_session() &&
           arrival.request.keep_session().first_unanswered() == 2;
  });
  EXPECT_GE(kept, 5u);
  EXPECT_LE(kept, 6u);
}

TEST_F(SessionsTest, AnIdleSessionThatExpiredAnywayIsForgotten) {
  ASSERT_TRUE(Wait(Put(KeyIn(0), "v")).ok());
  cluster_.ExpireSessions(0);
  loop_.RunFor(15min);
  cluster_.arrivals.clear();
  ASSERT_TRUE(Wait(Put(KeyIn(0), "w")).ok());
  EXPECT_TRUE(cluster_.arrivals.front().request.has_open_session());
}

TEST_F(SessionsTest, WithoutASessionAWriteFailsAtItsOwnDeadlineAndHasNotHappened) {
  cluster_.SetPrimaries(0);
  const MonotonicTime start = loop_.Now();
  const auto patient = Put(KeyIn(0), "v", {.timeout = 20s});
  const Status status = Wait(Put(KeyIn(0), "v", {.timeout = 300ms})).status();
  EXPECT_EQ(status.code(), Code::kUnavailable);
  EXPECT_EQ(status.effect(), Effect::kNotApplied);
  EXPECT_LE(loop_.Now() - start, 301ms);
  // Past the deadline of the first attempt to open one.
  loop_.RunFor(7s);
  cluster_.SetPrimaries(3);
  EXPECT_TRUE(Wait(patient).ok());
}

TEST_F(SessionsTest, ARefusedSessionRefusesTheWritesThatWait) {
  cluster_.answer = [](std::uint32_t,
                       const proto::Request& request) -> std::optional<proto::Response> {
    if (!request.has_open_session()) return std::nullopt;
    return FakeCluster::Error(Code::kDiskFull, "the disk is full", Effect::kNotApplied);
  };
  const Status status = Wait(Put(KeyIn(0), "v")).status();
  EXPECT_EQ(status.code(), Code::kDiskFull);
  EXPECT_EQ(status.effect(), Effect::kNotApplied);
}

TEST_F(SessionsTest, AClusterThatForgetsEverySessionAtOnceEndsTheCall) {
  cluster_.answer = [](std::uint32_t,
                       const proto::Request& request) -> std::optional<proto::Response> {
    if (!request.has_write()) return std::nullopt;
    return FakeCluster::Error(Code::kSessionExpired, "no such session", Effect::kUnknown);
  };
  const Status status = Wait(Put(KeyIn(0), "v")).status();
  EXPECT_EQ(status.code(), Code::kSessionExpired);
  EXPECT_EQ(status.effect(), Effect::kNotApplied) << "each try was refused, and changed nothing";
  EXPECT_EQ(cluster_.CountArrivals(IsOpen), 3u);
}

}  // namespace
}  // namespace ringfort::client

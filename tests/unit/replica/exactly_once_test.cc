// Exactly once, rule by rule (protocols 7). The idea of sessions in the replicated state: Ongaro's
// thesis, section 6.3; Lee and others, "Implementing Linearizability at Large Scale and Low
// Latency" (RIFL), SOSP 2015.
#include <gtest/gtest.h>

#include "ringfort/limits.h"
#include "tests/unit/replica/commands.h"

namespace ringfort::replica {
namespace {

using Found = LoneMachine::Found;

class ExactlyOnce : public testing::Test {
 protected:
  ExactlyOnce() : session_(shard_.Do(OpenSession()).version.value()) {}

  WriteId Id(std::uint64_t sequence, std::uint64_t first_unanswered = 1) const {
    return {session_, sequence, first_unanswered};
  }

  LoneMachine shard_;
  const std::uint64_t session_;
};

TEST_F(ExactlyOnce, ASessionIsNamedByTheIndexOfItsEntry) {
  EXPECT_EQ(session_, 1U);
  const LogIndex next = shard_.next();
  EXPECT_EQ(shard_.Do(OpenSession()), (Outcome{Code::kOk, next}));
  EXPECT_EQ(shard_.machine().session_count(), 2U);
}

TEST_F(ExactlyOnce, ARetryGetsTheFirstOutcomeAndChangesNothing) {
  const Outcome first = shard_.Do(Write(Id(1), {Put("a", "one")}));
  EXPECT_EQ(first, (Outcome{Code::kOk, LogIndex(2)}));
  shard_.Do(Write(Id(2), {Put("a", "two")}));
  EXPECT_EQ(shard_.Do(Write(Id(1), {Put("a", "one")})), first);
  EXPECT_EQ(shard_.Get("a"), (Found{"two", 3}));
}

TEST_F(ExactlyOnce, ARetryInTheSameBatchGetsTheFirstOutcome) {
  const auto outcomes = shard_.DoAll(
      {Write(Id(1), {PutIfAbsent("a", "one")}), Write(Id(1), {PutIfAbsent("a", "one")})});
  EXPECT_EQ(outcomes[0], (Outcome{Code::kOk, LogIndex(2)}));
  EXPECT_EQ(outcomes[1], outcomes[0]);
  EXPECT_EQ(shard_.Get("a"), (Found{"one", 2}));
}

TEST_F(ExactlyOnce, ARetryOfARefusedWriteIsRefusedThoughItsConditionHoldsByNow) {
  shard_.Do(Write(Id(1), {Put("a", "one")}));
  const Outcome refused = shard_.Do(Write(Id(2), {PutIfAbsent("a", "two")}));
  EXPECT_EQ(refused, (Outcome{Code::kConditionFailed, LogIndex(3)}));
  shard_.Do(Write(Id(3), {Delete("a")}));
  EXPECT_EQ(shard_.Do(Write(Id(2), {PutIfAbsent("a", "two")})), refused);
  EXPECT_EQ(shard_.Get("a"), std::nullopt);
}

TEST_F(ExactlyOnce, AWriteBelowFirstUnansweredIsRefusedAndChangesNothing) {
  shard_.Do(Write(Id(5, 5), {Put("a", "five")}, 1'000));
  const auto before = shard_.StoredSession(session_);
  for (std::uint64_t sequence = 1; sequence < 5; ++sequence) {
    EXPECT_EQ(shard_.Do(Write(Id(sequence), {Put("a", "late")}, 2'000)).code,
              Code::kSessionExpired);
  }
  // Nor where it contradicts itself.
  EXPECT_EQ(shard_.Do(Write(Id(7, 8), {Put("a", "late")}, 2'000)).code, Code::kSessionExpired);
  EXPECT_EQ(shard_.Get("a"), (Found{"five", 2}));
  EXPECT_EQ(shard_.StoredSession(session_), before);
}

TEST_F(ExactlyOnce, OutcomesAreForgottenBelowFirstUnanswered) {
  for (std::uint64_t sequence = 1; sequence <= 6; ++sequence) {
    shard_.Do(Write(Id(sequence), {Put("a", "x")}));
  }
  EXPECT_EQ(shard_.StoredSession(session_)->outcomes.size(), 6U);
  shard_.Do(Write(Id(7, 5), {Put("a", "x")}));
  const auto session = shard_.StoredSession(session_);
  EXPECT_EQ(session->first_unanswered, Sequence(5));
  ASSERT_EQ(session->outcomes.size(), 3U);
  EXPECT_EQ(session->outcomes.begin()->first, Sequence(5));
  EXPECT_EQ(shard_.Do(KeepSession(session_, 7)).code, Code::kOk);
  EXPECT_EQ(shard_.StoredSession(session_)->outcomes.size(), 1U);
}

TEST_F(ExactlyOnce, AnUnknownSessionIsRefusedAndNotMade) {
  const WriteId unknown{99, 1, 1};
  EXPECT_EQ(shard_.Do(Write(unknown, {Put("a", "x")})).code, Code::kSessionExpired);
  EXPECT_EQ(shard_.Do(Write(unknown, {Put("a", "x")})).code, Code::kSessionExpired);
  EXPECT_EQ(shard_.Do(KeepSession(99, 1)).code, Code::kSessionExpired);
  EXPECT_EQ(shard_.Get("a"), std::nullopt);
  EXPECT_EQ(shard_.machine().session_count(), 1U);
  EXPECT_EQ(shard_.StoredSession(99), std::nullopt);
}

// The run that protocols 7 give: with sessions made by writes, the retry would be applied again.
TEST_F(ExactlyOnce, ARetryAfterItsSessionExpiredIsRefused) {
  EXPECT_EQ(shard_.Do(Write(Id(1), {Put("counter", "1")})).code, Code::kOk);
  const std::uint64_t late = kSessionLifetimeUs + 1'000;
  const std::uint64_t other = shard_.Do(OpenSession(late)).version.value();
  shard_.Do(Write({other, 1, 1}, {Put("counter", "2")}, late));
  EXPECT_EQ(shard_.Do(Write(Id(1), {Put("counter", "1")}, late)).code, Code::kSessionExpired);
  EXPECT_EQ(shard_.Get("counter")->value, "2");
}

TEST_F(ExactlyOnce, ASessionHasABoundOfUnfinishedWrites) {
  for (std::uint64_t sequence = 1; sequence <= limits::kUnfinishedWritesMax; ++sequence) {
    ASSERT_EQ(shard_.Do(Write(Id(sequence), {Put("a", "x")})).code, Code::kOk);
  }
  const std::uint64_t next = limits::kUnfinishedWritesMax + 1;
  EXPECT_EQ(shard_.Do(Write(Id(next), {Put("a", "over")})).code, Code::kOverloaded);
  EXPECT_EQ(shard_.Get("a")->value, "x");
  EXPECT_EQ(shard_.StoredSession(session_)->outcomes.size(), limits::kUnfinishedWritesMax);
  // What is finished is still answered, and room is made by what the client has answers of.
  EXPECT_EQ(shard_.Do(Write(Id(1), {Put("a", "x")})), (Outcome{Code::kOk, LogIndex(2)}));
  EXPECT_EQ(shard_.Do(Write(Id(next, 2), {Put("a", "in")})).code, Code::kOk);
  EXPECT_EQ(shard_.Get("a")->value, "in");
}

TEST_F(ExactlyOnce, AnUnusedSessionExpiresBySessionTime) {
  const std::uint64_t used = shard_.Do(OpenSession(1'000)).version.value();
  shard_.Do(KeepSession(used, 1, kSessionLifetimeUs));
  shard_.Do(OpenSession(kSessionLifetimeUs));
  EXPECT_EQ(shard_.Do(KeepSession(session_, 1, kSessionLifetimeUs)).code, Code::kOk);
  shard_.Do(OpenSession(2 * kSessionLifetimeUs));
  EXPECT_EQ(shard_.machine().session_count(), 4U);  // Just as old as is allowed.
  shard_.Do(OpenSession(2 * kSessionLifetimeUs + 1));
  EXPECT_EQ(shard_.StoredSession(session_), std::nullopt);
  EXPECT_EQ(shard_.StoredSession(used), std::nullopt);
  EXPECT_EQ(shard_.machine().session_count(), 2U);
}

TEST_F(ExactlyOnce, SessionTimeNeverGoesBack) {
  shard_.Do(KeepSession(session_, 1, 5'000));
  EXPECT_EQ(shard_.machine().session_time(), SessionTime(5'000));
  // A new primary that has not applied everything stamps less.
  shard_.Do(KeepSession(session_, 1, 3'000));
  EXPECT_EQ(shard_.machine().session_time(), SessionTime(5'000));
  EXPECT_EQ(shard_.StoredSession(session_)->last_used, SessionTime(5'000));
  shard_.Reload();
  EXPECT_EQ(shard_.machine().session_time(), SessionTime(5'000));
}

TEST_F(ExactlyOnce, TheLongestUnusedSessionLeavesFirstAndOnEveryReplica) {
  LoneMachine other;
  other.Do(OpenSession());
  std::vector<proto::Command> opens;
  for (std::uint64_t i = 2; i <= kSessionsMax; ++i) opens.push_back(OpenSession(i));
  shard_.DoAll(opens);
  for (std::size_t i = 0; i < opens.size(); i += 1000) {
    const auto from = opens.begin() + static_cast<std::ptrdiff_t>(i);
    const auto left = static_cast<std::size_t>(opens.end() - from);
    other.DoAll({from, from + static_cast<std::ptrdiff_t>(std::min<std::size_t>(1000, left))});
  }
  ASSERT_EQ(shard_.machine().session_count(), kSessionsMax);
  // The two oldest are used once more; then three have to leave: 3, 4 and 5.
  const std::uint64_t now = kSessionsMax;
  const std::vector<proto::Command> rest = {KeepSession(2, 1, now), KeepSession(1, 1, now),
                                            OpenSession(now), OpenSession(now), OpenSession(now)};
  shard_.DoAll(rest);
  for (const proto::Command& command : rest) {
    other.Reload();
    other.Do(command);
  }
  EXPECT_EQ(shard_.machine().session_count(), kSessionsMax);
  for (const std::uint64_t gone : {3, 4, 5}) EXPECT_EQ(shard_.StoredSession(gone), std::nullopt);
  for (const std::uint64_t kept : {1, 2, 6}) EXPECT_NE(shard_.StoredSession(kept), std::nullopt);
  EXPECT_TRUE(Dump(shard_.data()) == Dump(other.data()));
}

}  // namespace
}  // namespace ringfort::replica

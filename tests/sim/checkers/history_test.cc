// The judge itself: each kind of lie is noticed, and the truth is not called one.
#include "tests/sim/checkers/history.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ringfort::sim {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using Kind = Operation::Kind;

Operation Ended(Kind kind, std::uint64_t from, std::uint64_t to) {
  Operation operation;
  operation.kind = kind;
  operation.key = "k";
  operation.invoked_at = from;
  operation.ended_at = to;
  return operation;
}

Operation Put(const std::string& value, std::uint64_t version, std::uint64_t from,
              std::uint64_t to) {
  Operation operation = Ended(Kind::kPut, from, to);
  operation.value = value;
  operation.found = value;
  operation.version = version;
  return operation;
}

Operation Failed(Operation operation, Code code, Effect effect) {
  operation.code = code;
  operation.effect = effect;
  operation.found.reset();
  operation.version = 0;
  return operation;
}

Operation Get(const std::string& value, std::uint64_t version, std::uint64_t from,
              std::uint64_t to) {
  Operation operation = Ended(Kind::kGet, from, to);
  operation.found = value;
  operation.version = version;
  return operation;
}

TEST(HistoryTest, TheTruthPasses) {
  const Operation lost = Failed(Put("c", 0, 7, 9), Code::kDeadlineExceeded, Effect::kUnknown);
  EXPECT_THAT(CheckKeyHistory({Ended(Kind::kGet, 0, 1), Put("a", 5, 1, 4), Get("a", 5, 2, 3),
                               Put("b", 6, 5, 8), Get("a", 5, 6, 7), lost, Get("c", 9, 20, 21)}),
              IsEmpty());
}

TEST(HistoryTest, AReadOlderThanAnAcknowledgedWrite) {
  EXPECT_THAT(CheckKeyHistory({Put("a", 5, 1, 2), Put("b", 6, 3, 4), Get("a", 5, 5, 6)}),
              ElementsAre(HasSubstr("stale")));
  EXPECT_THAT(CheckKeyHistory({Put("a", 5, 1, 2), Ended(Kind::kGet, 3, 4)}),
              ElementsAre(HasSubstr("stale")));
}

TEST(HistoryTest, TwoReadsThatGoBack) {
  EXPECT_THAT(CheckKeyHistory(
                  {Put("a", 5, 1, 2), Put("b", 6, 3, 20), Get("b", 6, 4, 5), Get("a", 5, 6, 7)}),
              ElementsAre(HasSubstr("stale")));
}

TEST(HistoryTest, AWriteBehindOneThatEndedBeforeIt) {
  EXPECT_THAT(CheckKeyHistory({Put("a", 5, 1, 2), Put("b", 4, 3, 4)}),
              ElementsAre(HasSubstr("stale")));
}

Operation Delete(std::uint64_t version, std::uint64_t from, std::uint64_t to) {
  Operation operation = Ended(Kind::kDelete, from, to);
  operation.version = version;
  return operation;
}

TEST(HistoryTest, DeletesThatPass) {
  const Operation unknown = Failed(Delete(0, 5, 6), Code::kDeadlineExceeded, Effect::kUnknown);
  EXPECT_THAT(CheckKeyHistory({Put("a", 5, 1, 2), Delete(6, 3, 4), Ended(Kind::kGet, 5, 6),
                               Put("b", 7, 7, 8), Get("b", 7, 9, 10)}),
              IsEmpty());
  EXPECT_THAT(CheckKeyHistory({Put("a", 5, 1, 2), unknown, Ended(Kind::kGet, 20, 21)}), IsEmpty());
  // Seen while the delete is still under way.
  EXPECT_THAT(CheckKeyHistory({Put("a", 5, 1, 2), Delete(6, 3, 20), Ended(Kind::kGet, 4, 5)}),
              IsEmpty());
}

TEST(HistoryTest, WhatWasDeletedComesBack) {
  EXPECT_THAT(CheckKeyHistory({Put("a", 5, 1, 2), Delete(6, 3, 4), Get("a", 5, 5, 6)}),
              ElementsAre(HasSubstr("stale")));
  EXPECT_THAT(CheckKeyHistory({Put("a", 5, 1, 2), Delete(6, 3, 20), Ended(Kind::kGet, 4, 5),
                               Get("a", 5, 6, 7)}),
              ElementsAre(HasSubstr("stale")));
}

TEST(HistoryTest, NothingIsThereThoughNobodyDeletedIt) {
  const Operation refused = Failed(Delete(0, 5, 6), Code::kUnavailable, Effect::kNotApplied);
  EXPECT_THAT(CheckKeyHistory({Put("a", 5, 1, 2), refused, Ended(Kind::kGet, 7, 8)}),
              ElementsAre(HasSubstr("stale")));
  EXPECT_THAT(CheckKeyHistory({Delete(4, 1, 2), Put("a", 5, 3, 4), Ended(Kind::kGet, 7, 8)}),
              ElementsAre(HasSubstr("stale")));
  EXPECT_THAT(CheckKeyHistory({Put("a", 5, 3, 4), Ended(Kind::kGet, 5, 6), Delete(6, 7, 8)}),
              ElementsAre(HasSubstr("stale")));
}

TEST(HistoryTest, AnyReplicaMayBeOldButNotWrong) {
  Operation any = Get("a", 5, 5, 6);
  any.kind = Kind::kGetAny;
  EXPECT_THAT(CheckKeyHistory({Put("a", 5, 1, 2), Put("b", 6, 3, 4), any}), IsEmpty());
  any.version = 4;
  EXPECT_THAT(CheckKeyHistory({Put("a", 5, 1, 2), any}), ElementsAre(HasSubstr("applied twice")));
}

TEST(HistoryTest, AValueFromNowhereOrTheFuture) {
  EXPECT_THAT(CheckKeyHistory({Get("x", 5, 1, 2)}), ElementsAre(HasSubstr("nobody wrote")));
  const Operation later = Failed(Put("a", 0, 3, 4), Code::kUnavailable, Effect::kUnknown);
  EXPECT_THAT(CheckKeyHistory({Get("a", 5, 1, 2), later}), ElementsAre(HasSubstr("future")));
}

TEST(HistoryTest, AWriteAppliedTwice) {
  EXPECT_THAT(CheckKeyHistory({Put("a", 5, 1, 2), Get("a", 7, 3, 4)}),
              ElementsAre(HasSubstr("applied twice")));
}

TEST(HistoryTest, ARefusedWriteThatHappened) {
  const Operation refused = Failed(Put("a", 0, 1, 2), Code::kUnavailable, Effect::kNotApplied);
  EXPECT_THAT(CheckKeyHistory({refused, Get("a", 5, 3, 4)}),
              ElementsAre(HasSubstr("said not to happen")));
}

TEST(HistoryTest, AConditionThatDidNotHold) {
  Operation conditional = Put("c", 9, 5, 6);
  conditional.kind = Kind::kPutIfVersion;
  conditional.if_version = 5;
  EXPECT_THAT(CheckKeyHistory({Put("a", 5, 1, 2), Put("b", 6, 3, 4), conditional}),
              ElementsAre(HasSubstr("wrote over version 6")));
  conditional.if_version = 0;
  EXPECT_THAT(CheckKeyHistory({Put("a", 5, 1, 2), conditional}),
              ElementsAre(HasSubstr("wrote over version 5")));
  EXPECT_THAT(CheckKeyHistory({Put("a", 5, 1, 2), Delete(6, 3, 4), conditional}), IsEmpty());
  conditional.if_version = 6;
  EXPECT_THAT(CheckKeyHistory({Put("a", 5, 1, 2), Put("b", 6, 3, 4), conditional}), IsEmpty());
}

TEST(HistoryTest, ARepeatThatMetItsOwnFirstAttempt) {
  Operation once = Failed(Put("a", 0, 1, 2), Code::kConditionFailed, Effect::kNotApplied);
  once.kind = Kind::kPutIfAbsent;
  EXPECT_THAT(CheckKeyHistory({once}), ElementsAre(HasSubstr("first outcome")));
}

}  // namespace
}  // namespace ringfort::sim

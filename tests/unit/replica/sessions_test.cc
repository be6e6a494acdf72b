// The table of sessions by itself: what is stored of them, and which leave.
#include "replica/sessions.h"

#include <gtest/gtest.h>

#include "ringfort/disk.pb.h"

namespace ringfort::replica {
namespace {

Session SampleSession() {
  Session session;
  session.last_used = SessionTime(77);
  session.first_unanswered = Sequence(5);
  session.outcomes[Sequence(5)] = {Code::kOk, LogIndex(100)};
  session.outcomes[Sequence(9)] = {Code::kConditionFailed, LogIndex(101)};
  return session;
}

TEST(SessionRecord, ComesBackAsItWas) {
  EXPECT_EQ(DecodeSession(EncodeSession(SampleSession())).value(), SampleSession());
  EXPECT_EQ(DecodeSession(EncodeSession(Session())).value(), Session());
}

TEST(SessionRecord, KeepsNoMoreThan32BytesAnOutcome) {
  Session session;
  const std::size_t empty = EncodeSession(session).size();
  const std::uint64_t far = std::uint64_t{1} << 55;
  for (std::uint64_t i = 0; i < 1024; ++i) {
    session.outcomes[Sequence(far + i)] = {Code::kConditionFailed, LogIndex(far + i)};
  }
  EXPECT_LE(EncodeSession(session).size(), empty + 1024 * 32);
}

TEST(SessionRecord, RefusesWhatIsNeverWritten) {
  EXPECT_EQ(DecodeSession("\xff").status().code(), Code::kCorruption);
  auto code_after = [](auto change) {
    proto::SessionRecord record;
    record.ParseFromString(EncodeSession(SampleSession()));
    change(&record);
    return DecodeSession(record.SerializeAsString()).status().code();
  };
  using Record = proto::SessionRecord;
  EXPECT_EQ(code_after([](Record*) {}), Code::kOk);
  EXPECT_EQ(code_after([](Record* r) { r->add_sequences(12); }), Code::kCorruption);
  EXPECT_EQ(code_after([](Record* r) { r->add_codes(0); }), Code::kCorruption);
  // An outcome below what the client has every answer of, two in the wrong order, two of one write.
  EXPECT_EQ(code_after([](Record* r) { r->set_first_unanswered(6); }), Code::kCorruption);
  EXPECT_EQ(code_after([](Record* r) { r->set_sequences(0, 10); }), Code::kCorruption);
  EXPECT_EQ(code_after([](Record* r) { r->set_sequences(0, 9); }), Code::kCorruption);
  // A code that would be cut to another one.
  EXPECT_EQ(code_after([](Record* r) { r->set_codes(0, 256); }), Code::kCorruption);
}

TEST(Sessions, WhatIsDiscardedNeverWas) {
  Sessions sessions;
  sessions.Open(SessionId(1), SessionTime(10));
  sessions.Commit();
  sessions.Open(SessionId(2), SessionTime(20));
  Session* used = sessions.Use(SessionId(1), Sequence(4), SessionTime(20));
  ASSERT_NE(used, nullptr);
  EXPECT_EQ(sessions.staged().size(), 2U);
  sessions.Discard();
  EXPECT_TRUE(sessions.staged().empty());
  EXPECT_EQ(sessions.size(), 1U);
  EXPECT_EQ(sessions.Use(SessionId(2), Sequence(1), SessionTime(20)), nullptr);
  EXPECT_EQ(sessions.Use(SessionId(1), Sequence(1), SessionTime(20))->first_unanswered,
            Sequence(1));
}

TEST(Sessions, AnUnknownSessionIsNotMadeByUse) {
  Sessions sessions;
  EXPECT_EQ(sessions.Use(SessionId(8), Sequence(1), SessionTime(1)), nullptr);
  EXPECT_TRUE(sessions.staged().empty());
}

TEST(Sessions, FirstUnansweredNeverGoesBack) {
  Sessions sessions;
  sessions.Open(SessionId(1), SessionTime(1));
  EXPECT_EQ(sessions.Use(SessionId(1), Sequence(7), SessionTime(1))->first_unanswered, Sequence(7));
  EXPECT_EQ(sessions.Use(SessionId(1), Sequence(3), SessionTime(1))->first_unanswered, Sequence(7));
}

TEST(Sessions, EqualAgesLeaveByTheirIds) {
  // Replicas that loaded the table and replicas that built it up must drop the same one.
  Sessions sessions;
  for (std::uint64_t id = kSessionsMax + 10; id > 10; --id) {
    sessions.Load(SessionId(id), Session{SessionTime(5), Sequence(1), {}});
  }
  sessions.Open(SessionId(kSessionsMax + 11), SessionTime(5));
  const auto& staged = sessions.staged();
  ASSERT_TRUE(staged.contains(SessionId(11)));
  EXPECT_FALSE(staged.at(SessionId(11)).has_value());
  sessions.Commit();
  EXPECT_EQ(sessions.size(), kSessionsMax);
}

}  // namespace
}  // namespace ringfort::replica

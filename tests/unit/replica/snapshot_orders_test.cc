// What a primary does for a follower that lacks what the log was cut of: when it makes a snapshot,
// when it waits with it, and what it keeps of the log meanwhile (protocols 5, decision 0008).
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>

#include "tests/unit/replica/lone_replica.h"

namespace ringfort::replica {
namespace {

using namespace std::chrono_literals;  // NOLINT: tests only

/// The replica on node 1 leads; node 2 has all that it has, and node 3 nothing.
class SnapshotOrders : public testing::Test {
 protected:
  SnapshotOrders() {
    primary_.hold_exports = true;
    primary_.Lead();
  }

  void Write(int entries) {
    for (int i = 0; i < entries; ++i) primary_.Ask(OpenRequest());
    primary_.Settle();
    primary_.Acknowledge(2);
    primary_.Settle();
  }
  /// The log's room is used up, and all that is applied was flushed.
  void CutUnderPressure() {
    primary_.replica().CutLog(raft().applied(), /*pressed=*/true);
    primary_.Settle();
  }
  [[nodiscard]] LogIndex log_begin() { return raft().log().base().index; }
  /// Time passes, and node 2 is heard of.
  void Pass(Duration time) {
    for (const MonotonicTime end = primary_.Now() + time; primary_.Now() < end;) {
      primary_.Pass(std::min<Duration>(end - primary_.Now(), 10ms));
      primary_.Acknowledge(2);
      primary_.Settle();
    }
  }
  /// Until an export is wanted; how long that took.
  Duration PassUntilExport() {
    const MonotonicTime begun = primary_.Now();
    while (primary_.exports() == 0 && primary_.Now() - begun < 1min) Pass(10ms);
    return primary_.Now() - begun;
  }
  /// The export ends, and node 3 is offered it: what it can answer.
  proto::SnapshotMessage Export() {
    primary_.told.clear();
    primary_.RunExport();
    EXPECT_FALSE(primary_.told.empty());
    proto::SnapshotMessage answer = primary_.told.front().second.snapshot();
    EXPECT_TRUE(answer.has_begin());
    answer.set_from(LoneReplica::MemberOn(3).value());
    answer.set_to(LoneReplica::MemberOn(1).value());
    return answer;
  }
  void Answer(const proto::SnapshotMessage& answer) {
    primary_.replica().OnSnapshot({NodeId(3), {}, BootNumber(1)}, answer);
    primary_.Settle();
  }
  void ExportAndRefuse() {
    proto::SnapshotMessage answer = Export();
    answer.mutable_ack()->set_refused("no room");
    Answer(answer);
  }
  /// Node 3 gets a snapshot, during which others write: where it ends, and where the log does.
  std::pair<LogIndex, LogIndex> InstallUnderLoad() {
    Write(3);
    CutUnderPressure();
    PassUntilExport();
    const LogIndex base = raft().applied();
    proto::SnapshotMessage answer = Export();
    Write(3);
    answer.mutable_ack()->set_installed(true);
    Answer(answer);
    return {base, raft().applied()};
  }
  /// Node 3 has the log up to there.
  void CatchUp(LogIndex match) {
    raft::AppendReply reply;
    reply.accepted = true;
    reply.match = match;
    reply.last_index = match;
    reply.commit = match;
    primary_.Hear(3, raft().term(), reply);
    primary_.Settle();
  }
  const raft::Raft& raft() { return primary_.replica().raft(); }

  LoneReplica primary_;
};

// Run: C is exhausted, takes no commands and falls behind; the log is cut. Each order of a snapshot
// read all files of the shard, C refused it, and 150 ms later it was ordered again.
TEST_F(SnapshotOrders, AnExhaustedFollowerCostsNoExport) {
  primary_.rooms[NodeId(3)] = storage::DiskRoom::kExhausted;
  Write(3);
  CutUnderPressure();
  Pass(20s);
  EXPECT_EQ(primary_.exports(), 0U);
  primary_.rooms[NodeId(3)] = storage::DiskRoom::kFull;
  PassUntilExport();
  EXPECT_EQ(primary_.exports(), 1U) << "it has room again";
}

TEST_F(SnapshotOrders, EachFailureDoublesThePauseUntilTheFollowerReplicates) {
  Write(3);
  CutUnderPressure();
  PassUntilExport();
  for (Duration expected = 150ms; expected < 1min; expected *= 2) {
    ExportAndRefuse();
    const Duration pause = PassUntilExport();
    EXPECT_GE(pause, std::min<Duration>(expected, 30s));
    EXPECT_LE(pause, std::min<Duration>(expected, 30s) + 50ms);
  }
  // It gets there after all, and falls behind once more.
  primary_.Acknowledge(3);
  Pass(20ms);
  while (primary_.exports() > 0) primary_.RunExport();  // Nobody waits for it any more.
  Write(3);
  CutUnderPressure();
  PassUntilExport();
  ExportAndRefuse();
  EXPECT_LE(PassUntilExport(), 200ms);
}

// Run: C comes back after the cut, and A leads 21 shards of 5 GiB: 21 exports at a time.
TEST_F(SnapshotOrders, WaitsForItsTurnWithoutAnExport) {
  auto first = primary_.snapshot_turns.Take();
  auto second = primary_.snapshot_turns.Take();
  ASSERT_NE(second, nullptr);
  Write(3);
  CutUnderPressure();
  Pass(5s);
  EXPECT_EQ(primary_.exports(), 0U);
  Write(2);
  CutUnderPressure();
  EXPECT_EQ(log_begin(), raft().applied()) << "nothing is kept for who waits";
  second.reset();
  Pass(40ms);
  EXPECT_EQ(primary_.exports(), 1U);
  EXPECT_EQ(primary_.snapshot_turns.Take(), nullptr);
  ExportAndRefuse();
  EXPECT_NE(primary_.snapshot_turns.Take(), nullptr) << "it is over";
}

// Run: the export reads 20 GiB for 100 s, the log's budget is used up in the first 10, and what the
// snapshot would need after it is cut: it is of no use, and so is the next one, for ever.
TEST_F(SnapshotOrders, TheLogIsKeptFromTheBeginningOfTheExport) {
  Write(3);
  CutUnderPressure();
  PassUntilExport();
  const LogIndex begun = raft().applied();
  for (int i = 0; i < 5; ++i) {
    Write(3);
    CutUnderPressure();
    primary_.replica().CutLog(raft().applied(), /*pressed=*/false);
    EXPECT_EQ(log_begin(), begun);
  }
  primary_.told.clear();
  primary_.RunExport();
  ASSERT_EQ(primary_.told.size(), 1U);
  const LogIndex base(primary_.told[0].second.snapshot().begin().base_index());
  EXPECT_EQ(base, raft().applied());
  // And now from what it holds.
  Write(3);
  CutUnderPressure();
  EXPECT_EQ(log_begin(), base);
}

// Run: a transfer of 4 GiB takes two minutes, in which the node logs more than the log's budget.
// All of that was cut as soon as the follower had installed the snapshot, and before it could fetch
// it: it needed another, and so on.
TEST_F(SnapshotOrders, WhatWasWrittenMeanwhileIsKeptUntilTheFollowerHasIt) {
  const auto [base, end] = InstallUnderLoad();
  ASSERT_LT(base, end);
  Write(3);
  CutUnderPressure();
  EXPECT_EQ(log_begin(), base);
  CatchUp(base + 1);
  CutUnderPressure();
  EXPECT_EQ(log_begin(), base + 1);
  CatchUp(end);
  CutUnderPressure();
  EXPECT_EQ(log_begin(), raft().applied()) << "it keeps up, or it does not: no more is kept";
}

TEST_F(SnapshotOrders, NothingIsKeptForWhoFallsSilentAfterItsSnapshot) {
  const auto [base, end] = InstallUnderLoad();
  Pass(9s);
  CutUnderPressure();
  EXPECT_EQ(log_begin(), base);
  Pass(2s);
  CutUnderPressure();
  EXPECT_EQ(log_begin(), raft().applied());
}

TEST_F(SnapshotOrders, WhoDoesNotCatchUpHoldsTheLogForMinutesOnly) {
  const auto [base, end] = InstallUnderLoad();
  for (Duration time{0}; time < 5min; time += 5s) {
    CutUnderPressure();
    EXPECT_EQ(log_begin(), base);
    Pass(5s);
    CatchUp(base);
  }
  CutUnderPressure();
  EXPECT_EQ(log_begin(), raft().applied());
}

TEST_F(SnapshotOrders, AFailedExportKeepsNothing) {
  Write(3);
  CutUnderPressure();
  PassUntilExport();
  Write(3);
  ExportAndRefuse();
  CutUnderPressure();
  EXPECT_EQ(log_begin(), raft().applied());
}

}  // namespace
}  // namespace ringfort::replica

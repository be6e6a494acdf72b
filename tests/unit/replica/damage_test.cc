// A replica whose data cannot be read and whose log is whole: it stays the member that it is, and
// is repaired from its primary.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <string>

#include "base/hash.h"
#include "tests/unit/replica/commands.h"
#include "tests/unit/replica/lone_replica.h"
#include "wire/raft_codec.h"

namespace ringfort::replica {
namespace {

using namespace std::chrono_literals;  // NOLINT: tests only
using testing::HasSubstr;

/// A primary on node 1 of three, with an entry under "a" that it cannot read.
class DamagedPrimary : public testing::Test {
 protected:
  DamagedPrimary() {
    world_.Lead();
    const auto opened = world_.Ask(OpenRequest());
    Commit();
    session_ = opened->response.session_opened().session();
    world_.Ask(WriteRequest(session_, 1, {Put("a", "1")}));
    Commit();
    world_.DamageData();
    world_.replica().OnPromise({NodeId(2), {}, {}}, world_.replica().raft().term(), world_.Now(),
                               world_.Now());
    world_.replica().OnPromise({NodeId(3), {}, {}}, world_.replica().raft().term(), world_.Now(),
                               world_.Now());
  }
  void Commit() {
    world_.Settle();
    world_.Acknowledge(2);
    world_.Settle();
  }
  std::size_t Transfers() { return world_.Take<raft::TimeoutNow>().size(); }

  LoneReplica world_;
  std::uint64_t session_ = 0;
};

TEST_F(DamagedPrimary, HandsItsRoleOverAndSendsTheReaderThere) {
  const auto read = world_.Ask(GetRequest("a"));
  world_.Settle();
  ASSERT_EQ(read->calls, 1);
  EXPECT_EQ(read->code(), Code::kNotPrimary) << "who asks again is answered by the next primary";
  EXPECT_EQ(Transfers(), 1U);
  ASSERT_EQ(world_.said.size(), 1U);
  EXPECT_THAT(world_.said[0], HasSubstr("damaged"));
  EXPECT_FALSE(world_.replica().IsSilent());
}

TEST_F(DamagedPrimary, SaysSoWhereNobodyElseCanLead) {
  world_.replica().OnNodeGone(NodeId(2), world_.Now());
  world_.replica().OnNodeGone(NodeId(3), world_.Now());
  const auto read = world_.Ask(GetRequest("a"));
  world_.Settle();
  ASSERT_EQ(read->calls, 1);
  EXPECT_EQ(read->code(), Code::kCorruption);
  EXPECT_TRUE(world_.removed.empty()) << "its vote and its log are needed";
  EXPECT_FALSE(world_.failed()) << "the node's other shards go on";
}

TEST_F(DamagedPrimary, AWriteThatMustReadStopsThisReplicaAloneNotTheNode) {
  const auto write = world_.Ask(WriteRequest(session_, 2, {PutIfAbsent("a", "2")}));
  Commit();
  world_.Pass(100ms);
  EXPECT_FALSE(world_.failed());
  EXPECT_EQ(write->calls, 0) << "it is committed, and the next primary knows what came of it";
  EXPECT_EQ(Transfers(), 1U);
}

/// The replica on node 2 follows node 1 in term 1 and has entries up to 3, all applied and flushed.
class DamagedFollower : public testing::Test {
 protected:
  DamagedFollower() {
    Append(0, {{Term(1), LogIndex(1), raft::EntryKind::kNoop, SharedBytes()},
               EntryOf(LogIndex(2), OpenSession()),
               EntryOf(LogIndex(3), replica::Write({2, 1}, {Put("a", "1")}))});
    PassAndSettle();
  }
  void SetUp() override { ASSERT_EQ(Applied(), LogIndex(3)); }

  /// The primary sends entries, all committed unless it is said up to where.
  void Append(std::uint64_t previous, std::vector<raft::Entry> entries,
              std::optional<std::uint64_t> commit = std::nullopt) {
    raft::AppendRequest append;
    append.previous_index = LogIndex(previous);
    append.previous_term = Term(previous == 0 ? 0 : 1);
    append.commit = LogIndex(commit.value_or(previous + entries.size()));
    append.entries = std::move(entries);
    follower_.Hear(1, Term(1), append);
    follower_.Settle();
  }
  void Write(std::uint64_t index, std::optional<std::uint64_t> commit = std::nullopt) {
    Append(index - 1,
           {EntryOf(LogIndex(index),
                    replica::Write({2, index - 2}, {Put("k", std::to_string(index))}))},
           commit);
  }
  /// Damage that an apply meets.
  void MeetDamage() {
    follower_.DamageData();
    Append(3, {EntryOf(LogIndex(4), replica::Write({2, 2}, {PutIfAbsent("a", "2")}))});
    PassAndSettle();
    EXPECT_FALSE(follower_.failed());
    EXPECT_EQ(follower_.damages, 1);
  }
  void PassAndSettle() {
    follower_.Pass(40ms);
    follower_.Settle();
  }
  std::vector<raft::AppendReply> Replies() { return follower_.Take<raft::AppendReply>(); }
  LogIndex Applied() { return follower_.replica().data()->applied().index; }
  const raft::Raft& Core() { return follower_.replica().raft(); }
  storage::LogUpdate OnDisk() { return follower_.log().SyncedEntries().at(0); }

  LoneReplica follower_{{.node = 2}};
};

TEST_F(DamagedFollower, VotesAndAcknowledgesAndKeepsItsLog) {
  MeetDamage();
  (void)Replies();
  Write(5);
  const auto replies = Replies();
  ASSERT_FALSE(replies.empty());
  EXPECT_TRUE(replies.back().accepted);
  EXPECT_EQ(replies.back().match, LogIndex(5));
  EXPECT_TRUE(replies.back().damaged);
  EXPECT_EQ(Applied(), LogIndex(3)) << "nothing is applied to what cannot be read";
  EXPECT_EQ(Core().commit(), LogIndex(5));
  follower_.replica().CutLog(LogIndex(3), /*pressed=*/true);
  EXPECT_EQ(Core().log().base().index, LogIndex(0)) << "it may be all that is left of the data";
  EXPECT_TRUE(follower_.removed.empty());
  EXPECT_FALSE(follower_.replica().IsSilent());
  // The primary is gone; a candidate that has all of it gets the vote.
  follower_.Pass(700ms);
  (void)follower_.TakeMessages();
  follower_.Hear(3, Term(Core().term().value() + 1),
                 raft::VoteRequest{false, LogIndex(5), Term(1), ReplicaId()});
  follower_.Settle();
  const auto votes = follower_.Take<raft::VoteReply>();
  ASSERT_FALSE(votes.empty());
  EXPECT_TRUE(votes.back().granted);
}

TEST_F(DamagedFollower, ServesNoReadsAlsoOfWhatItCouldRead) {
  const auto before = follower_.Ask(GetRequest("b", proto::Get::ANY_REPLICA));
  follower_.Settle();
  EXPECT_EQ(before->code(), Code::kOk);
  MeetDamage();
  const auto after = follower_.Ask(GetRequest("b", proto::Get::ANY_REPLICA));
  follower_.Settle();
  EXPECT_EQ(after->code(), Code::kNotPrimary);
}

TEST_F(DamagedFollower, AsksForASnapshotInItsTurnAndAgain) {
  auto other = follower_.repair_turns.Take();
  MeetDamage();
  follower_.Pass(1500ms);
  for (const raft::AppendReply& reply : Replies()) EXPECT_FALSE(reply.wants_snapshot);
  other.reset();
  for (int i = 0; i < 25; ++i) {
    Append(4, {});
    follower_.Pass(100ms);
  }
  int unasked = 0;
  for (const raft::AppendReply& reply : Replies()) unasked += reply.wants_snapshot ? 1 : 0;
  EXPECT_GE(unasked, 2);
}

TEST_F(DamagedFollower, HasTheMarkMadeThatOutlivesIt) {
  MeetDamage();
  follower_.Settle();
  EXPECT_TRUE(follower_.IsMarkedDamaged());
}

/// A snapshot that ends at `base` with what that takes, sent and installed.
class RepairedFollower : public DamagedFollower {
 protected:
  /// As the primary's data are at `base`: entries 1 to 3, and "k" of every later one.
  void MakeSource(std::uint64_t base) {
    ASSERT_TRUE(source_.Create({kSource}).ok());
    auto data = source_.Open(kSource).value();
    auto machine = StateMachine::Load(data).value();
    for (std::uint64_t i = 1; i <= base; ++i) {
      ASSERT_TRUE(machine->Apply({EntryAt(i)}, true).ok());
    }
    snapshot_ = (data.reset(), machine.reset(), source_.Export(kSource).value());
  }
  static raft::Entry EntryAt(std::uint64_t i) {
    if (i == 1) return {Term(1), LogIndex(1), raft::EntryKind::kNoop, SharedBytes()};
    if (i == 2) return EntryOf(LogIndex(2), OpenSession());
    if (i == 3) return EntryOf(LogIndex(3), replica::Write({2, 1}, {Put("a", "1")}));
    if (i == 4) return EntryOf(LogIndex(4), replica::Write({2, 2}, {PutIfAbsent("a", "2")}));
    return EntryOf(LogIndex(i), replica::Write({2, i - 2}, {Put("k", std::to_string(i))}));
  }
  /// A snapshot is begun, and not gone on with.
  void Offer(std::uint64_t base) {
    MakeSource(base);
    proto::SnapshotMessage message = Part();
    proto::SnapshotBegin* begin = message.mutable_begin();
    begin->set_base_index(base);
    begin->set_base_term(1);
    wire::EncodeMembers(Core().members(), begin->mutable_members());
    for (const storage::SnapshotFile& file : snapshot_->files()) {
      begin->add_files()->set_bytes(file.bytes);
      begin->mutable_files()->rbegin()->set_checksum(file.checksum);
    }
    Say(message);
    follower_.Settle();
  }
  void SendSnapshot(std::uint64_t base) {
    Offer(base);
    proto::SnapshotMessage message;
    for (std::uint32_t file = 0; file < snapshot_->files().size(); ++file) {
      message = Part();
      message.mutable_chunk()->set_file(file);
      message.mutable_chunk()->set_data(
          snapshot_->Read(file, 0, snapshot_->files()[file].bytes).value());
      message.mutable_chunk()->set_checksum(Hash64(message.chunk().data()));
      Say(message);
    }
  }
  static proto::SnapshotMessage Part() {
    proto::SnapshotMessage message;
    message.set_shard(5);
    message.set_from(LoneReplica::MemberOn(1).value());
    message.set_to(LoneReplica::MemberOn(2).value());
    message.set_term(1);
    message.set_transfer(77);
    message.set_attempt(1);
    return message;
  }
  void Say(const proto::SnapshotMessage& message) {
    follower_.replica().OnSnapshot({NodeId(1), {}, BootNumber(1)}, message);
  }
  std::string Value(const char* key) {
    const auto answer = follower_.Ask(GetRequest(key, proto::Get::ANY_REPLICA));
    follower_.Settle();
    EXPECT_EQ(answer->code(), Code::kOk);
    return answer->response.got().entries(0).value();
  }

  static constexpr storage::ShardStore::Name kSource{ShardId(5), storage::Generation(99)};
  sim::MemoryShardStore source_;
  std::shared_ptr<storage::Snapshot> snapshot_;
};

TEST_F(RepairedFollower, KeepsEveryEntryAboveTheSnapshotAndItsCommit) {
  MeetDamage();
  for (std::uint64_t i = 5; i <= 7; ++i) Write(i);
  Write(8, /*commit=*/7);
  const raft::HardState before = *follower_.log().SyncedHardState(ShardId(5));
  SendSnapshot(5);
  (void)Replies();
  follower_.Settle();
  PassAndSettle();
  EXPECT_EQ(Core().commit(), LogIndex(7));
  EXPECT_EQ(Core().log().last_index(), LogIndex(8));
  EXPECT_FALSE(Core().damaged());
  EXPECT_EQ(Applied(), LogIndex(7)) << "what is committed above the snapshot is applied again";
  EXPECT_EQ(Value("a"), "1");
  EXPECT_EQ(Value("k"), "7");
  EXPECT_EQ(*follower_.log().SyncedHardState(ShardId(5)), before) << "id, term and vote stay";
  EXPECT_TRUE(follower_.log().HasSynced(ShardId(5), LogIndex(8)));
  EXPECT_EQ(OnDisk().entries.back().index, LogIndex(8));
  const auto replies = Replies();
  ASSERT_FALSE(replies.empty());
  EXPECT_FALSE(replies.back().damaged);
  EXPECT_EQ(replies.back().match, LogIndex(8));
  ASSERT_EQ(follower_.dropped.size(), 1U);
  EXPECT_EQ(follower_.dropped[0].generation, storage::Generation(1));
  // And it goes on.
  Append(8, {EntryAt(9)});
  PassAndSettle();
  EXPECT_EQ(Value("k"), "9");
  EXPECT_TRUE(follower_.repair_turns.Take() != nullptr) << "the next copy has its turn";
}

// A snapshot was on its way when its turn went to another copy: its primary sends no more, and the
// replica, which still had it in hand, never asked again (simulator, seed 184).
TEST_F(RepairedFollower, AsksAgainThoughASnapshotWasBegunBeforeItsTurn) {
  auto other = follower_.repair_turns.Take();
  MeetDamage();
  Offer(4);
  follower_.Pass(1500ms);
  other.reset();
  (void)Replies();
  bool asks = false;
  for (int i = 0; i < 120 && !asks; ++i) {
    Append(4, {});
    follower_.Pass(100ms);
    for (const raft::AppendReply& reply : Replies()) asks = asks || reply.wants_snapshot;
  }
  EXPECT_TRUE(asks);
}

TEST_F(RepairedFollower, NamesTheNewDataInOneBatchWithTheEntriesAbove) {
  MeetDamage();
  for (std::uint64_t i = 5; i <= 7; ++i) Write(i, /*commit=*/5);
  SendSnapshot(4);
  while (Core().damaged()) {
    follower_.TakeTurns();
    ASSERT_TRUE(follower_.RunPool());
  }
  follower_.TakeTurns();
  EXPECT_TRUE(follower_.dropped.empty()) << "a crash now leaves the old replica";
  EXPECT_EQ(follower_.log().WrittenGeneration(ShardId(5)), storage::Generation(1));
  follower_.log().ForgetUnsynced(sim::Unsynced::kLost);
  EXPECT_TRUE(follower_.log().HasSynced(ShardId(5), LogIndex(7)));
}

// Otherwise the entries between would be lost to a restart.
TEST_F(RepairedFollower, TakesNoSnapshotThatEndsBelowItsLog) {
  follower_.replica().CutLog(LogIndex(3), /*pressed=*/true);
  follower_.Settle();
  ASSERT_EQ(Core().log().base().index, LogIndex(3));
  MeetDamage();
  SendSnapshot(2);
  follower_.Settle();
  EXPECT_TRUE(Core().damaged());
  std::string refused;
  for (const auto& [to, told] : follower_.told) refused += told.snapshot().ack().refused();
  EXPECT_THAT(refused, HasSubstr("ends before"));
}

TEST_F(RepairedFollower, SaysHowMuchRoomItLacks) {
  MeetDamage();
  follower_.rooms[NodeId(2)] = storage::DiskRoom::kExhausted;
  SendSnapshot(4);
  follower_.Settle();
  proto::ReplicaStatus status;
  std::size_t none = 0;
  follower_.replica().FillStatus(&status, follower_.Now(), &none);
  EXPECT_THAT(status.damage(), HasSubstr("damaged"));
  EXPECT_THAT(status.repair_waits_for(), HasSubstr("room"));
  EXPECT_GT(status.repair_bytes(), 0U);
  EXPECT_TRUE(Core().MayVote());
}

/// A primary on node 1 of three.
class PrimaryOfDamaged : public testing::Test {
 protected:
  PrimaryOfDamaged() {
    world_.Lead();
    world_.Acknowledge(3);
    world_.Settle();
  }
  void SayDamaged(std::uint32_t node, bool wants) {
    raft::AppendReply reply;
    reply.accepted = true;
    reply.match = reply.last_index = world_.replica().raft().log().last_index();
    reply.damaged = true;
    reply.wants_snapshot = wants;
    world_.Hear(node, world_.replica().raft().term(), reply);
    world_.Settle();
  }

  LoneReplica world_;
};

TEST_F(PrimaryOfDamaged, SendsOneASnapshotWhileItGoesOnReplicating) {
  world_.hold_exports = true;
  SayDamaged(3, /*wants=*/false);
  EXPECT_EQ(world_.exports(), 0U) << "its turn has not come";
  SayDamaged(3, /*wants=*/true);
  EXPECT_EQ(world_.exports(), 1U);
  (void)world_.TakeMessages();
  world_.Ask(OpenRequest());
  world_.Settle();
  std::size_t to_3 = 0;
  for (const auto& outgoing : world_.TakeMessages()) {
    const auto* append = std::get_if<raft::AppendRequest>(&outgoing.message.body);
    if (append != nullptr && outgoing.to == NodeId(3)) to_3 += append->entries.size();
  }
  EXPECT_EQ(to_3, 1U);
  world_.RunExport();
  world_.Settle();
  bool begun = false;
  for (const auto& [to, told] : world_.told) begun = begun || told.snapshot().has_begin();
  EXPECT_TRUE(begun);
}

TEST_F(PrimaryOfDamaged, HandsItsRoleToNoneOfThem) {
  SayDamaged(3, /*wants=*/false);
  const auto other = [](NodeId node) { return node == NodeId(3); };
  EXPECT_FALSE(world_.replica().HandOver(other, world_.Now()));
  EXPECT_TRUE(world_.replica().HandOver(nullptr, world_.Now()));
  EXPECT_EQ(*world_.replica().raft().transferring_to(), LoneReplica::MemberOn(2));
}

}  // namespace
}  // namespace ringfort::replica

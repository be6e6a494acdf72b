// Raft's messages: there and back, and the slices of a log that no correct node sends.
#include "wire/raft_codec.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "raft/members.h"

namespace ringfort::wire {
namespace {

raft::Member SomeMember(std::uint32_t id) {
  return {ReplicaId(id), NodeId(id + 10), Incarnation{id, 99}};
}

std::string SomeMembers() {
  std::string bytes;
  raft::AppendMembers({{SomeMember(1), SomeMember(2)}, {SomeMember(1)}, {}, ReplicaId(2), {}},
                      &bytes);
  return bytes;
}

raft::AppendRequest SomeAppend() {
  raft::AppendRequest append;
  append.previous_index = LogIndex(4);
  append.previous_term = Term(2);
  append.commit = LogIndex(3);
  append.primary_last = LogIndex(7);
  append.everywhere = LogIndex(3);
  append.entries = {{Term(2), LogIndex(5), raft::EntryKind::kCommand, SharedBytes("x")},
                    {Term(3), LogIndex(6), raft::EntryKind::kNoop, SharedBytes()},
                    {Term(3), LogIndex(7), raft::EntryKind::kMembers, SharedBytes(SomeMembers())}};
  return append;
}

raft::Message Around(raft::Body body) {
  return {ReplicaId(1), ReplicaId(2), Term(3), std::move(body), /*epoch=*/7};
}

proto::RaftMessage Encoded(const raft::Message& message) {
  proto::RaftMessage out;
  EncodeMessage(ShardId(5), message, &out);
  return out;
}

TEST(RaftCodecTest, EveryKindComesBackAsItWas) {
  raft::AppendReply reply;
  reply.accepted = true;
  reply.match = LogIndex(9);
  reply.hint_term = Term(2);
  reply.refused_index = LogIndex(8);
  reply.last_index = LogIndex(10);
  reply.commit = LogIndex(6);
  reply.unsure = true;
  reply.diverged = true;
  const std::vector<raft::Body> bodies = {
      raft::VoteRequest{true, LogIndex(8), Term(2), ReplicaId(4)},
      raft::VoteReply{true, true, true, Duration(123'456'789)},
      SomeAppend(),
      reply,
      raft::ReadProbe{11},
      raft::ReadProbeReply{12},
      raft::TimeoutNow{},
  };
  for (const raft::Body& body : bodies) {
    const raft::Message message = Around(body);
    const Result<ShardMessage> back = DecodeMessage(Encoded(message));
    ASSERT_TRUE(back.ok()) << back.status().ToString();
    EXPECT_EQ(back->shard, ShardId(5));
    EXPECT_EQ(back->message, message) << "body " << body.index();
  }
}

// Of a newer release: to drop it would be to ask for it for ever.
// A node of release 0.1.0 says nothing of epochs, and hears nothing of the first.
TEST(RaftCodecTest, TheFirstEpochIsNotOnTheWire) {
  raft::Message message = Around(raft::TimeoutNow{});
  const std::size_t with_epoch = Encoded(message).ByteSizeLong();
  message.epoch = 0;
  EXPECT_LT(Encoded(message).ByteSizeLong(), with_epoch);
  EXPECT_EQ(DecodeMessage(Encoded(message))->message.epoch, 0U);
}

TEST(RaftCodecTest, AnEntryOfAnUnknownKindIsTold) {
  proto::RaftMessage newer = Encoded(Around(SomeAppend()));
  newer.mutable_append_request()->mutable_entries(0)->set_kind(3);
  EXPECT_EQ(DecodeMessage(std::move(newer)).status().code(), Code::kUnsupported);
}

TEST(RaftCodecTest, RefusesSlicesThatAreNoLog) {
  const proto::RaftMessage good = Encoded(Around(SomeAppend()));
  ASSERT_TRUE(DecodeMessage(proto::RaftMessage(good)).ok());
  const auto refused = [&](const auto& damage) {
    proto::RaftMessage bad = good;
    damage(bad.mutable_append_request());
    return DecodeMessage(std::move(bad)).status().code() == Code::kInvalidArgument;
  };
  using Append = proto::AppendRequest;
  EXPECT_TRUE(refused([](Append* a) { a->mutable_entries(1)->set_index(7); })) << "gap";
  EXPECT_TRUE(refused([](Append* a) { a->mutable_entries(0)->set_index(4); })) << "overlap";
  EXPECT_TRUE(refused([](Append* a) { a->mutable_entries(2)->set_term(2); })) << "falling term";
  EXPECT_TRUE(refused([](Append* a) { a->mutable_entries(0)->set_term(1); })) << "below previous";
  EXPECT_TRUE(refused([](Append* a) { a->mutable_entries(2)->set_term(4); })) << "above message";
  EXPECT_TRUE(refused([](Append* a) { a->set_previous_term(0); })) << "no previous term";
  EXPECT_TRUE(refused([](Append* a) { a->set_previous_term(4); })) << "previous above message";
  EXPECT_TRUE(refused([](Append* a) {
    a->set_previous_index(UINT64_MAX);
    a->mutable_entries(0)->set_index(0);
  })) << "index wraps";
}

TEST(RaftCodecTest, RefusesMembersThatCannotBeRead) {
  raft::AppendRequest append = SomeAppend();
  append.entries.back().data = SharedBytes("m");
  EXPECT_FALSE(DecodeMessage(Encoded(Around(append))).ok());
}

TEST(RaftCodecTest, RefusesMessagesWithoutWhatEveryMessageHas) {
  for (int missing = 0; missing < 4; ++missing) {
    proto::RaftMessage bad = Encoded(Around(raft::ReadProbe{1}));
    if (missing == 0) bad.clear_from();
    if (missing == 1) bad.clear_to();
    if (missing == 2) bad.clear_term();
    if (missing == 3) bad.clear_read_probe();
    EXPECT_EQ(DecodeMessage(std::move(bad)).status().code(), Code::kInvalidArgument) << missing;
  }
}

TEST(RaftCodecTest, ARefusalInTermZeroIsTaken) {
  raft::Message message = Around(raft::VoteReply{true, false, false, Duration(0)});
  message.term = Term(0);
  EXPECT_TRUE(DecodeMessage(Encoded(message)).ok());
}

TEST(RaftCodecTest, ABoundThatOverflowsIsRefused) {
  proto::RaftMessage bad = Encoded(Around(raft::VoteReply{}));
  bad.mutable_vote_reply()->set_bound_left_ns(UINT64_MAX);
  EXPECT_FALSE(DecodeMessage(std::move(bad)).ok());
}

TEST(RaftCodecTest, MembersComeBackAndBadOnesDoNot) {
  raft::Members members;
  members.voters = {SomeMember(1), SomeMember(2)};
  members.outgoing = {SomeMember(1), SomeMember(3)};
  members.learners = {SomeMember(4)};
  proto::Members good;
  EncodeMembers(members, &good);
  ASSERT_TRUE(DecodeMembers(good).ok());
  EXPECT_EQ(*DecodeMembers(good), members);

  const auto refused = [&](const auto& damage) {
    proto::Members bad = good;
    damage(&bad);
    return !DecodeMembers(bad).ok();
  };
  EXPECT_TRUE(refused([](proto::Members* m) { m->clear_voters(); }));
  EXPECT_TRUE(refused([](proto::Members* m) { m->mutable_voters(0)->set_replica(0); }));
  EXPECT_TRUE(refused([](proto::Members* m) { m->mutable_voters(0)->set_replica(2); }));
  EXPECT_TRUE(refused([](proto::Members* m) { m->mutable_outgoing(0)->set_node(77); }));
  EXPECT_TRUE(refused([](proto::Members* m) { m->mutable_learners(0)->set_incarnation("x"); }));
}

}  // namespace
}  // namespace ringfort::wire

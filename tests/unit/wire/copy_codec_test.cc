#include "wire/copy_codec.h"

#include <gtest/gtest.h>

namespace ringfort::wire {
namespace {

raft::Copy SomeCopy() {
  raft::Copy copy;
  copy.member = {ReplicaId(4), NodeId(14), Incarnation{4, 99}};
  copy.term = Term(7);
  copy.last = LogIndex(90);
  copy.last_term = Term(6);
  copy.members.voters = {copy.member, {ReplicaId(5), NodeId(15), Incarnation{5, 99}}};
  copy.members.newest_id = ReplicaId(5);
  copy.members.index = LogIndex(80);
  copy.members.format = raft::MembersFormat::kNumbered;
  copy.members.epoch = 3;
  copy.unsure = true;
  copy.has_primary = true;
  copy.known_epoch = 8;
  return copy;
}

proto::ShardCopy Encoded(const raft::Copy& copy) {
  proto::ShardCopy out;
  EncodeCopy(copy, &out);
  return out;
}

TEST(CopyCodecTest, ComesBackAsItWas) {
  const raft::Copy copy = SomeCopy();
  const auto back = DecodeCopy(Encoded(copy));
  ASSERT_TRUE(back.ok()) << back.status().ToString();
  EXPECT_EQ(back->member, copy.member);
  EXPECT_EQ(back->term, copy.term);
  EXPECT_EQ(back->last, copy.last);
  EXPECT_EQ(back->last_term, copy.last_term);
  EXPECT_EQ(back->members, copy.members);
  EXPECT_TRUE(back->unsure);
  EXPECT_FALSE(back->damaged);
  EXPECT_TRUE(back->has_primary);
  EXPECT_EQ(back->known_epoch, copy.known_epoch);
  EXPECT_TRUE(back->is_void());
}

TEST(CopyCodecTest, OneThatWasBeingFilledHasNoVoters) {
  raft::Copy copy = SomeCopy();
  copy.members = {};
  const auto back = DecodeCopy(Encoded(copy));
  ASSERT_TRUE(back.ok()) << back.status().ToString();
  EXPECT_TRUE(back->empty());
}

TEST(CopyCodecTest, ADamagedOneIsToldByItsReason) {
  proto::ShardCopy described = Encoded(SomeCopy());
  described.set_damage("a block");
  EXPECT_TRUE(DecodeCopy(described)->damaged);
}

TEST(CopyCodecTest, RefusesWhatNoNodeSends) {
  const auto refused = [](const auto& spoil) {
    proto::ShardCopy described = Encoded(SomeCopy());
    spoil(&described);
    return DecodeCopy(described).status().code() == Code::kCorruption;
  };
  EXPECT_TRUE(refused([](proto::ShardCopy* copy) { copy->set_node(0); }));
  EXPECT_TRUE(refused([](proto::ShardCopy* copy) { copy->set_replica(0); }));
  EXPECT_TRUE(refused([](proto::ShardCopy* copy) { copy->set_incarnation("short"); }));
  EXPECT_TRUE(refused(
      [](proto::ShardCopy* copy) { copy->mutable_members()->mutable_voters(0)->set_replica(0); }));
}

}  // namespace
}  // namespace ringfort::wire

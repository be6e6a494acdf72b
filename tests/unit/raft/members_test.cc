// Changes of members: their bytes, what is refused, and, over random lives of a shard, what joint
// consensus stands on (Raft thesis, section 4.3): whatever comes into force next cannot decide
// without whom decides now.
#include "raft/members.h"

#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/random.h"
#include "raft/quorum.h"

namespace ringfort::raft {
namespace {

TEST(Members, AreDecodedOnlyWhole) {
  Members members;
  members.voters = {{ReplicaId(1), NodeId(2), {3, 4}}, {ReplicaId(5), NodeId(6), {7, 8}}};
  members.outgoing = {{ReplicaId(9), NodeId(10), {11, 12}}};
  members.learners = {{ReplicaId(13), NodeId(14), {15, 16}, true}};
  members.newest_id = ReplicaId(17);
  members.index = LogIndex(18);
  std::string bytes;
  AppendMembers(members, &bytes);
  ASSERT_TRUE(DecodeMembers(bytes).ok());
  EXPECT_EQ(*DecodeMembers(bytes), members);
  EXPECT_FALSE(DecodeMembers(bytes + "x").ok());
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_EQ(DecodeMembers(std::string_view(bytes).substr(0, size)).status().code(),
              Code::kCorruption)
        << size;
  }
}

TEST(Members, AFormatThatIsNotKnownIsNoDamage) {
  Members members;
  members.voters = {{ReplicaId(1), NodeId(2), {3, 4}}};
  std::string plain;
  AppendMembers(members, &plain);
  members.format = MembersFormat::kNumbered;
  members.epoch = 7;
  std::string bytes;
  AppendMembers(members, &bytes);
  EXPECT_EQ(bytes.size(), plain.size() + 12);
  ASSERT_TRUE(DecodeMembers(bytes).ok());
  EXPECT_EQ(*DecodeMembers(bytes), members);
  EXPECT_EQ(DecodeMembers(bytes.substr(0, bytes.size() - 1)).status().code(), Code::kCorruption);
  bytes[0] = 2;  // The format's number, of a later release.
  EXPECT_EQ(DecodeMembers(bytes).status().code(), Code::kUnsupported);
}

std::vector<ReplicaId> Everybody(const Members& a, const Members& b) {
  std::set<ReplicaId> ids;
  for (const Members* members : {&a, &b}) {
    for (const auto* list : {&members->voters, &members->outgoing}) {
      for (const Member& member : *list) ids.insert(member.id);
    }
  }
  return {ids.begin(), ids.end()};
}

/// By trying every way to split the voters in two.
bool QuorumsIntersect(const Members& a, const Members& b) {
  const std::vector<ReplicaId> all = Everybody(a, b);
  for (std::uint64_t split = 0; split < std::uint64_t{1} << all.size(); ++split) {
    std::set<ReplicaId> here;
    for (std::size_t i = 0; i < all.size(); ++i) {
      if ((split >> i & 1) != 0) here.insert(all[i]);
    }
    if (QuorumHolds(a, [&](ReplicaId id) { return here.contains(id); }) &&
        QuorumHolds(b, [&](ReplicaId id) { return !here.contains(id); })) {
      return false;
    }
  }
  return true;
}

// The twin of the joint rule: without it, such a change is what goes wrong.
TEST(Members, TwoVoterSetsMayHaveDisjointQuorums) {
  Members one;
  one.voters = {{ReplicaId(1), NodeId(1), {}}, {ReplicaId(2), NodeId(2), {}}};
  Members other;
  other.voters = {{ReplicaId(3), NodeId(3), {}}};
  EXPECT_FALSE(QuorumsIntersect(one, other));
  other.outgoing = one.voters;
  EXPECT_TRUE(QuorumsIntersect(one, other));
}

constexpr std::uint32_t kNodes = 6;

Member SomeNode(Random* random) {
  const auto node = static_cast<std::uint32_t>(1 + random->Below(kNodes));
  return Member{ReplicaId(), NodeId(node), {1, node}, random->OneIn(2)};
}

/// Anything: most of it is refused.
MembersChange SomeChange(const Members& now, Random* random) {
  MembersChange change{now.index, {}, {}};
  for (const auto* list : {&now.voters, &now.learners}) {
    for (const Member& member : *list) {
      if (random->OneIn(6)) continue;
      const bool moves = random->OneIn(4);
      ((list == &now.voters) != moves ? change.voters : change.learners).push_back(member);
    }
  }
  if (random->OneIn(2)) change.learners.push_back(SomeNode(random));
  if (random->OneIn(12)) change.voters.push_back(SomeNode(random));
  if (random->OneIn(12)) change.expected = change.expected + 1;
  return change;
}

/// What the header says of a change that is not refused.
bool IsSound(const Members& now, const MembersChange& change) {
  std::set<NodeId> nodes;
  std::set<ReplicaId> known;
  for (const auto* list : {&now.voters, &now.learners}) {
    for (const Member& member : *list) known.insert(member.id);
  }
  bool sound = !now.joint() && change.expected == now.index && !change.voters.empty();
  for (const auto* list : {&change.voters, &change.learners}) {
    for (const Member& member : *list) {
      sound = sound && nodes.insert(member.node).second;
      const bool is_new = list == &change.learners && member.id == ReplicaId();
      sound = sound && (is_new || known.contains(member.id));
    }
  }
  return sound;
}

TEST(Members, WhatFollowsSharesAVoterWithWhatWasAndNoIdComesTwice) {
  std::size_t accepted = 0;
  std::size_t refused = 0;
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    SCOPED_TRACE(seed);
    Random random(seed);
    Members now;
    now.newest_id = ReplicaId(3);
    std::map<ReplicaId, NodeId> given;
    for (std::uint32_t id = 1; id <= 3; ++id) {
      now.voters.push_back({ReplicaId(id), NodeId(id), {1, id}});
      given[ReplicaId(id)] = NodeId(id);
    }
    for (std::uint64_t index = 1; index <= 40; ++index) {
      Members next;
      if (now.joint()) {
        EXPECT_FALSE(PlanChange(now, SomeChange(now, &random)).ok());
        next = Leave(now);
        EXPECT_EQ(next.voters, now.voters);
        EXPECT_EQ(next.learners, now.learners);
      } else {
        MembersChange change = SomeChange(now, &random);
        if (random.OneIn(3)) {  // What the primary does by itself.
          const auto& list = random.OneIn(2) || now.learners.empty() ? now.voters : now.learners;
          const ReplicaId one = list[random.Below(list.size())].id;
          const bool replaces = &list == &now.voters || random.OneIn(2);
          change = replaces ? Replace(now, one, Incarnation{index, 7}) : Promote(now, one);
        }
        const Result<Members> planned = PlanChange(now, change);
        ASSERT_EQ(planned.ok(), IsSound(now, change));
        ++(planned.ok() ? accepted : refused);
        if (!planned.ok()) continue;
        next = *planned;
        EXPECT_EQ(next.voters.size(), change.voters.size());
        EXPECT_EQ(next.learners.size(), change.learners.size());
      }
      EXPECT_TRUE(QuorumsIntersect(now, next));
      EXPECT_GE(next.newest_id, now.newest_id);
      for (const auto* list : {&next.voters, &next.learners}) {
        for (const Member& member : *list) {
          const auto [known, fresh] = given.emplace(member.id, member.node);
          EXPECT_EQ(known->second, member.node) << "the id " << member.id << " is used twice";
          EXPECT_TRUE(!fresh || member.id > now.newest_id);
          EXPECT_LE(member.id, next.newest_id);
        }
      }
      now = next;
      now.index = LogIndex(index);
      std::string bytes;
      AppendMembers(now, &bytes);
      EXPECT_EQ(*DecodeMembers(bytes), now);
    }
  }
  EXPECT_GT(accepted, 2000U);
  EXPECT_GT(refused, 500U);
}

TEST(Members, TheLostOneIsReplacedOnItsNode) {
  Members now;
  for (std::uint32_t id = 1; id <= 3; ++id) {
    now.voters.push_back({ReplicaId(id), NodeId(id), {1, id}});
  }
  now.learners = {{ReplicaId(8), NodeId(4), {1, 4}}};
  now.newest_id = ReplicaId(8);
  const Members next = *PlanChange(now, Replace(now, ReplicaId(2), Incarnation{2, 2}));
  EXPECT_EQ(next.outgoing, now.voters);
  EXPECT_EQ(next.voters.size(), 2U);
  ASSERT_EQ(next.learners.size(), 2U);
  EXPECT_EQ(next.learners[1], (Member{ReplicaId(9), NodeId(2), {2, 2}, true}));
  // A learner is replaced by what it was: here one that is to stay a learner.
  const Members again = *PlanChange(now, Replace(now, ReplicaId(8), Incarnation{2, 4}));
  EXPECT_FALSE(again.joint());
  EXPECT_EQ(again.learners, (std::vector<Member>{{ReplicaId(9), NodeId(4), {2, 4}, false}}));
}

}  // namespace
}  // namespace ringfort::raft

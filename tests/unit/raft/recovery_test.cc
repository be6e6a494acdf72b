// A shard that is begun anew from one copy: never while it could go on without, never from the
// older copy unasked, and never with a version, a term or a replica id that was used before.
#include "raft/recovery.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <vector>

#include "base/random.h"
#include "raft/quorum.h"

namespace ringfort::raft {
namespace {

using ::testing::HasSubstr;

Member MemberOf(std::uint32_t id) {
  return {ReplicaId(id), NodeId(id), Incarnation{id, 7}};
}

Members ThreeVoters() {
  Members members;
  members.voters = {MemberOf(1), MemberOf(2), MemberOf(3)};
  members.newest_id = ReplicaId(3);
  return members;
}

Copy CopyOn(std::uint32_t node, std::uint64_t last, std::uint64_t last_term = 4) {
  Copy copy;
  copy.member = MemberOf(node);
  copy.term = Term(5);
  copy.last = LogIndex(last);
  copy.last_term = Term(last_term);
  copy.members = ThreeVoters();
  return copy;
}

TEST(Recovery, BeginsWithOneVoterFarAboveEverythingThatWasSeen) {
  const auto beginning = PlanRecovery({CopyOn(1, 100)}, NodeId(1), false);
  ASSERT_TRUE(beginning.ok()) << beginning.status().ToString();
  const LogBase& base = beginning->base;
  EXPECT_EQ(base.index, LogIndex(100 + kIndexLeap));
  EXPECT_EQ(base.term, Term(5 + kTermLeap));
  EXPECT_EQ(base.members.index, base.index);
  EXPECT_EQ(base.members.epoch, MakeEpoch(1, NodeId(1)));
  EXPECT_EQ(base.members.format, MembersFormat::kNumbered);
  ASSERT_EQ(base.members.voters.size(), 1U);
  const Member& voter = base.members.voters[0];
  EXPECT_EQ(voter.id, ReplicaId(3 + kReplicaIdLeap));
  EXPECT_EQ(voter.node, NodeId(1));
  EXPECT_EQ(voter.incarnation, MemberOf(1).incarnation);
  EXPECT_EQ(base.members.newest_id, voter.id);
  EXPECT_EQ(beginning->hard_state, (HardState{base.term, ReplicaId(), false, voter.id}));
}

TEST(Recovery, IsRefusedWhileAMajorityCanStillForm) {
  for (const bool accept_loss : {false, true}) {
    const auto two = PlanRecovery({CopyOn(1, 100), CopyOn(2, 90)}, NodeId(1), accept_loss);
    EXPECT_EQ(two.status().code(), Code::kConditionFailed);
    EXPECT_THAT(two.status().message(), HasSubstr("can still elect"));
    Copy led = CopyOn(1, 100);
    led.has_primary = true;
    EXPECT_FALSE(PlanRecovery({led}, NodeId(1), accept_loss).ok());
  }
  // A damaged one votes, too: its log is whole.
  Copy damaged = CopyOn(2, 90);
  damaged.damaged = true;
  EXPECT_FALSE(PlanRecovery({CopyOn(1, 100), damaged}, NodeId(1), true).ok());
  // One that may have forgotten something does not, unless all of them are there.
  Copy unsure = CopyOn(2, 90);
  unsure.unsure = true;
  EXPECT_TRUE(PlanRecovery({CopyOn(1, 100), unsure}, NodeId(1), false).ok());
  EXPECT_FALSE(PlanRecovery({CopyOn(1, 100), unsure, CopyOn(3, 1)}, NodeId(1), true).ok());
}

// Of five nodes the shard was on three; others that have copies of it do not vote.
TEST(Recovery, CopiesThatDoNotVoteAreNoMajority) {
  Copy learner = CopyOn(4, 100);
  learner.members.learners = {MemberOf(4)};
  Copy removed = CopyOn(5, 50);
  EXPECT_FALSE(CanHavePrimary({CopyOn(1, 100), learner, removed}));
  const auto from_learner = PlanRecovery({CopyOn(1, 100), learner, removed}, NodeId(4), false);
  ASSERT_TRUE(from_learner.ok());
  EXPECT_EQ(from_learner->base.members.voters[0].node, NodeId(4));
}

// The longest log was appended to under members of whom too few are left; the others, who lack it,
// could elect one by theirs.
TEST(Recovery, EachCopyIsJudgedByTheMembersInItsOwnLog) {
  Copy joint = CopyOn(1, 100);
  joint.members.outgoing = joint.members.voters;
  joint.members.voters = {MemberOf(1), MemberOf(4), MemberOf(5)};
  EXPECT_FALSE(CanHavePrimary({joint, CopyOn(2, 99)}));
  EXPECT_TRUE(CanHavePrimary({joint, CopyOn(2, 99), CopyOn(3, 99)}));
}

TEST(Recovery, TakesTheNewestUnlessTheLossIsAccepted) {
  // Terms come before lengths.
  const std::vector<Copy> copies = {CopyOn(1, 100, 4), CopyOn(4, 90, 5)};
  EXPECT_EQ(NewestCopy(copies)->member.node, NodeId(4));
  const auto older = PlanRecovery(copies, NodeId(1), false);
  EXPECT_EQ(older.status().code(), Code::kConditionFailed);
  EXPECT_THAT(older.status().message(), HasSubstr("the copy on node 4 is newer"));
  EXPECT_THAT(older.status().message(), HasSubstr("--accept-loss"));
  EXPECT_TRUE(PlanRecovery(copies, NodeId(4), false).ok());
  const auto accepted = PlanRecovery(copies, NodeId(1), true);
  ASSERT_TRUE(accepted.ok());
  // Above the other's versions, too.
  EXPECT_EQ(accepted->base.index, LogIndex(100 + kIndexLeap));
}

TEST(Recovery, NeverTakesWhatCannotBeRead) {
  Copy damaged = CopyOn(1, 100);
  damaged.damaged = true;
  Copy empty = CopyOn(4, 0, 0);
  empty.members = {};
  empty.members.learners = {MemberOf(4)};
  for (const std::uint32_t node : {1U, 4U, 9U}) {
    EXPECT_FALSE(PlanRecovery({damaged, empty}, NodeId(node), true).ok()) << node;
  }
  EXPECT_EQ(NewestCopy({damaged, empty}), nullptr);
  // What only the damaged one has is lost.
  EXPECT_FALSE(PlanRecovery({damaged, CopyOn(5, 90)}, NodeId(5), false).ok());
  EXPECT_TRUE(PlanRecovery({damaged, CopyOn(5, 90)}, NodeId(5), true).ok());
}

// The run: epoch 1 was begun from node 1, which dies for good; the copies of epoch 0 are all that
// is left. What epoch 1 gave out must not be given out again, though nobody who saw it is there.
TEST(Recovery, AnEpochThatOnlyTheMapKnowsIsLeaptOver) {
  const auto first = PlanRecovery({CopyOn(1, 100)}, NodeId(1), false);
  ASSERT_TRUE(first.ok());
  Copy left = CopyOn(2, 100);
  left.known_epoch = first->base.members.epoch;
  Copy other = CopyOn(3, 100);
  other.known_epoch = first->base.members.epoch;
  EXPECT_FALSE(CanHavePrimary({left, other})) << "a majority of void copies";
  EXPECT_FALSE(PlanRecovery({left, other}, NodeId(2), false).ok());
  const auto second = PlanRecovery({left, other}, NodeId(2), true);
  ASSERT_TRUE(second.ok()) << second.status().ToString();
  EXPECT_EQ(EpochCount(second->base.members.epoch), 2U);
  EXPECT_GE(second->base.index, first->base.index + kIndexLeap);
  EXPECT_GE(second->base.term, first->base.term + kTermLeap);
  EXPECT_GE(second->base.members.newest_id.value(),
            first->base.members.newest_id.value() + kReplicaIdLeap);
}

// The run: two operators begin the shard anew from the same end of the log on two nodes; under one
// epoch both would lead it for ever.
TEST(Recovery, TwoNodesNeverMakeTheSameEpoch) {
  const auto here = PlanRecovery({CopyOn(1, 100)}, NodeId(1), false);
  const auto there = PlanRecovery({CopyOn(2, 100)}, NodeId(2), false);
  ASSERT_TRUE(here.ok() && there.ok());
  EXPECT_LT(here->base.members.epoch, there->base.members.epoch);
}

/// By trying it: every set of voters that agree, and a log that is no older than any of theirs.
bool SomebodyWins(const std::vector<Copy>& copies) {
  for (const Copy& candidate : copies) {
    std::set<ReplicaId> sure;
    std::set<ReplicaId> any;
    for (const Copy& voter : copies) {
      const bool up_to_date =
          candidate.last_term > voter.last_term ||
          (candidate.last_term == voter.last_term && candidate.last >= voter.last);
      if (!up_to_date) continue;
      any.insert(voter.member.id);
      if (!voter.unsure) sure.insert(voter.member.id);
    }
    const auto& voters = candidate.members.voters;
    const auto count = [&](const std::set<ReplicaId>& grants) {
      return static_cast<std::size_t>(std::ranges::count_if(
          voters, [&](const Member& voter) { return grants.contains(voter.id); }));
    };
    if (count(sure) * 2 > voters.size() || count(any) == voters.size()) return true;
  }
  return false;
}

TEST(Recovery, CanHavePrimaryAgreesWithTryingIt) {
  Random random(11);
  for (int round = 0; round < 2000; ++round) {
    std::vector<Copy> copies;
    for (std::uint32_t node = 1; node <= 5; ++node) {
      if (random.Below(2) == 0) continue;
      Copy copy = CopyOn(node, 10 + random.Below(4), 3 + random.Below(2));
      copy.unsure = random.Below(3) == 0;
      copies.push_back(copy);
    }
    const bool wins = SomebodyWins(copies);
    EXPECT_EQ(CanHavePrimary(copies), wins) << round;
    for (const Copy& copy : copies) {
      const auto beginning = PlanRecovery(copies, copy.member.node, true);
      EXPECT_EQ(beginning.ok(), !wins);
      if (!beginning.ok()) continue;
      for (const Copy& other : copies) {
        EXPECT_GT(beginning->base.index, other.last);
        EXPECT_GT(beginning->base.term, other.term);
        EXPECT_GT(beginning->hard_state.self, other.member.id);
      }
    }
  }
}

}  // namespace
}  // namespace ringfort::raft

// Quorum arithmetic against a dumb twin that counts, over random voter sets, joint ones too.
#include "raft/quorum.h"

#include <gtest/gtest.h>

#include <map>
#include <set>
#include <vector>

#include "base/random.h"

namespace ringfort::raft {
namespace {

std::vector<Member> RandomVoters(Random* random) {
  std::set<std::uint32_t> ids;
  const std::size_t count = 1 + random->Below(7);
  while (ids.size() < count) ids.insert(static_cast<std::uint32_t>(1 + random->Below(12)));
  std::vector<Member> voters;
  for (const std::uint32_t id : ids) voters.push_back({ReplicaId(id), NodeId(id), {}});
  return voters;
}

bool DumbMajority(const std::vector<Member>& voters, const std::set<ReplicaId>& yes) {
  std::size_t count = 0;
  for (const Member& voter : voters) count += yes.count(voter.id);
  return 2 * count > voters.size();
}

TEST(Quorum, AgreesWithATwinThatCounts) {
  for (std::uint64_t seed = 1; seed <= 3000; ++seed) {
    SCOPED_TRACE(seed);
    Random random(seed);
    Members members;
    members.voters = RandomVoters(&random);
    if (random.OneIn(2)) members.outgoing = RandomVoters(&random);
    std::map<ReplicaId, std::uint64_t> reached;
    for (std::uint32_t id = 1; id <= 12; ++id) reached[ReplicaId(id)] = random.Below(6);

    auto dumb = [&](std::uint64_t at_least) {
      std::set<ReplicaId> yes;
      for (const auto& [id, value] : reached) {
        if (value >= at_least) yes.insert(id);
      }
      return DumbMajority(members.voters, yes) &&
             (members.outgoing.empty() || DumbMajority(members.outgoing, yes));
    };
    std::uint64_t largest = 0;
    for (std::uint64_t value = 0; value < 6; ++value) {
      EXPECT_EQ(QuorumHolds(members, [&](ReplicaId id) { return reached[id] >= value; }),
                dumb(value));
      if (dumb(value)) largest = value;
      bool all = true;
      for (const Member& voter : members.voters) all = all && reached[voter.id] >= value;
      for (const Member& voter : members.outgoing) all = all && reached[voter.id] >= value;
      EXPECT_EQ(AllVotersHold(members, [&](ReplicaId id) { return reached[id] >= value; }), all);
    }
    EXPECT_EQ(QuorumValue(members, [&](ReplicaId id) { return reached[id]; }), largest);
  }
}

// Learners too, but those whose node still has an outgoing replica (types.h).
TEST(Quorum, EachMemberIsVisitedOnce) {
  for (std::uint64_t seed = 1; seed <= 500; ++seed) {
    SCOPED_TRACE(seed);
    Random random(seed);
    Members members;
    members.voters = RandomVoters(&random);
    if (random.OneIn(2)) members.outgoing = RandomVoters(&random);
    std::map<ReplicaId, int> expected;
    for (const Member& voter : members.voters) expected[voter.id] = 1;
    for (const Member& voter : members.outgoing) expected[voter.id] = 1;
    for (std::uint32_t id = 13; id < 13 + random.Below(5); ++id) {
      const NodeId node(static_cast<std::uint32_t>(1 + random.Below(16)));
      members.learners.push_back({ReplicaId(id), node, {}});
      bool waits = false;
      for (const Member& out : members.outgoing) waits = waits || out.node == node;
      if (!waits) expected[ReplicaId(id)] = 1;
    }
    // One that is demoted is learner and outgoing voter at once.
    if (!members.outgoing.empty()) members.learners.push_back(members.outgoing.back());
    std::map<ReplicaId, int> visits;
    ForEachMember(members, [&](const Member& member) { ++visits[member.id]; });
    EXPECT_EQ(visits, expected);
    for (const Member& learner : members.learners) {
      bool votes = false;
      for (const Member& out : members.outgoing) votes = votes || out.id == learner.id;
      EXPECT_EQ(IsVoter(members, learner.id), votes);
    }
  }
}

}  // namespace
}  // namespace ringfort::raft

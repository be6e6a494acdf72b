// Who changes the members of a cluster and hands its roles over; and that, once all is mended, it
// has the voters that are wanted, and they agree.
#include <algorithm>
#include <sstream>
#include <utility>

#include "raft/quorum.h"
#include "tests/unit/raft/cluster.h"

namespace ringfort::raft {

using std::chrono::microseconds;
using std::chrono::milliseconds;

void Cluster::Operate() {
  const std::size_t s = random_.Below(kShards);
  for (NodeIndex n = 0; n < nodes_.size(); ++n) {
    const Raft* raft = nodes_[n].shards[s].raft.get();
    if (raft == nullptr || (raft->role() != Role::kPrimary && !Chance(0.05))) continue;
    if (Chance(0.8)) {
      AfterOn(n, Duration(0), [this, n, s] { ChangeMembers(n, s); });
    } else {
      AfterOn(n, Duration(0), [this, n, s] { Transfer(n, s); });
    }
  }
  if (Chance(0.3)) DestroyStrangers(s);
  if (chaos_) After(Between(milliseconds(5), milliseconds(120)), [this] { Operate(); });
}

void Cluster::Transfer(NodeIndex n, std::size_t s) {
  Drive(n, s, [&](Raft& raft, MonotonicTime now) {
    const auto& voters = raft.members().voters;
    const ReplicaId target =
        Chance(0.5) ? raft.BestSuccessor() : voters[random_.Below(voters.size())].id;
    if (!raft.TransferTo(now, target).ok()) return;
    ++counts_.transfers;
    if (!Chance(0.3)) return;
    // Cut off from all but the successor: it goes on leading, as far as it knows.
    for (NodeIndex peer = 0; peer < nodes_.size(); ++peer) {
      if (peer == n || peer == WhereIs(n, s, target)) continue;
      CutOff(n, peer, /*both_ways=*/true, Between(milliseconds(20), milliseconds(400)));
    }
  });
}

void Cluster::ChangeMembers(NodeIndex n, std::size_t s) {
  Drive(n, s, [&](Raft& raft, MonotonicTime now) {
    std::optional<MembersChange> change = SomeChange(raft);
    if (!change) return;
    Members after = raft.members();
    after.voters = change->voters;
    after.learners = change->learners;
    if (!Survives(s, after, nodes_.size())) return;
    const bool stale = Chance(0.2);
    if (stale) change->expected = change->expected + 1 + random_.Below(3);
    const Result<LogIndex> index = raft.ChangeMembers(now, *change);
    if (index.ok() && stale) throw Violation("members changed in spite of a stale fence");
    if (index.ok()) {
      ++counts_.changes;
    } else if (index.status().code() == Code::kConditionFailed) {
      ++counts_.stale_changes;
    }
  });
}

std::optional<MembersChange> Cluster::SomeChange(const Raft& raft) {
  const Members& now = raft.members();
  MembersChange change{now.index, now.voters, now.learners};
  auto take = [this](std::vector<Member>* from) {
    const auto place = from->begin() + static_cast<std::ptrdiff_t>(random_.Below(from->size()));
    Member taken = *place;
    from->erase(place);
    return taken;
  };
  const bool spare_voter = now.voters.size() > wanted_voters_;
  switch (random_.Below(6)) {
    case 0:
    case 1: {  // A new learner.
      const NodeIndex node = random_.Below(nodes_.size());
      for (const auto* list : {&now.voters, &now.learners}) {
        for (const Member& member : *list) {
          if (NodeOf(member) == node) return std::nullopt;
        }
      }
      Member fresh = MemberOn(node, ReplicaId());
      fresh.promote = Chance(0.7);
      change.learners.push_back(fresh);
      break;
    }
    case 2:  // A learner leaves.
      if (now.learners.empty() || Chance(0.3)) return std::nullopt;
      take(&change.learners);
      break;
    case 3:  // A learner and a voter change places, or the voter leaves.
      if (now.learners.empty()) return std::nullopt;
      change.voters.push_back(take(&change.learners));
      if (Chance(0.7)) {
        Member voter = change.voters[random_.Below(change.voters.size() - 1)];
        std::erase(change.voters, voter);
        if (Chance(0.5)) change.learners.push_back(voter);
      }
      break;
    case 4:  // A voter becomes a learner.
      if (!spare_voter && (now.voters.size() < 3 || Chance(0.5))) return std::nullopt;
      change.learners.push_back(take(&change.voters));
      change.learners.back().promote = Chance(0.5);
      break;
    default:  // A voter leaves; its node may get a new replica.
      if (!spare_voter && (now.voters.size() < 3 || Chance(0.5))) return std::nullopt;
      const Member voter = take(&change.voters);
      if (Chance(0.5)) change.learners.push_back(MemberOn(NodeOf(voter), ReplicaId()));
      break;
  }
  return change;
}

// What a committed list of members does not name, though it was made after it, is no member and
// never will be (protocols 6).
void Cluster::DestroyStrangers(std::size_t s) {
  for (const Node& node : nodes_) {
    const Raft* raft = node.shards[s].raft.get();
    if (raft == nullptr || !raft->serving() || raft->members().joint()) continue;
    const Members& members = raft->members();
    if (raft->commit() < members.index) continue;
    for (NodeIndex n = 0; n < nodes_.size(); ++n) {
      const ReplicaId id = nodes_[n].shards[s].self;
      bool stays = id == ReplicaId() || id > members.newest_id;
      ForEachMember(members, [&](const Member& member) { stays = stays || member.id == id; });
      if (stays || !nodes_[n].up) continue;
      AfterOn(n, Between(microseconds(100), milliseconds(300)), [this, n, s, id] {
        if (nodes_[n].shards[s].self == id) DropReplica(n, s);
      });
    }
  }
}

// The oracle: how much may be lost so that what was promised can still be kept. Whoever is lost, or
// unsure, must be a minority of each voter set that is in force anywhere, or will be.

bool Cluster::IsIntact(std::size_t s, const Member& member, NodeIndex lost) const {
  const NodeIndex n = NodeOf(member);
  const Shard& shard = nodes_[n].shards[s];
  if (n == lost || member.incarnation.high != nodes_[n].incarnation) return false;
  return member.id > shard.newest ||  // Not made yet.
         (shard.self == member.id && !shard.disk->hard_state().unsure);
}

bool Cluster::Survives(std::size_t s, const Members& members, NodeIndex lost) const {
  auto survives = [&](const std::vector<Member>& voters) {
    const auto intact = std::count_if(voters.begin(), voters.end(), [&](const Member& voter) {
      return IsIntact(s, voter, lost);
    });
    return voters.empty() || static_cast<std::size_t>(intact) >= MajorityOf(voters.size());
  };
  std::vector<Member> promoted = members.voters;
  for (const Member& learner : members.learners) {
    if (learner.promote) promoted.push_back(learner);
  }
  return survives(members.voters) && survives(members.outgoing) && survives(promoted);
}

bool Cluster::MayLose(NodeIndex lost) const {
  for (std::size_t s = 0; s < kShards; ++s) {
    for (const Node& node : nodes_) {
      const Shard& shard = node.shards[s];
      if (shard.disk && !Survives(s, shard.disk->members(), lost)) return false;
      if (shard.raft && !Survives(s, shard.raft->members(), lost)) return false;
    }
  }
  return true;
}

// Afterwards.

void Cluster::HealAndCheckLiveness(Duration limit) {
  chaos_ = false;
  for (auto& row : cut_) std::fill(row.begin(), row.end(), false);
  // Links that are cut and nodes that are down or frozen come back by themselves within this time.
  RunUntil(real_now_ + Duration(milliseconds(1600)).count());
  for (NodeIndex n = 0; n < nodes_.size(); ++n) {
    if (!nodes_[n].up) Start(n);
  }
  const RealTime deadline = real_now_ + limit.count();
  const std::size_t before = committed();
  std::string why;
  while (true) {
    RunUntil(real_now_ + Duration(milliseconds(100)).count());
    for (std::size_t s = 0; s < kShards; ++s) {
      for (NodeIndex n = 0; n < nodes_.size(); ++n) {
        const Raft* raft = nodes_[n].shards[s].raft.get();
        if (committed() < before + 50 && raft != nullptr && raft->serving()) Write(n, s);
      }
      BringBackVoters(s);
      DestroyStrangers(s);
    }
    if (Healthy(&why) && committed() > before) return;
    if (real_now_ > deadline) throw Violation("not alive after everything was mended: " + why);
  }
}

// What an operator does who wants this many voters.
void Cluster::BringBackVoters(std::size_t s) {
  for (NodeIndex n = 0; n < nodes_.size(); ++n) {
    Drive(n, s, [&](Raft& raft, MonotonicTime now) {
      const Members& members = raft.members();
      if (!raft.serving() || members.joint() || raft.commit() < members.index) return;
      MembersChange change{members.index, members.voters, members.learners};
      std::set<NodeIndex> taken;
      std::size_t coming = members.voters.size();
      for (const auto* list : {&members.voters, &members.learners}) {
        for (const Member& member : *list) taken.insert(NodeOf(member));
      }
      for (const Member& learner : members.learners) coming += learner.promote ? 1 : 0;
      const auto idle = std::find_if(change.learners.begin(), change.learners.end(),
                                     [](const Member& learner) { return !learner.promote; });
      if (members.voters.size() > wanted_voters_) {
        change.voters.erase(change.voters.begin());
      } else if (coming >= wanted_voters_) {
        return;
      } else if (idle != change.learners.end()) {
        idle->promote = true;
      } else {
        NodeIndex free = 0;
        while (taken.contains(free)) ++free;
        Member fresh = MemberOn(free, ReplicaId());
        fresh.promote = true;
        change.learners.push_back(fresh);
      }
      (void)raft.ChangeMembers(now, change);  // Refused: tried again.
    });
  }
}

bool Cluster::Healthy(std::string* why) {
  std::ostringstream text;
  for (std::size_t s = 0; s < kShards; ++s) {
    const Raft* primary = nullptr;
    std::size_t serving = 0;
    for (const Node& node : nodes_) {
      const Raft* raft = node.shards[s].raft.get();
      if (raft == nullptr || !raft->serving()) continue;
      primary = raft;
      ++serving;
    }
    if (serving == 1 && AllEqual(s, *primary)) continue;
    text << "shard " << s << ": " << wanted_voters_ << " voters wanted";
    for (NodeIndex n = 0; n < nodes_.size(); ++n) {
      const Raft* raft = nodes_[n].shards[s].raft.get();
      text << "\n  node " << n + 1 << ": " << (raft == nullptr ? "none" : Describe(*raft));
    }
    text << "\n";
  }
  *why = text.str();
  return why->empty();
}

/// Whether all members, and nobody else, are there, have what the primary has, and are as many as
/// wanted.
bool Cluster::AllEqual(std::size_t s, const Raft& primary) const {
  const Members& members = primary.members();
  if (members.joint() || members.voters.size() != wanted_voters_) return false;
  std::size_t equal = 0;
  std::size_t replicas = 0;
  for (const Node& node : nodes_) {
    const Shard& shard = node.shards[s];
    if (shard.self == ReplicaId()) continue;
    ++replicas;
    const Raft& raft = *shard.raft;
    if (!raft.unsure() && raft.members() == members && raft.commit() == raft.log().last_index() &&
        raft.applied() == raft.commit() && raft.commit() == primary.commit() &&
        raft.log().last_term() == primary.log().last_term()) {
      ++equal;
    }
  }
  return equal == replicas && replicas == members.voters.size() + members.learners.size() &&
         std::none_of(members.learners.begin(), members.learners.end(),
                      [](const Member& learner) { return learner.promote; });
}

std::string Cluster::Describe(const Raft& raft) {
  std::ostringstream text;
  text << raft.self() << " role " << static_cast<int>(raft.role()) << " term " << raft.term()
       << " log " << raft.log().base().index << ".." << raft.log().last_index() << "/"
       << raft.log().last_term() << " commit " << raft.commit() << " durable " << raft.durable()
       << (raft.unsure() ? " unsure" : "") << " members of " << raft.members().index << ":";
  for (const Member& voter : raft.members().voters) text << " " << voter.id;
  for (const Member& voter : raft.members().outgoing) text << " -" << voter.id;
  for (const Member& learner : raft.members().learners) {
    text << " +" << learner.id << (learner.promote ? "!" : "");
  }
  for (const auto& [id, progress] : raft.progress()) {
    text << " (" << id << " state " << static_cast<int>(progress.state) << " match "
         << progress.match << " next " << progress.next << (progress.counted ? "" : " uncounted")
         << (progress.connected ? "" : " gone") << (progress.absent_as ? " absent" : "")
         << (progress.creates ? " creates" : "") << ")";
  }
  return text.str();
}

}  // namespace ringfort::raft

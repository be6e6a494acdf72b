#include "raft/recovery.h"

#include <algorithm>
#include <limits>
#include <string>
#include <tuple>

#include "raft/quorum.h"

namespace ringfort::raft {
namespace {

Status Refused(const std::string& why) {
  return Status(Code::kConditionFailed, "the shard is not begun anew: " + why, Effect::kNotApplied);
}

std::string NameOf(const Copy& copy) {
  return "the copy on node " + std::to_string(copy.member.node.value());
}

std::string EndOf(const Copy& copy) {
  std::string end = "ends at index " + std::to_string(copy.last.value()) + " of term " +
                    std::to_string(copy.last_term.value());
  if (copy.members.epoch > 0) end += ", epoch " + std::to_string(EpochCount(copy.members.epoch));
  return end;
}

auto Rank(const Copy& copy) {
  return std::tuple(!copy.empty(), copy.members.epoch, copy.last_term, copy.last);
}

std::uint64_t HighestEpoch(const std::vector<Copy>& copies) {
  std::uint64_t epoch = 0;
  for (const Copy& copy : copies) epoch = std::max({epoch, copy.members.epoch, copy.known_epoch});
  return epoch;
}

std::uint64_t HighestId(const Copy& copy) {
  ReplicaId id = std::max(copy.member.id, copy.members.newest_id);
  ForEachMember(copy.members, [&id](const Member& member) { id = std::max(id, member.id); });
  return id.value();
}

// Those that have more refuse it, and the others cannot do without them if they are a majority.
// Voters that may have forgotten something count only where all voters agree (protocols 4).
bool CanBeElected(const Copy& candidate, const std::vector<Copy>& copies) {
  const auto grants = [&](ReplicaId id, bool also_unsure) {
    return std::ranges::any_of(copies, [&](const Copy& voter) {
      return voter.member.id == id && !voter.is_void() &&
             voter.members.epoch == candidate.members.epoch && (also_unsure || !voter.unsure) &&
             !IsNewer(voter, candidate);
    });
  };
  return QuorumHolds(candidate.members, [&](ReplicaId id) { return grants(id, false); }) ||
         AllVotersHold(candidate.members, [&](ReplicaId id) { return grants(id, true); });
}

Status CheckChoice(const Copy& copy, const std::vector<Copy>& copies, bool accept_loss) {
  if (copy.empty()) return Refused(NameOf(copy) + " was still being filled (take another)");
  if (copy.damaged) return Refused(NameOf(copy) + " is damaged and cannot be read (take another)");
  if (accept_loss) return Status::Ok();
  const auto newest = std::ranges::max_element(copies, {}, Rank);
  if (IsNewer(*newest, copy)) {
    return Refused(NameOf(*newest) + " is newer: it " + EndOf(*newest) + ", the one on node " +
                   std::to_string(copy.member.node.value()) + " " + EndOf(copy) +
                   " (take that one; --accept-loss gives up what only it has)");
  }
  if (copy.is_void()) {
    return Refused(NameOf(copy) + " is void: the shard was begun anew without it, as epoch " +
                   std::to_string(EpochCount(copy.known_epoch)) +
                   " (find a copy of that; --accept-loss gives up what was written since)");
  }
  return Status::Ok();
}

}  // namespace

bool IsNewer(const Copy& a, const Copy& b) {
  return Rank(a) > Rank(b);
}

const Copy* NewestCopy(const std::vector<Copy>& copies) {
  const Copy* newest = nullptr;
  for (const Copy& copy : copies) {
    if (copy.empty() || copy.damaged) continue;
    if (newest == nullptr || IsNewer(copy, *newest)) newest = &copy;
  }
  return newest;
}

bool CanHavePrimary(const std::vector<Copy>& copies) {
  return std::ranges::any_of(copies, [&](const Copy& copy) {
    if (copy.is_void() || copy.empty()) return false;
    return copy.has_primary || CanBeElected(copy, copies);
  });
}

Result<NewBeginning> PlanRecovery(const std::vector<Copy>& copies, NodeId chosen,
                                  bool accept_loss) {
  const auto copy =
      std::ranges::find_if(copies, [chosen](const Copy& one) { return one.member.node == chosen; });
  if (copy == copies.end()) {
    return Refused("node " + std::to_string(chosen.value()) + " has no copy of it (take another)");
  }
  if (CanHavePrimary(copies)) {
    return Refused(
        "it has a primary, or its voters that can be reached can still elect one (wait a moment, "
        "and start the nodes that are down)");
  }
  if (Status status = CheckChoice(*copy, copies, accept_loss); !status.ok()) return status;
  const std::uint64_t highest = HighestEpoch(copies);
  Term term;
  LogIndex index;
  std::uint64_t id = 0;
  for (const Copy& one : copies) {
    // Epochs that are known of and not seen began this far above what is seen.
    const std::uint64_t leaps = EpochCount(highest) - EpochCount(one.members.epoch) + 1;
    term = std::max(term, std::max(one.term, one.last_term) + leaps * kTermLeap);
    index = std::max(index, one.last + leaps * kIndexLeap);
    id = std::max(id, HighestId(one) + leaps * kReplicaIdLeap);
  }
  if (id > std::numeric_limits<std::uint32_t>::max()) {
    return Refused("it was begun anew so often that no replica ids are left");
  }
  NewBeginning beginning;
  LogBase& base = beginning.base;
  base.index = index;
  base.term = term;
  base.members.newest_id = ReplicaId(static_cast<std::uint32_t>(id));
  base.members.voters = {{base.members.newest_id, copy->member.node, copy->member.incarnation}};
  base.members.index = base.index;
  base.members.format = MembersFormat::kNumbered;
  base.members.epoch = MakeEpoch(EpochCount(highest) + 1, chosen);
  beginning.hard_state.term = base.term;
  beginning.hard_state.self = base.members.newest_id;
  return beginning;
}

}  // namespace ringfort::raft

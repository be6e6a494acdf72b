#include "raft/members.h"

#include <algorithm>
#include <set>
#include <utility>

#include "base/bytes.h"
#include "base/check.h"

namespace ringfort::raft {
namespace {

constexpr std::size_t kMemberBytes = 28;
/// Before a list of format 1 and later; its lowest byte is the format's number.
constexpr std::uint32_t kFormatMark = 0xffffff00;

Status NoMembers() {
  return {Code::kCorruption,
          "a list of members cannot be read (the replica that holds it must be rebuilt from its "
          "peers)"};
}

/// The format's number, taken off where the list begins with one. Above kNumbered: of a newer
/// release.
std::uint32_t TakeFormat(std::string_view* bytes) {
  if (bytes->size() < 4) return 0;
  const auto first = LoadLittle<std::uint32_t>(bytes->data());
  if ((first & kFormatMark) != kFormatMark) return 0;
  bytes->remove_prefix(4);
  return first & ~kFormatMark;
}

void AppendMemberList(const std::vector<Member>& list, std::string* out) {
  AppendLittle(out, static_cast<std::uint32_t>(list.size()));
  for (const Member& member : list) {
    AppendLittle(out, member.id.value());
    AppendLittle(out, member.node.value());
    AppendLittle(out, member.incarnation.high);
    AppendLittle(out, member.incarnation.low);
    AppendLittle(out, static_cast<std::uint32_t>(member.promote ? 1 : 0));
  }
}

bool TakeMemberList(std::string_view* bytes, std::vector<Member>* out) {
  if (bytes->size() < 4) return false;
  const auto count = LoadLittle<std::uint32_t>(bytes->data());
  bytes->remove_prefix(4);
  if (bytes->size() / kMemberBytes < count) return false;
  out->reserve(count);
  for (std::uint32_t i = 0; i < count; ++i) {
    Member member;
    member.id = ReplicaId(LoadLittle<std::uint32_t>(bytes->data()));
    member.node = NodeId(LoadLittle<std::uint32_t>(bytes->data() + 4));
    member.incarnation.high = LoadLittle<std::uint64_t>(bytes->data() + 8);
    member.incarnation.low = LoadLittle<std::uint64_t>(bytes->data() + 16);
    const auto promote = LoadLittle<std::uint32_t>(bytes->data() + 24);
    if (promote > 1) return false;
    member.promote = promote == 1;
    out->push_back(member);
    bytes->remove_prefix(kMemberBytes);
  }
  return true;
}

bool Has(const std::vector<Member>& list, const Member& wanted) {
  return std::any_of(list.begin(), list.end(), [&](const Member& member) {
    return member.id == wanted.id && member.node == wanted.node &&
           member.incarnation == wanted.incarnation;
  });
}

bool SameIds(const std::vector<Member>& a, const std::vector<Member>& b) {
  auto ids = [](const std::vector<Member>& list) {
    std::set<ReplicaId> out;
    for (const Member& member : list) out.insert(member.id);
    return out;
  };
  return ids(a) == ids(b);
}

ReplicaId NewestId(const Members& members) {
  ReplicaId newest = members.newest_id;
  for (const auto* list : {&members.voters, &members.outgoing, &members.learners}) {
    for (const Member& member : *list) newest = std::max(newest, member.id);
  }
  return newest;
}

Status Refused(Code code, const std::string& why) {
  return Status(code, "the members do not change: " + why, Effect::kNotApplied);
}

}  // namespace

void AppendMembers(const Members& members, std::string* out) {
  const bool numbered = members.format != MembersFormat::kPlain;
  RF_CHECK(numbered || members.epoch == 0) << "format 0 has no epoch";
  if (numbered) AppendLittle(out, kFormatMark | static_cast<std::uint32_t>(members.format));
  AppendMemberList(members.voters, out);
  AppendMemberList(members.outgoing, out);
  AppendMemberList(members.learners, out);
  AppendLittle(out, members.newest_id.value());
  AppendLittle(out, members.index.value());
  if (numbered) AppendLittle(out, members.epoch);
}

Result<Members> DecodeMembers(std::string_view bytes) {
  const std::uint32_t format = TakeFormat(&bytes);
  if (format > static_cast<std::uint32_t>(MembersFormat::kNumbered)) {
    return Status(Code::kUnsupported,
                  "a list of members has format " + std::to_string(format) +
                      ", which this release does not know (run the newer release that wrote it)");
  }
  Members members;
  members.format = static_cast<MembersFormat>(format);
  if (!TakeMemberList(&bytes, &members.voters)) return NoMembers();
  if (!TakeMemberList(&bytes, &members.outgoing)) return NoMembers();
  if (!TakeMemberList(&bytes, &members.learners)) return NoMembers();
  if (bytes.size() != (format == 0 ? 12 : 20)) return NoMembers();
  members.newest_id = ReplicaId(LoadLittle<std::uint32_t>(bytes.data()));
  members.index = LogIndex(LoadLittle<std::uint64_t>(bytes.data() + 4));
  if (format != 0) members.epoch = LoadLittle<std::uint64_t>(bytes.data() + 12);
  return members;
}

Result<Members> PlanChange(const Members& current, const MembersChange& change) {
  if (current.joint()) {
    return Refused(Code::kUnavailable, "an earlier change is under way (try again soon)");
  }
  if (change.expected != current.index) {
    return Refused(Code::kConditionFailed, "others came into force meanwhile (look again)");
  }
  if (change.voters.empty()) return Refused(Code::kInvalidArgument, "no voter would be left");
  Members next;
  next.newest_id = NewestId(current);
  next.format = current.format;
  next.epoch = current.epoch;
  std::set<NodeId> nodes;
  auto take = [&](const Member& wanted, bool voter) -> Status {
    Member member = wanted;
    if (!nodes.insert(member.node).second) {
      return Refused(Code::kInvalidArgument, "a node would have two replicas (name each once)");
    }
    const bool known = Has(current.voters, member) || Has(current.learners, member);
    if (member.id != ReplicaId() && !known) {
      return Refused(Code::kInvalidArgument, "a replica is named that is no member (look again)");
    }
    if (voter && !known) {
      return Refused(Code::kInvalidArgument, "a new voter must be a learner first");
    }
    if (member.id == ReplicaId()) member.id = ++next.newest_id;
    if (voter) member.promote = false;
    (voter ? next.voters : next.learners).push_back(member);
    return Status::Ok();
  };
  for (const Member& member : change.voters) {
    if (Status status = take(member, true); !status.ok()) return status;
  }
  for (const Member& member : change.learners) {
    if (Status status = take(member, false); !status.ok()) return status;
  }
  if (!SameIds(next.voters, current.voters)) next.outgoing = current.voters;
  return next;
}

MembersChange Replace(const Members& current, ReplicaId lost, Incarnation incarnation) {
  MembersChange change{current.index, current.voters, current.learners};
  for (std::vector<Member>* list : {&change.voters, &change.learners}) {
    const auto found = std::find_if(list->begin(), list->end(),
                                    [&](const Member& member) { return member.id == lost; });
    if (found == list->end()) continue;
    const bool promote = list == &change.voters || found->promote;
    const Member fresh{ReplicaId(), found->node, incarnation, promote};
    list->erase(found);
    change.learners.push_back(fresh);
    break;
  }
  return change;
}

MembersChange Promote(const Members& current, ReplicaId learner) {
  MembersChange change{current.index, current.voters, current.learners};
  const auto found = std::find_if(change.learners.begin(), change.learners.end(),
                                  [&](const Member& member) { return member.id == learner; });
  RF_CHECK(found != change.learners.end());
  change.voters.push_back(*found);
  change.learners.erase(found);
  return change;
}

Members Leave(const Members& joint) {
  Members next = joint;
  next.outgoing.clear();
  return next;
}

}  // namespace ringfort::raft

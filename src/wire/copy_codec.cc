#include "wire/copy_codec.h"

#include <utility>

#include "wire/id_codec.h"
#include "wire/raft_codec.h"

namespace ringfort::wire {

void EncodeCopy(const raft::Copy& copy, proto::ShardCopy* out) {
  out->set_node(copy.member.node.value());
  out->set_incarnation(EncodeId(copy.member.incarnation));
  out->set_replica(copy.member.id.value());
  out->set_term(copy.term.value());
  out->set_last_index(copy.last.value());
  out->set_last_term(copy.last_term.value());
  EncodeMembers(copy.members, out->mutable_members());
  out->set_unsure(copy.unsure);
  out->set_has_primary(copy.has_primary);
  out->set_known_epoch(copy.known_epoch);
}

Result<raft::Copy> DecodeCopy(const proto::ShardCopy& in) {
  if (in.node() == 0 || in.replica() == 0) {
    return Status(Code::kCorruption, "a copy of a shard is described without its node or replica");
  }
  raft::Copy copy;
  Result<Incarnation> incarnation = DecodeId<Incarnation>(in.incarnation(), "an incarnation");
  if (!incarnation.ok()) return Status(Code::kCorruption, incarnation.status().message());
  copy.member = {ReplicaId(in.replica()), NodeId(in.node()), *incarnation};
  copy.term = Term(in.term());
  copy.last = LogIndex(in.last_index());
  copy.last_term = Term(in.last_term());
  if (!in.members().voters().empty()) {
    Result<raft::Members> members = DecodeMembers(in.members());
    if (!members.ok()) return members.status();
    copy.members = *std::move(members);
  }
  copy.unsure = in.unsure();
  copy.damaged = !in.damage().empty();
  copy.has_primary = in.has_primary();
  copy.known_epoch = in.known_epoch();
  return copy;
}

}  // namespace ringfort::wire

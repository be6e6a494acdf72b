// What consensus says and keeps, as it travels and as it lies on disk. Slices of a log are checked
// here, where bytes become objects, and trusted inside.
#pragma once

#include "base/ids.h"
#include "raft/message.h"
#include "raft/types.h"
#include "ringfort/peer.pb.h"
#include "ringfort/status.h"

namespace ringfort::wire {

void EncodeMembers(const raft::Members& members, proto::Members* out);
/// kCorruption unless there is a voter, every member has a replica id and a node, and no replica id
/// stands twice in a list or for two different members.
Result<raft::Members> DecodeMembers(const proto::Members& in);

/// One member, for lists of other messages.
void EncodeMember(const raft::Member& member, proto::Member* out);
Result<raft::Member> DecodeMember(const proto::Member& in);

void EncodeMessage(ShardId shard, const raft::Message& message, proto::RaftMessage* out);

struct ShardMessage {
  ShardId shard;
  raft::Message message;
};

/// kInvalidArgument for what no correct node sends: no body, no sender or receiver, a term of 0 but
/// in a vote's reply, entries that do not follow `previous` without a gap, whose terms fall or pass
/// the message's, or whose kind is unknown; an index of `previous` without a term, or the reverse.
/// Takes the entries' data out of `in`.
Result<ShardMessage> DecodeMessage(proto::RaftMessage&& in);

}  // namespace ringfort::wire

// Between raft's messages and the wire's, in both directions.
#include "wire/raft_codec.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "features/features.h"
#include "raft/members.h"
#include "wire/id_codec.h"

namespace ringfort::wire {
namespace {

// Far more than any promise; what is added to a clock must not overflow.
constexpr Duration kBoundMax = std::chrono::hours(1);

Status Bad(std::string what) {
  return {Code::kInvalidArgument, "a peer sent a raft message " + std::move(what) +
                                      "; use programs of one release on every node"};
}

Status BadMembers(std::string what) {
  return {Code::kCorruption, "a list of members " + std::move(what) +
                                 "; the replica that holds it must be rebuilt from its peers"};
}

void EncodeList(const std::vector<raft::Member>& list,
                google::protobuf::RepeatedPtrField<proto::Member>* out) {
  out->Reserve(static_cast<int>(list.size()));
  for (const raft::Member& member : list) EncodeMember(member, out->Add());
}

Status DecodeList(const google::protobuf::RepeatedPtrField<proto::Member>& in,
                  std::vector<raft::Member>* out) {
  out->reserve(static_cast<std::size_t>(in.size()));
  for (const proto::Member& from : in) {
    Result<raft::Member> member = DecodeMember(from);
    if (!member.ok()) return member.status();
    const bool twice = std::any_of(out->begin(), out->end(),
                                   [&](const raft::Member& m) { return m.id == member->id; });
    if (twice) return BadMembers("has a replica id twice");
    out->push_back(*std::move(member));
  }
  return Status::Ok();
}

/// A member may be in `voters` and `outgoing` at once, but then it is the same member.
Status CheckOneMemberAnId(const raft::Members& members) {
  std::vector<raft::Member> all = members.voters;
  all.insert(all.end(), members.outgoing.begin(), members.outgoing.end());
  all.insert(all.end(), members.learners.begin(), members.learners.end());
  std::sort(all.begin(), all.end(),
            [](const raft::Member& a, const raft::Member& b) { return a.id < b.id; });
  for (std::size_t i = 1; i < all.size(); ++i) {
    if (all[i].id == all[i - 1].id && all[i] != all[i - 1]) {
      return BadMembers("has one replica id for two members");
    }
  }
  return Status::Ok();
}

void EncodeBody(const raft::VoteRequest& body, proto::RaftMessage* out) {
  proto::VoteRequest* to = out->mutable_vote_request();
  to->set_pre_vote(body.pre_vote);
  to->set_last_index(body.last_index.value());
  to->set_last_term(body.last_term.value());
  to->set_transfer_from(body.transfer_from.value());
}

void EncodeBody(const raft::VoteReply& body, proto::RaftMessage* out) {
  proto::VoteReply* to = out->mutable_vote_reply();
  to->set_pre_vote(body.pre_vote);
  to->set_granted(body.granted);
  to->set_unsure(body.unsure);
  to->set_bound_left_ns(static_cast<std::uint64_t>(std::max(body.bound_left, Duration(0)).count()));
}

void EncodeBody(const raft::AppendRequest& body, proto::RaftMessage* out) {
  proto::AppendRequest* to = out->mutable_append_request();
  to->set_previous_index(body.previous_index.value());
  to->set_previous_term(body.previous_term.value());
  to->set_commit(body.commit.value());
  to->set_primary_last(body.primary_last.value());
  to->set_everywhere(body.everywhere.value());
  to->mutable_entries()->Reserve(static_cast<int>(body.entries.size()));
  for (const raft::Entry& entry : body.entries) {
    proto::LogEntry* one = to->add_entries();
    one->set_term(entry.term.value());
    one->set_index(entry.index.value());
    one->set_kind(static_cast<std::uint32_t>(entry.kind));
    one->set_data(entry.data.view().data(), entry.data.size());
  }
}

void EncodeBody(const raft::AppendReply& body, proto::RaftMessage* out) {
  proto::AppendReply* to = out->mutable_append_reply();
  to->set_accepted(body.accepted);
  to->set_match(body.match.value());
  to->set_hint_term(body.hint_term.value());
  to->set_refused_index(body.refused_index.value());
  to->set_last_index(body.last_index.value());
  to->set_commit(body.commit.value());
  to->set_unsure(body.unsure);
  to->set_diverged(body.diverged);
  to->set_damaged(body.damaged);
  to->set_wants_snapshot(body.wants_snapshot);
}

void EncodeBody(const raft::ReadProbe& body, proto::RaftMessage* out) {
  out->mutable_read_probe()->set_round(body.round);
}

void EncodeBody(const raft::ReadProbeReply& body, proto::RaftMessage* out) {
  out->mutable_read_probe_reply()->set_round(body.round);
}

void EncodeBody(const raft::TimeoutNow&, proto::RaftMessage* out) {
  out->mutable_timeout_now();
}

Result<raft::Body> DecodeAppend(Term message_term, proto::AppendRequest* in) {
  raft::AppendRequest body;
  body.previous_index = LogIndex(in->previous_index());
  body.previous_term = Term(in->previous_term());
  body.commit = LogIndex(in->commit());
  body.primary_last = LogIndex(in->primary_last());
  body.everywhere = LogIndex(in->everywhere());
  if ((body.previous_index == LogIndex(0)) != (body.previous_term == Term(0))) {
    return Bad("whose previous entry has an index or a term of 0, but not both");
  }
  if (body.previous_term > message_term) return Bad("whose previous term is above its own");
  LogIndex index = body.previous_index;
  Term term = body.previous_term;
  body.entries.reserve(static_cast<std::size_t>(in->entries_size()));
  for (proto::LogEntry& from : *in->mutable_entries()) {
    // At the largest index, + 1 would be 0 again, which is before the first entry.
    if (from.index() != index.value() + 1 || from.index() == 0) {
      return Bad("whose entries leave a gap");
    }
    if (from.term() < term.value() || from.term() == 0) return Bad("whose entries' terms fall");
    if (from.term() > message_term.value()) return Bad("with an entry of a term above its own");
    if (from.kind() > static_cast<std::uint32_t>(raft::EntryKind::kMembers)) {
      return features::UnknownFormat("a log entry of kind " + std::to_string(from.kind()) + ",");
    }
    const bool members = from.kind() == static_cast<std::uint32_t>(raft::EntryKind::kMembers);
    if (members) {
      const Result<raft::Members> read = raft::DecodeMembers(from.data());
      if (read.status().code() == Code::kUnsupported) return read.status();
      if (!read.ok() || read->voters.empty()) {
        return Bad("with members that are not read, or no voter");
      }
    }
    index = LogIndex(from.index());
    term = Term(from.term());
    body.entries.push_back(
        {term, index, static_cast<raft::EntryKind>(from.kind()),
         from.data().empty() ? SharedBytes() : SharedBytes(std::move(*from.mutable_data()))});
  }
  return raft::Body(std::move(body));
}

Result<raft::Body> DecodeVoteReply(const proto::VoteReply& in) {
  if (in.bound_left_ns() > static_cast<std::uint64_t>(kBoundMax.count())) {
    return Bad("with a bound that no promise can have");
  }
  return raft::Body(raft::VoteReply{in.pre_vote(), in.granted(), in.unsure(),
                                    Duration(static_cast<Duration::rep>(in.bound_left_ns()))});
}

raft::AppendReply DecodeAppendReply(const proto::AppendReply& in) {
  raft::AppendReply body;
  body.accepted = in.accepted();
  body.match = LogIndex(in.match());
  body.hint_term = Term(in.hint_term());
  body.refused_index = LogIndex(in.refused_index());
  body.last_index = LogIndex(in.last_index());
  body.commit = LogIndex(in.commit());
  body.unsure = in.unsure();
  body.diverged = in.diverged();
  body.damaged = in.damaged();
  body.wants_snapshot = in.wants_snapshot();
  return body;
}

Result<raft::Body> DecodeBody(proto::RaftMessage* in) {
  switch (in->body_case()) {
    case proto::RaftMessage::kVoteRequest: {
      const proto::VoteRequest& from = in->vote_request();
      return raft::Body(raft::VoteRequest{from.pre_vote(), LogIndex(from.last_index()),
                                          Term(from.last_term()), ReplicaId(from.transfer_from())});
    }
    case proto::RaftMessage::kVoteReply: return DecodeVoteReply(in->vote_reply());
    case proto::RaftMessage::kAppendRequest:
      return DecodeAppend(Term(in->term()), in->mutable_append_request());
    case proto::RaftMessage::kAppendReply: return raft::Body(DecodeAppendReply(in->append_reply()));
    case proto::RaftMessage::kReadProbe:
      return raft::Body(raft::ReadProbe{in->read_probe().round()});
    case proto::RaftMessage::kReadProbeReply:
      return raft::Body(raft::ReadProbeReply{in->read_probe_reply().round()});
    case proto::RaftMessage::kTimeoutNow: return raft::Body(raft::TimeoutNow{});
    case proto::RaftMessage::BODY_NOT_SET: break;
  }
  return Bad("without a body that is known here");
}

}  // namespace

void EncodeMember(const raft::Member& member, proto::Member* out) {
  out->set_replica(member.id.value());
  out->set_node(member.node.value());
  out->set_incarnation(EncodeId(member.incarnation));
  out->set_promote(member.promote);
}

Result<raft::Member> DecodeMember(const proto::Member& in) {
  if (in.replica() == 0 || in.node() == 0)
    return BadMembers("has one without a replica id or node");
  Result<Incarnation> incarnation = DecodeId<Incarnation>(in.incarnation(), "an incarnation");
  if (!incarnation.ok()) return incarnation.status();
  return raft::Member{ReplicaId(in.replica()), NodeId(in.node()), *incarnation, in.promote()};
}

void EncodeMembers(const raft::Members& members, proto::Members* out) {
  out->Clear();
  EncodeList(members.voters, out->mutable_voters());
  EncodeList(members.outgoing, out->mutable_outgoing());
  EncodeList(members.learners, out->mutable_learners());
  out->set_newest_id(members.newest_id.value());
  out->set_index(members.index.value());
  out->set_format(static_cast<std::uint32_t>(members.format));
  out->set_epoch(members.epoch);
}

Result<raft::Members> DecodeMembers(const proto::Members& in) {
  raft::Members members;
  if (in.voters().empty()) return BadMembers("has no voter");
  if (Status s = DecodeList(in.voters(), &members.voters); !s.ok()) return s;
  if (Status s = DecodeList(in.outgoing(), &members.outgoing); !s.ok()) return s;
  if (Status s = DecodeList(in.learners(), &members.learners); !s.ok()) return s;
  if (Status s = CheckOneMemberAnId(members); !s.ok()) return s;
  members.newest_id = ReplicaId(in.newest_id());
  members.index = LogIndex(in.index());
  if (in.format() > static_cast<std::uint32_t>(raft::MembersFormat::kNumbered)) {
    return features::UnknownFormat("a list of members, of format " + std::to_string(in.format()) +
                                   ",");
  }
  members.format = static_cast<raft::MembersFormat>(in.format());
  members.epoch = in.epoch();
  if (members.epoch != 0 && members.format == raft::MembersFormat::kPlain) {
    return BadMembers("has an epoch, which its format does not know");
  }
  return members;
}

void EncodeMessage(ShardId shard, const raft::Message& message, proto::RaftMessage* out) {
  out->Clear();
  out->set_shard(shard.value());
  out->set_from(message.from.value());
  out->set_to(message.to.value());
  out->set_term(message.term.value());
  out->set_epoch(message.epoch);
  std::visit([out](const auto& body) { EncodeBody(body, out); }, message.body);
}

Result<ShardMessage> DecodeMessage(proto::RaftMessage&& in) {
  if (in.from() == 0 || in.to() == 0) return Bad("without a sender or a receiver");
  // A voter that has seen no term yet refuses in term 0.
  if (in.term() == 0 && !in.has_vote_reply()) return Bad("of term 0");
  Result<raft::Body> body = DecodeBody(&in);
  if (!body.ok()) return body.status();
  return ShardMessage{
      ShardId(in.shard()),
      {ReplicaId(in.from()), ReplicaId(in.to()), Term(in.term()), *std::move(body), in.epoch()}};
}

}  // namespace ringfort::wire

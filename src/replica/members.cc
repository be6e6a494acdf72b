// A replica's members as its node and operators see them: handing the role over, changes, and
// replicas that are members no more (protocols 6 and 10).
#include <algorithm>

#include "raft/quorum.h"
#include "replica/replica.h"
#include "wire/copy_codec.h"
#include "wire/id_codec.h"
#include "wire/raft_codec.h"

namespace ringfort::replica {
namespace {

// How long no primary is heard of before a replica doubts that it is still a member; and how long
// it waits before it asks again.
constexpr Duration kAloneMax = std::chrono::seconds(3);
// Figures of a report are coarse, so that it is not new with every request.
constexpr std::uint64_t kBytesGrain = std::uint64_t{1} << 20;
constexpr std::uint64_t kLoadGrain = 5'000'000;
// Who lacks more entries than this has not caught up, though it is being sent them.
constexpr std::uint64_t kLagMax = 10'000;

// Caught up: what it lacks is on its way.
bool KeepsUp(const raft::Progress* progress) {
  return progress != nullptr && progress->connected && progress->counted &&
         progress->state == raft::Progress::State::kReplicate;
}

// Of a voter or learner, null: there is none.
const raft::Member* MemberOn(const raft::Members& members, NodeId node) {
  for (const auto* list : {&members.voters, &members.learners}) {
    const auto found = std::ranges::find(*list, node, &raft::Member::node);
    if (found != list->end()) return &*found;
  }
  return nullptr;
}

}  // namespace

Status Replica::TransferTo(NodeId node, MonotonicTime now) {
  const ReplicaId target = ReplicaOn(node);
  const Status status = raft_.TransferTo(now, target);
  if (status.ok()) handed_to_ = target;
  host_->Wake(this);
  return status;
}

bool Replica::HandOver(const std::function<bool(NodeId)>& may_lead, MonotonicTime now) {
  if (raft_.role() != raft::Role::kPrimary || raft_.transferring_to()) return true;
  const ReplicaId successor = raft_.BestSuccessor(
      [&](const raft::Member& voter) { return may_lead == nullptr || may_lead(voter.node); });
  return successor != ReplicaId() && TransferTo(NodeOf(successor), now).ok();
}

Result<LogIndex> Replica::ChangeMembers(const raft::MembersChange& change, MonotonicTime now) {
  Result<LogIndex> index = raft_.ChangeMembers(now, change);
  host_->Wake(this);
  return index;
}

bool Replica::Needs(NodeId node) const {
  if (raft_.role() != raft::Role::kPrimary) return false;
  const ReplicaId leaver = ReplicaOn(node);
  if (!raft::IsVoter(raft_.members(), leaver)) return false;
  return !raft::QuorumHolds(raft_.members(), [&](ReplicaId id) {
    if (id == raft_.self()) return true;
    return id != leaver && KeepsUp(ProgressOf(id));
  });
}

bool Replica::IsWhole(ReplicaId id) const {
  if (id == raft_.self()) return damage_.empty();
  const raft::Progress* progress = ProgressOf(id);
  return KeepsUp(progress) && !progress->damaged;
}

// What the meta group's primary wants, and says (protocols 6).

Result<raft::MembersChange> Replica::ChangeOf(const proto::ShardOrder& order) const {
  raft::MembersChange change;
  change.expected = LogIndex(order.members_index());
  const raft::Members& members = raft_.members();
  for (const std::uint32_t node : order.change().voters()) {
    const raft::Member* member = MemberOn(members, NodeId(node));
    if (member == nullptr) {
      return Status(Code::kConditionFailed,
                    "node " + std::to_string(node) + " is no member (it is made a learner first)");
    }
    change.voters.push_back(*member);
  }
  for (const proto::NewLearner& learner : order.change().learners()) {
    const Result<Incarnation> incarnation =
        wire::DecodeId<Incarnation>(learner.incarnation(), "a learner's incarnation");
    if (!incarnation.ok()) return incarnation.status();
    raft::Member wanted{ReplicaId(), NodeId(learner.node()), *incarnation};
    const raft::Member* member = MemberOn(members, wanted.node);
    if (member != nullptr && member->incarnation == *incarnation) wanted = *member;
    change.learners.push_back(wanted);
  }
  return change;
}

// What the order follows from may be old: that it takes no healthy voter away is judged here, too.
Status Replica::CheckHealth(const raft::MembersChange& change) const {
  const auto healthy = [this](const std::vector<raft::Member>& voters) {
    return std::ranges::count_if(voters,
                                 [this](const raft::Member& voter) { return IsWhole(voter.id); });
  };
  const auto wanted =
      std::min(healthy(raft_.members().voters), static_cast<std::ptrdiff_t>(change.voters.size()));
  if (healthy(change.voters) >= wanted) return Status::Ok();
  return Status(Code::kUnavailable,
                "fewer of the voters would keep up than do now (it is tried again)");
}

void Replica::Obey(const proto::ShardOrder& order, MonotonicTime now) {
  if (stopped_ || LogIndex(order.members_index()) != raft_.members().index) return;
  Status status;
  if (order.has_change()) {
    const Result<raft::MembersChange> change = ChangeOf(order);
    status = change.ok() ? CheckHealth(*change) : change.status();
    if (status.ok()) status = ChangeMembers(*change, now).status();
  } else if (!raft_.transferring_to()) {
    status = TransferTo(NodeId(order.transfer_to()), now);
  }
  refused_order_ = status.ok() ? "" : status.message();
}

void Replica::FillReport(proto::LedReport* report, MonotonicTime now) {
  report->set_shard(shard_.value());
  report->set_term(raft_.term().value());
  report->set_changing(raft_.commit() < raft_.members().index || !raft_.serving());
  wire::EncodeMembers(raft_.members(), report->mutable_members());
  const std::uint64_t bytes = DataBytes();
  report->set_data_bytes(bytes - bytes % kBytesGrain);
  proto::ReplicaLoad load;
  std::size_t no_keys = 0;
  load_.Fill(&load, now, &no_keys);
  const auto time =
      static_cast<std::uint64_t>(load.loop_ns_per_second() + load.pool_ns_per_second());
  report->set_load_ns(time - time % kLoadGrain);
  report->set_refused(refused_order_);
  for (const auto& [id, progress] : raft_.progress()) {
    proto::FollowerReport* follower = report->add_followers();
    follower->set_node(NodeOf(id).value());
    const bool votes = raft::IsVoter(raft_.members(), id);
    const bool close = raft_.log().last_index() - progress.match <= kLagMax;
    follower->set_caught_up(IsWhole(id) && (votes ? close : progress.caught_up));
    const auto sender = senders_.find(id);
    if (sender == senders_.end()) continue;
    follower->set_sent_bytes(sender->second->sent_bytes());
    follower->set_total_bytes(sender->second->total_bytes());
  }
}

// To ask the store takes a lock: not for thousands of shards at which nothing happens.
std::uint64_t Replica::DataBytes() {
  if (data_bytes_at_ != raft_.applied()) {
    data_bytes_ = data_->size_bytes();
    data_bytes_at_ = raft_.applied();
  }
  return data_bytes_;
}

bool Replica::IsSettled() const {
  if (!raft_.MayVote()) return true;
  return raft_.serving() || (raft_.follows().has_value() && !raft_.unsure());
}

void Replica::AskWhetherMember(MonotonicTime now) {
  if (raft_.HasLivePrimary(now)) {
    alone_since_ = kNever;
    return;
  }
  if (alone_since_ == kNever) alone_since_ = now;
  if (now - alone_since_ < kAloneMax) return;
  if (asked_membership_at_ != kNever && now - asked_membership_at_ < kAloneMax) return;
  asked_membership_at_ = now;
  proto::PeerMessage message;
  proto::OrphanQuestion* question = message.mutable_orphan_question();
  question->set_shard(shard_.value());
  question->set_replica(raft_.self().value());
  question->set_epoch(raft_.epoch());
  host_->SendToAll(message);
}

// Only a primary confirmed by ReadIndex, and by the members that are committed, may say so. While a
// change of them is under way nothing is said: it is asked again.
//
// Nor while no member is known to be whole: what was removed may be the last good copy.
void Replica::OnOrphanQuestion(NodeId from, ReplicaId orphan, MonotonicTime now) {
  if (!raft_.serving() || raft_.members().joint()) return;
  if (raft_.commit() < raft_.members().index) return;
  bool member = false;
  bool any_whole = false;
  raft::ForEachMember(raft_.members(), [&](const raft::Member& one) {
    member = member || one.id == orphan;
    any_whole = any_whole || IsWhole(one.id);
  });
  if (member || !any_whole) return;
  orphans_.emplace(raft_.QueueRead(now), std::pair(from, orphan));
  host_->Wake(this);
}

void Replica::AnswerOrphan(NodeId node, ReplicaId orphan) {
  proto::PeerMessage message;
  proto::OrphanAnswer* answer = message.mutable_orphan_answer();
  answer->set_shard(shard_.value());
  answer->set_replica(orphan.value());
  host_->Send(node, message);
}

void Replica::OnOrphanAnswer(ReplicaId orphan) {
  if (orphan != raft_.self()) return;
  host_->OnRemoved(this, "it is no member any more");
}

void Replica::FillCopy(proto::ShardCopy* copy, MonotonicTime now) const {
  raft::Copy self;
  self.member.id = raft_.self();
  self.term = raft_.term();
  self.last = raft_.log().last_index();
  self.last_term = raft_.log().last_term();
  self.members = raft_.members();
  self.unsure = raft_.unsure();
  self.has_primary = raft_.HasLivePrimary(now);
  wire::EncodeCopy(self, copy);
  copy->set_applied(raft_.applied().value());
  copy->set_damage(damage_);
  copy->set_data_bytes(data_->size_bytes());
}

bool Replica::IsSilent() const {
  return raft_.IsSilent() && damage_.empty() && write_mail_.empty() && read_mail_.empty() &&
         writes_.empty() && unconfirmed_reads_.empty() && waiting_reads_.empty() &&
         after_sync_.empty() && outbox_.empty() && orphans_.empty() && !applying_in_pool_ &&
         senders_.empty() && receiver_->idle();
}

}  // namespace ringfort::replica

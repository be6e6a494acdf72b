// Dispatch and the Ready; each concern is in a file of its own.
#include "raft/raft.h"

#include <algorithm>
#include <type_traits>
#include <utility>

#include "base/check.h"
#include "raft/quorum.h"

namespace ringfort::raft {
namespace {

template <typename... Visitors>
struct Overloaded : Visitors... {
  using Visitors::operator()...;
};
template <typename... Visitors>
Overloaded(Visitors...) -> Overloaded<Visitors...>;

}  // namespace

Raft::Raft(Options options, ReplicaId self, Restored restored, Random random, MonotonicTime now)
    : options_(options),
      self_(self),
      random_(random),
      hard_state_(restored.hard_state),
      log_(std::move(restored.base), restored.last, std::move(restored.terms),
           restored.members_entries),
      commit_(restored.applied),
      applied_(restored.applied),
      durable_(restored.last),
      everywhere_(log_.base().index),
      bound_(now + options.longest_promise) {
  RF_CHECK(applied_ >= log_.base().index && applied_ <= log_.last_index());
  if (unsure()) sure_from_ = now + 2 * options_.election_timeout;
  // The preferred primary tries first; the others leave it time.
  election_at_ = now + RankPause(std::chrono::milliseconds(100));
}

bool Raft::IsMember(ReplicaId id) const {
  bool found = false;
  ForEachMember(members(), [&](const Member& member) { found = found || member.id == id; });
  return found;
}

bool Raft::MayVote() const {
  return IsVoter(members(), self_);
}

// Also who is a voter no more, by a change that may not be committed: the others may lack it, and
// need this replica's vote or its log (thesis 4.2.2). Changes before the newest are committed.
bool Raft::MayCampaign() const {
  if (MayVote()) return true;
  const LogIndex newest = members().index;
  return newest > commit_ && IsVoter(log_.MembersAt(newest - 1), self_);
}

Progress* Raft::FindProgress(ReplicaId id) {
  const auto found = progress_.find(id);
  return found == progress_.end() ? nullptr : &found->second;
}

void Raft::SetHardState(Term term, ReplicaId vote) {
  RF_CHECK(term >= hard_state_.term);
  hard_state_.term = term;
  hard_state_.vote = vote;
  hard_state_changed_ = true;
}

void Raft::SendIn(Term term, ReplicaId to, Body body) {
  messages_.push_back(Message{self_, to, term, std::move(body), epoch()});
}

void Raft::SendAfterSync(ReplicaId to, Body body) {
  after_sync_.push_back(Message{self_, to, hard_state_.term, std::move(body), epoch()});
}

void Raft::Step(MonotonicTime now, const Message& message) {
  if (message.to != self_ || message.from == self_) return;
  // The shard was begun anew without one of the two: what they say to each other counts for
  // nothing.
  if (message.epoch != epoch()) return;
  if (const auto* request = std::get_if<VoteRequest>(&message.body)) {
    OnVoteRequest(now, message, *request);
    return;
  }
  if (const auto* reply = std::get_if<VoteReply>(&message.body);
      reply != nullptr && reply->pre_vote && reply->granted) {
    OnVoteReply(now, message, *reply);  // Carries the term that would come, not one that is.
    return;
  }
  const bool from_primary = std::holds_alternative<AppendRequest>(message.body) ||
                            std::holds_alternative<ReadProbe>(message.body) ||
                            std::holds_alternative<TimeoutNow>(message.body);
  if (!from_primary && !IsMember(message.from)) return;
  if (message.term > term()) {
    BecomeFollower(now, message.term, from_primary ? message.from : ReplicaId());
  } else if (message.term < term()) {
    // A primary of the past: the answer's term tells it so.
    if (from_primary) SendAfterSync(message.from, AppendReply{});
    return;
  }
  std::visit(Overloaded{
                 [](const VoteRequest&) {},
                 [&](const VoteReply& reply) { OnVoteReply(now, message, reply); },
                 [&](const AppendRequest& request) { OnAppendRequest(now, message, request); },
                 [&](const AppendReply& reply) { OnAppendReply(now, message, reply); },
                 [&](const ReadProbe& probe) { OnReadProbe(now, message, probe); },
                 [&](const ReadProbeReply& reply) { OnReadProbeReply(now, message, reply); },
                 [&](const TimeoutNow&) { OnTimeoutNow(now, message); },
             },
             message.body);
}

void Raft::Tick(MonotonicTime now) {
  if (role_ == Role::kPrimary) {
    CheckQuorum(now);
    if (role_ != Role::kPrimary) return;
    waited_ = waited_ || now >= commit_from_;
    AdvanceCommit(now);
    CountRounds(now);
    ContinueTransfer(now);
    MaintainMembers(now);
    if (role_ != Role::kPrimary) return;
    RetryReplication(now);
    ConfirmToUnsure(now);
    FinishReads(now);
  } else if (now >= election_at_) {
    if (MayCampaign()) {
      StartPreVote(now);
    } else {
      election_at_ = now + ElectionPause();  // A learner never campaigns, but may become a voter.
    }
  }
  BecomeSureIfCaughtUp(now);
}

MonotonicTime Raft::next_wakeup() const {
  if (role_ != Role::kPrimary) return election_at_;
  return serving() || waited_ ? kForever : commit_from_;
}

void Raft::OnPersisted(MonotonicTime now, std::uint64_t persist_id) {
  while (!storing_.empty() && storing_.front().persist_id <= persist_id) {
    durable_ = std::max(durable_, storing_.front().last);
    storing_.pop_front();
  }
  if (follow_persist_id_ != 0 && persist_id >= follow_persist_id_) {
    follow_persist_id_ = 0;
    follows_ = term();
  }
  if (own_vote_persist_id_ != 0 && persist_id >= own_vote_persist_id_) {
    own_vote_persist_id_ = 0;
    votes_[self_] = Grant{true, unsure()};
    if (now < election_at_ && ElectionWon()) BecomePrimary(now);
  }
  BecomeSureIfCaughtUp(now);
  AdvanceCommit(now);
  EvictCache();
}

void Raft::OnApplied(LogIndex index) {
  RF_CHECK(index >= applied_ && index <= applicable());
  applied_ = index;
  EvictCache();
}

std::optional<Term> Raft::follows() const {
  return role_ == Role::kPrimary || unsure() ? std::nullopt : follows_;
}

bool Raft::HasReady() const {
  return !messages_.empty() || !after_sync_.empty() || !unstored_.empty() || hard_state_changed_ ||
         new_base_ || !fetches_.empty() || !snapshots_.empty() || !ready_reads_.empty() ||
         replicate_wanted_;
}

Ready Raft::TakeReady(MonotonicTime now) {
  if (replicate_wanted_) Replicate(now);
  Ready ready;
  ready.messages.swap(messages_);
  ready.messages_after_sync.swap(after_sync_);
  ready.entries.swap(unstored_);
  ready.fetches.swap(fetches_);
  ready.snapshots.swap(snapshots_);
  ready.reads.swap(ready_reads_);
  ready.base.swap(new_base_);
  if (hard_state_changed_ || ready.base) ready.hard_state = hard_state_;
  for (Message& message : ready.messages_after_sync) {
    if (auto* reply = std::get_if<VoteReply>(&message.body); reply != nullptr && reply->granted) {
      const MonotonicTime bound = BoundWithout(vote_transfer_from_, term() - 1);
      reply->bound_left = bound == kNever ? Duration(0) : std::max(Duration(0), bound - now);
    }
  }
  if (ready.stores() || !ready.messages_after_sync.empty()) {
    ready.persist_id = next_persist_id_++;
    if (!ready.entries.empty()) storing_.push_back({ready.persist_id, ready.entries.back().index});
    if (follow_wanted_ && follow_persist_id_ == 0) follow_persist_id_ = ready.persist_id;
    follow_wanted_ = false;
    if (hard_state_changed_ && role_ == Role::kCandidate) own_vote_persist_id_ = ready.persist_id;
    hard_state_changed_ = false;
  }
  return ready;
}

}  // namespace ringfort::raft

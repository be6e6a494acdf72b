#include "replica/replica.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "features/features.h"
#include "raft/quorum.h"

namespace ringfort::replica {
namespace {

// Those who ask without being known here: a few candidates at most.
constexpr std::size_t kStrangersMax = 16;

}  // namespace

Replica::Replica(ReplicaOptions options, ShardId shard, ReplicaId self,
                 storage::Generation generation, raft::Restored restored,
                 std::shared_ptr<storage::ShardData> data, std::unique_ptr<StateMachine> machine,
                 storage::LogStore* log, storage::ShardStore* store, LivenessCell* cell, Host* host,
                 Random random)
    : options_(options),
      shard_(shard),
      generation_(generation),
      raft_(options.raft, self, std::move(restored), random.Fork(), host->Now()),
      data_(std::move(data)),
      machine_(std::move(machine)),
      log_(log),
      store_(store),
      cell_(cell),
      host_(host),
      random_(random),
      receiver_(MakeReceiver()),
      last_generation_(generation),
      load_(shard.value()),
      apply_blocked_(machine_ == nullptr) {
  if (machine_ != nullptr) {
    RF_CHECK(machine_->applied().index == raft_.applied());
    session_time_ = machine_->session_time();
    session_count_ = machine_->session_count();
  }
  cell_->Publish(Term(), NodeId());
  cell_->PublishTerm(raft_.term());
  cell_->PublishReplica(self);
  if (const Status damage = data_->damage(); !damage.ok()) NoteDamage(damage);
  RF_CHECK(machine_ != nullptr || !damage_.empty());
}

NodeId Replica::NodeOf(ReplicaId id) const {
  NodeId node;
  raft::ForEachMember(raft_.members(), [&](const raft::Member& member) {
    if (member.id == id) node = member.node;
  });
  if (node != NodeId()) return node;
  const auto stranger = strangers_.find(id);
  return stranger == strangers_.end() ? NodeId() : stranger->second;
}

ReplicaId Replica::ReplicaOf(const env::PeerIdentity& peer) const {
  ReplicaId id;
  raft::ForEachMember(raft_.members(), [&](const raft::Member& member) {
    if (member.node == peer.node && member.incarnation == peer.incarnation) id = member.id;
  });
  return id;
}

const raft::Progress* Replica::ProgressOf(ReplicaId id) const {
  const auto found = raft_.progress().find(id);
  return found == raft_.progress().end() ? nullptr : &found->second;
}

ReplicaId Replica::ReplicaOn(NodeId node) const {
  ReplicaId id;
  raft::ForEachMember(raft_.members(), [&](const raft::Member& member) {
    if (member.node == node) id = member.id;
  });
  return id;
}

std::vector<NodeId> Replica::PeerNodes() const {
  std::vector<NodeId> nodes;
  raft::ForEachMember(raft_.members(), [&](const raft::Member& member) {
    if (member.id != raft_.self()) nodes.push_back(member.node);
  });
  return nodes;
}

bool Replica::IsGenuine(ReplicaId id, const env::PeerIdentity& from) const {
  bool genuine = true;
  raft::ForEachMember(raft_.members(), [&](const raft::Member& member) {
    if (member.id == id)
      genuine = member.node == from.node && member.incarnation == from.incarnation;
  });
  return genuine;
}

void Replica::NoteStranger(ReplicaId id, NodeId node) {
  bool known = false;
  raft::ForEachMember(raft_.members(),
                      [&](const raft::Member& member) { known = known || member.id == id; });
  if (known) return;
  if (strangers_.size() >= kStrangersMax) strangers_.clear();
  strangers_[id] = node;
}

// Events.

void Replica::Receive(const env::PeerIdentity& from, const raft::Message& message,
                      MonotonicTime now) {
  if (message.epoch != raft_.epoch()) {
    host_->OnOtherEpoch(*this, from.node, message.epoch);
    return;
  }
  if (!IsGenuine(message.from, from)) return;
  NoteStranger(message.from, from.node);
  raft_.Step(now, message);
  host_->Wake(this);
}

void Replica::Tick(MonotonicTime now) {
  if (stopped_) return;
  raft_.Tick(now);
  TurnSenders();
  receiver_->Tick(raft_.term());
  if (requests_expired_at_ == kNever ||
      now - requests_expired_at_ > std::chrono::milliseconds(50)) {
    requests_expired_at_ = now;
    ExpireRequests(now);
  }
  // A tick may end the role, or commit what nobody needs to be told of.
  const bool leads = raft_.role() == raft::Role::kPrimary;
  const bool applies =
      raft_.applicable() > raft_.applied() && !applying_in_pool_ && !apply_blocked_;
  apply_due_ = apply_due_ || applies;
  if (!write_mail_.empty()) host_->Wake(this);  // It waited for a transfer that may be over.
  AskWhetherMember(now);
  ContinueRepair(now);
  InstallImport();
  if (raft_.HasReady() || applies || leads != leads_.has_value()) host_->Wake(this);
}

void Replica::OnHeartbeat(NodeId primary, Term term, MonotonicTime now) {
  if (NodeOf(raft_.primary()) == primary) raft_.OnHeartbeat(now, raft_.primary(), term);
}

void Replica::OnPromise(const env::PeerIdentity& from, Term term, MonotonicTime sent_at,
                        MonotonicTime now) {
  raft_.OnPromise(now, ReplicaOf(from), term, sent_at);
}

void Replica::OnNamed(const env::PeerIdentity& from, Term term, ReplicaId hosted,
                      MonotonicTime sent_at, MonotonicTime now) {
  // An older replica than the member, or none, or in another directory: the member is not there.
  // (What was said before it was made may come after the news that it was.)
  const ReplicaId member = ReplicaOn(from.node);
  if (hosted < member || (member != ReplicaId() && ReplicaOf(from) != member)) {
    if (sent_at > made_follower_at_) raft_.OnAbsent(member, from.incarnation);
  } else {
    raft_.OnNamed(now, ReplicaOf(from), term);
  }
  host_->Wake(this);
}

void Replica::OnNodeGone(NodeId node, MonotonicTime now) {
  if (const ReplicaId id = ReplicaOn(node); id != ReplicaId()) raft_.OnGone(id);
  if (raft_.primary() == ReplicaId() || NodeOf(raft_.primary()) != node) return;
  raft_.OnPrimaryGone(now);
  host_->WakeAt(this, raft_.next_wakeup());
}

void Replica::OnUnlisted(NodeId node, Term term, MonotonicTime now) {
  if (term != raft_.term() || node != NodeOf(raft_.primary())) return;
  raft_.OnPrimaryGone(now);
  host_->WakeAt(this, raft_.next_wakeup());
}

void Replica::OnNodeConnected(NodeId node, MonotonicTime now) {
  raft_.OnConnected(now, ReplicaOn(node));
  if (const auto sender = senders_.find(ReplicaOn(node)); sender != senders_.end()) {
    sender->second->OnConnected();
  }
  host_->Wake(this);
}

void Replica::StepDown(MonotonicTime now) {
  raft_.StepDown(now);
  host_->Wake(this);
}

void Replica::CutLog(LogIndex flushed, bool pressed) {
  // What cannot be read of the data may be in the log, here or nowhere.
  if (!damage_.empty()) return;
  LogIndex cut = std::min(flushed, raft_.applied());
  cut = std::min(cut, raft_.kept_for_snapshots(host_->Now()).value_or(cut));
  if (!pressed) cut = std::min(cut, raft_.everywhere());
  if (cut <= raft_.log().base().index) return;
  raft_.Cut(cut);
  const raft::LogBase& base = raft_.log().base();
  log_->Cut(shard_, base.index, base.term, base.members);
}

void Replica::OnStored(std::uint64_t persist_id, MonotonicTime now) {
  std::uint64_t done = persist_id;
  while (!after_sync_.empty() &&
         (after_sync_.front().persist_id <= persist_id || !after_sync_.front().stores)) {
    AfterSync& front = after_sync_.front();
    done = front.persist_id;
    std::move(front.messages.begin(), front.messages.end(), std::back_inserter(outbox_));
    after_sync_.pop_front();
  }
  raft_.OnPersisted(now, done);
  FinishInstall(persist_id);
  host_->Wake(this);
}

// The turn.

void Replica::Turn(Effects* effects) {
  // The clock is read after every request of this turn has arrived: leases are judged by it.
  const MonotonicTime now = host_->Now();
  if (host_->feature_level() >= features::kMembers1) {
    raft_.SetMembersFormat(raft::MembersFormat::kNumbered);
  }
  PublishRole(now);
  ProposeWrites(now);
  StartReads(now);
  do {
    PublishFollows();
    while (raft_.HasReady()) CarryOut(raft_.TakeReady(now), now, effects);
    ApplyCommitted();
    PublishRole(now);
    PublishFollows();
  } while (raft_.HasReady());
  FinishReads(now);
  SendOutbox(effects);
  if (const MonotonicTime wake = raft_.next_wakeup(); wake > now) host_->WakeAt(this, wake);
  const MonotonicTime end = host_->Now();
  load_.SpentOnLoop(end - now, end);
}

void Replica::InPool(env::Task work, env::Task then, Pool pool) {
  struct Span {
    MonotonicTime begin;
    MonotonicTime end;
  };
  auto span = std::make_shared<Span>();
  host_->RunInPool(
      pool,
      [host = host_, span, work = std::move(work)] {
        span->begin = host->Now();
        work();
        span->end = host->Now();
      },
      // Null at the end of the replica itself, whose senders still let go of files in the pool.
      [this, self = weak_from_this().lock(), span, then = std::move(then)] {
        if (self != nullptr) load_.SpentInPool(span->end - span->begin, span->end);
        then();
      });
}

void Replica::PublishFollows() {
  if (raft_.diverged() && !std::exchange(said_diverged_, true)) {
    host_->Say(
        *this,
        "set aside, to be made anew: it has entries committed that its primary lacks, so the "
        "others have forgotten them (relaxed durability, or an old copy of their disks)");
  }
  const std::optional<Term> follows = raft_.follows();
  cell_->PublishTerm(raft_.term());
  const NodeId node = follows ? NodeOf(raft_.primary()) : NodeId();
  if (follows == published_follow_ && node == followed_node_) return;
  cell_->Publish(node == NodeId() ? Term() : follows.value_or(Term()), node);
  // Only now, after the mark: what was promised to the primary before.
  if (followed_node_ != NodeId()) {
    raft_.ExtendBound(host_->PromisedUntil(followed_node_), followed_id_,
                      published_follow_.value_or(Term()));
  }
  published_follow_ = follows;
  followed_node_ = node;
  followed_id_ = raft_.primary();
}

void Replica::PublishRole(MonotonicTime now) {
  cell_->PublishPrimary(NodeOf(raft_.primary()));
  const bool leads = raft_.role() == raft::Role::kPrimary;
  const std::optional<Term> now_leads = leads ? std::optional(raft_.term()) : std::nullopt;
  const std::pair members(raft_.members().index, raft_.members().joint());
  if (now_leads == leads_ && (!leads_ || members == published_members_)) return;
  if (now_leads != leads_) {
    if (leads_) FailPending();
    leads_ = now_leads;
    if (leads_) {
      handed_to_ = ReplicaId();
      last_stamp_ = std::max(last_stamp_, session_time_);
      stamped_at_ = now;
    }
  }
  published_members_ = members;
  if (leads_) {
    for (const NodeId node : PeerNodes()) {
      if (host_->IsGone(node)) raft_.OnGone(ReplicaOn(node));
    }
  }
  host_->OnLeads(shard_, leads_);
}

void Replica::CarryOut(raft::Ready ready, MonotonicTime now, Effects* effects) {
  const bool stores = ready.stores();
  std::move(ready.messages.begin(), ready.messages.end(), std::back_inserter(outbox_));
  if (ready.base) replaced_->persist_id = ready.persist_id;
  if (stores) {
    storage::LogUpdate update;
    update.shard = shard_;
    update.base = std::move(ready.base);
    update.hard_state = ready.hard_state;
    update.generation = generation_;
    update.entries = std::move(ready.entries);
    effects->updates.push_back(std::move(update));
    effects->stored.push_back({shared_from_this(), ready.persist_id});
  }
  for (const raft::Fetch& fetch : ready.fetches) Fetch(fetch);
  for (const raft::SnapshotOrder& order : ready.snapshots) SendSnapshot(order);
  for (const raft::ReadyRead& read : ready.reads) {
    if (const auto orphan = orphans_.find(read.id); orphan != orphans_.end()) {
      AnswerOrphan(orphan->second.first, orphan->second.second);
      orphans_.erase(orphan);
      continue;
    }
    const auto found = unconfirmed_reads_.find(read.id);
    if (found == unconfirmed_reads_.end()) continue;
    unconfirmed_count_ -= found->second.size();
    for (Request& request : found->second) waiting_reads_.emplace(read.index, std::move(request));
    unconfirmed_reads_.erase(found);
  }
  if (ready.persist_id == 0) return;
  if (!stores && after_sync_.empty()) {
    std::move(ready.messages_after_sync.begin(), ready.messages_after_sync.end(),
              std::back_inserter(outbox_));
    raft_.OnPersisted(now, ready.persist_id);
    PublishFollows();
    return;
  }
  after_sync_.push_back({ready.persist_id, stores, std::move(ready.messages_after_sync)});
}

void Replica::Fetch(const raft::Fetch& fetch) {
  auto read = std::make_shared<Result<std::vector<raft::Entry>>>(std::vector<raft::Entry>());
  InPool(
      [this, self = shared_from_this(), fetch, read] {
        *read = log_->Read(shard_, fetch.first, fetch.last, options_.raft.append_bytes_max);
      },
      [this, self = shared_from_this(), fetch, read] {
        if (read->status().code() == Code::kCorruption) {
          // It will not read better the next time.
          host_->Say(*this, "a follower is sent all data, since its entries cannot be read here: " +
                                read->status().message());
          raft_.OnUnreadable(fetch.follower);
        } else {
          raft_.OnFetched(host_->Now(), fetch.follower,
                          read->ok() ? *std::move(*read) : std::vector<raft::Entry>());
        }
        host_->Wake(this);
      });
}

void Replica::SendOutbox(Effects* effects) {
  for (raft::Message& message : outbox_) {
    const NodeId to = NodeOf(message.to);
    if (to != NodeId()) effects->messages.push_back({to, shard_, std::move(message)});
  }
  outbox_.clear();
}

void Replica::FillStatus(proto::ReplicaStatus* status, MonotonicTime now,
                         std::size_t* hot_key_bytes) {
  using Role = raft::Role;
  status->set_shard(shard_.value());
  const Role role = raft_.role();
  status->set_role(role == Role::kPrimary    ? proto::ReplicaStatus::PRIMARY
                   : !raft_.MayVote()        ? proto::ReplicaStatus::LEARNER
                   : role == Role::kFollower ? proto::ReplicaStatus::FOLLOWER
                                             : proto::ReplicaStatus::CANDIDATE);
  status->set_term(raft_.term().value());
  status->set_primary(NodeOf(raft_.primary()).value());
  status->set_commit(raft_.commit().value());
  status->set_applied(raft_.applied().value());
  status->set_last(raft_.log().last_index().value());
  status->set_unsure(raft_.unsure());
  status->set_serving(raft_.serving() && !stopped_);
  status->set_lease_valid(raft_.HasLease(now));
  status->set_data_bytes(data_->size_bytes());
  status->set_first_log_index((raft_.log().base().index + 1).value());
  status->set_sessions(session_count_);
  if (!damage_.empty()) {
    status->set_damage(damage_);
    status->set_repair_waits_for(RepairWaitsFor());
    status->set_repair_bytes(std::max(repair_bytes_, data_->size_bytes()));
  }
  status->set_epoch(raft_.epoch());
  load_.Fill(status->mutable_load(), now, hot_key_bytes);
  if (sum_) {
    proto::ReplicaSum* sum = status->mutable_sum();
    sum->set_index(sum_->index.value());
    sum->set_checksum(sum_->checksum);
    sum->set_entries(sum_->entries);
    sum->set_bytes(sum_->bytes);
    sum->set_error(sum_->error);
  }
  for (const auto& [id, progress] : raft_.progress()) {
    proto::FollowerLag* lag = status->add_followers();
    lag->set_node(NodeOf(id).value());
    lag->set_match(progress.match.value());
    lag->set_learner(!raft::IsVoter(raft_.members(), id));
    lag->set_lag_entries(raft_.log().last_index() - progress.match);
    lag->set_alive(progress.heard_at != kNever &&
                   now - progress.heard_at < options_.raft.election_timeout);
  }
}

}  // namespace ringfort::replica

// One replica with its stores, driven by hand.
#include "tests/unit/replica/lone_replica.h"

#include <algorithm>

#include "base/check.h"
#include "tests/unit/replica/commands.h"

namespace ringfort::replica {
namespace {

constexpr Duration kTick = std::chrono::milliseconds(20);
constexpr ShardId kShard(5);
constexpr storage::Generation kGeneration(1);

raft::LogBase EmptyLog(std::uint32_t voters) {
  raft::LogBase base;
  for (std::uint32_t node = 1; node <= voters; ++node) {
    base.members.voters.push_back({LoneReplica::MemberOn(node), NodeId(node), {}});
  }
  return base;
}

}  // namespace

LoneReplica::LoneReplica(LoneReplicaSetup setup)
    : own_node_(setup.node),
      store_(setup.seed, setup.whims),
      log_({.relaxed = false,
            .when_written = [this](env::Task task) { disk_.push_back(std::move(task)); },
            .now = [this] { return now_; }}) {
  storage::LogUpdate creation;
  creation.shard = kShard;
  creation.hard_state = raft::HardState();
  creation.base = EmptyLog(setup.voters);
  creation.generation = kGeneration;
  log_.Append({creation}, [](const Status& status) { RF_CHECK(status.ok()); });
  RF_CHECK(Sync());
  RF_CHECK(store_.Create({{kShard, kGeneration}}).ok());
  const storage::RecoveredShard recovered = log_.TakeRecovery().shards.at(0);
  const auto data = store_.Open({kShard, kGeneration}).value();
  const raft::Restored restored{
      recovered.hard_state,      recovered.base,       recovered.last, recovered.terms,
      recovered.members_entries, data->applied().index};
  replica_ = std::make_shared<Replica>(setup.options, kShard, MemberOn(setup.node), kGeneration,
                                       restored, data, StateMachine::Load(data).value(), &log_,
                                       &store_, &cell_, this, Random(setup.seed));
}

void LoneReplica::Hear(std::uint32_t from_node, Term term, raft::Body body) {
  replica_->Receive({NodeId(from_node), {}, BootNumber(1)},
                    {MemberOn(from_node), replica_->raft().self(), term, std::move(body)}, now_);
}

void LoneReplica::Pass(Duration time) {
  const MonotonicTime end = now_ + time;
  while (now_ < end) {
    now_ = std::min({end, now_ + kTick, std::max(wake_at_, now_ + Duration(1))});
    if (wake_at_ <= now_) wake_at_ = kForever;
    replica_->Tick(now_);
    TakeTurns();
  }
}

bool LoneReplica::Sync() {
  if (disk_.empty()) return false;
  const env::Task task = std::move(disk_.front());
  disk_.pop_front();
  task();
  return true;
}

bool LoneReplica::RunPool() {
  if (pool_.empty()) return false;
  const auto [work, then] = std::move(pool_.front());
  pool_.pop_front();
  work();
  then();
  return true;
}

void LoneReplica::RunExport() {
  RF_CHECK(!exports_.empty());
  const auto [work, then] = std::move(exports_.front());
  exports_.pop_front();
  work();
  then();
}

void LoneReplica::TakeTurns() {
  for (int turns = 0; std::exchange(awake_, false); ++turns) {
    RF_CHECK(turns < 10'000) << "the replica asks for turns without end";
    Effects effects;
    replica_->Turn(&effects);
    std::move(effects.messages.begin(), effects.messages.end(), std::back_inserter(sent_));
    if (effects.updates.empty()) continue;
    log_.Append(std::move(effects.updates), [this, stored = effects.stored](const Status& status) {
      RF_CHECK(status.ok());
      for (const auto& [replica, persist_id] : stored) replica->OnStored(persist_id, now_);
    });
  }
}

void LoneReplica::Settle() {
  do {
    TakeTurns();
  } while (Sync() || RunPool());
}

void LoneReplica::Lead() {
  Pass(std::chrono::milliseconds(400));  // Past its own bound, and its pause before an election.
  const Term next = replica_->raft().term() + 1;
  if (replica_->raft().members().voters.size() > 1) {
    RF_CHECK(replica_->raft().role() == raft::Role::kPreCandidate);
    Hear(2, next, raft::VoteReply{true, true, false, Duration(0)});
    TakeTurns();
    RF_CHECK(Sync());
    TakeTurns();
    Hear(2, next, raft::VoteReply{false, true, false, Duration(0)});
  }
  Settle();
  RF_CHECK(leads_.has_value());
  if (replica_->raft().members().voters.size() > 1) Acknowledge(2);
  Settle();
  RF_CHECK(replica_->raft().serving());
  sent_.clear();
}

void LoneReplica::Acknowledge(std::uint32_t from_node) {
  const raft::Raft& raft = replica_->raft();
  raft::AppendReply reply;
  reply.accepted = true;
  reply.match = raft.log().last_index();
  reply.last_index = reply.match;
  reply.commit = raft.commit();
  Hear(from_node, raft.term(), reply);
}

void LoneReplica::DamageData() {
  RF_CHECK(replica_->data()->Flush().ok());
  store_.Damage({replica_->shard(), replica_->generation()}, 0);
}

std::shared_ptr<Answer> LoneReplica::Ask(proto::Request request, Duration timeout,
                                         bool makes_room) {
  auto answer = std::make_shared<Answer>();
  replica_->Submit({std::move(request),
                    [answer](proto::Response response) {
                      ++answer->calls;
                      answer->response = std::move(response);
                    },
                    now_ + timeout, makes_room});
  return answer;
}

MonotonicTime LoneReplica::PromisedUntil(NodeId node) const {
  const auto found = promised_.find(node);
  return found == promised_.end() ? kNever : found->second;
}

proto::Request OpenRequest() {
  proto::Request request;
  request.mutable_open_session();
  return request;
}

proto::Request WriteRequest(std::uint64_t session, std::uint64_t sequence,
                            const std::vector<proto::Operation>& operations) {
  proto::Request request;
  *request.mutable_write() = WriteOf({session, sequence, 1}, operations);
  return request;
}

proto::Request GetRequest(std::string_view sort_key, proto::Get::Consistency consistency) {
  proto::Request request;
  proto::Key* key = request.mutable_get()->add_keys();
  key->set_shard_key(kShardKey);
  key->set_sort_key(std::string(sort_key));
  request.mutable_get()->set_consistency(consistency);
  return request;
}

}  // namespace ringfort::replica

// An operator begins a shard anew from the copy on this node, when a majority of its voters is gone
// for good (raft/recovery.h; protocols 6). The node asks all others what they have before it
// judges.
#include <algorithm>
#include <utility>

#include "features/features.h"
#include "node/new_beginning.h"
#include "node/node.h"
#include "replica/recovery.h"
#include "wire/copy_codec.h"
#include "wire/status_codec.h"

namespace ringfort::node {
namespace {

/// For so long those who are connected may think about what copy they have.
constexpr Duration kSurveyMax = std::chrono::seconds(2);
/// A core that has something to store or to send is looked at again after this, so often.
constexpr Duration kBusyPause = std::chrono::milliseconds(10);
constexpr int kBusyMost = 200;

proto::Response ErrorOf(const Status& status) {
  proto::Response response;
  wire::EncodeStatus(status, response.mutable_error());
  return response;
}

Status Changed() {
  return Status(Code::kUnavailable,
                "the copy has changed meanwhile (look again: ringfortctl shard SHARD recover "
                "--dry-run)",
                Effect::kNotApplied);
}

/// Whether it still is the copy that was judged, and nobody else decides for it.
bool IsAsJudged(const replica::Replica& replica, const raft::Copy& copy, MonotonicTime now) {
  const raft::Raft& raft = replica.raft();
  return raft.self() == copy.member.id && raft.epoch() == copy.members.epoch &&
         raft.log().last_index() == copy.last && raft.log().last_term() == copy.last_term &&
         !raft.HasLivePrimary(now);
}

}  // namespace

/// A new beginning on its way.
struct Node::Recovery {
  ShardId shard;
  raft::Copy copy;
  raft::NewBeginning beginning;
  storage::ShardStore::Name from;
  /// Null: the copy is void, and no replica runs on it.
  std::shared_ptr<replica::Replica> replica;
  proto::ShardRecovery report;
  Reply reply;
};

// What copies there are.

void Node::SurveyCopies(ShardId shard, std::function<void(const CopySurvey&)> done) {
  const std::uint64_t question = ++last_survey_;
  CopySurvey& survey = surveys_[question];
  survey.shard = shard;
  survey.done = std::move(done);
  proto::PeerMessage message;
  message.mutable_epoch()->set_shard(shard.value());
  message.mutable_epoch()->set_question(question);
  for (const ring::NodeInfo& node : map_.Get()->nodes) {
    if (node.id != self_.node && node.state != ring::NodeState::kGone) survey.asked.insert(node.id);
  }
  SendToAll(message);
  DescribeCopy(shard, [this, question](proto::ShardCopy copy) {
    proto::ShardCopyAnswer own;
    own.set_question(question);
    *own.mutable_copy() = std::move(copy);
    OnCopyAnswer(self_.node, own);
  });
  doors_.loops.front()->RunAt(doors_.loops.front()->Now() + kSurveyMax, [this, question] {
    EndSurveyIfAllAnswered(question, /*late=*/true);
  });
}

void Node::OnCopyAnswer(NodeId from, const proto::ShardCopyAnswer& answer) {
  const auto survey = surveys_.find(answer.question());
  if (survey == surveys_.end() || answer.copy().node() != from.value()) return;
  const proto::ShardCopy& copy = answer.copy();
  const std::uint64_t epoch = std::max(copy.known_epoch(), copy.members().epoch());
  if (!Believes(from, survey->second.shard, epoch)) return;  // It is silent.
  if (copy.replica() != 0 && !wire::DecodeCopy(copy).ok()) {
    return Rubbish(from, "a description of a copy that cannot be read");
  }
  survey->second.copies[from] = answer.copy();
  EndSurveyIfAllAnswered(answer.question(), /*late=*/false);
}

// Whoever has no connection is not waited for: there is nothing that it could answer by.
void Node::EndSurveyIfAllAnswered(std::uint64_t question, bool late) {
  const auto found = surveys_.find(question);
  if (found == surveys_.end() || stopped_) return;
  const CopySurvey& survey = found->second;
  const auto answered = [&](NodeId node) { return survey.copies.contains(node); };
  const std::vector<NodeId> connected = liveness_->ConnectedPeers();
  const bool all = answered(self_.node) && std::ranges::all_of(connected, [&](NodeId node) {
                     return answered(node) || !survey.asked.contains(node);
                   });
  if (!all && !late) return;
  const CopySurvey ended = std::move(surveys_.extract(found).mapped());
  ended.done(ended);
}

// Judging.

void Node::HandleRecover(const proto::Request& request, Reply reply) {
  doors_.loops.front()->Post([this, shard = ShardId(request.shard()),
                              asked = request.recover_shard(), reply = std::move(reply)] {
    if (stopped_ || shard > ShardId(shards_)) {
      return reply(
          ErrorOf(Status(Code::kInvalidArgument, "the node stops, or there is no such shard",
                         Effect::kNotApplied)));
    }
    if (map_.Get()->feature_level < features::kRecovery) {
      return reply(ErrorOf(Status(
          Code::kUnsupported,
          "a shard cannot be begun anew while nodes of an older release may come back: they would "
          "not know that their copies are void (finalize the upgrade first: ringfortctl upgrade "
          "finalize)",
          Effect::kNotApplied)));
    }
    if (surveys_.size() >= kSurveysMax) {
      return reply(ErrorOf(Status(Code::kOverloaded,
                                  "other operators look at copies at the moment (try again)",
                                  Effect::kNotApplied)));
    }
    SurveyCopies(shard,
                 [this, asked, reply](const CopySurvey& survey) { Judge(survey, asked, reply); });
  });
}

void Node::Judge(const CopySurvey& survey, const proto::RecoverShard& request, Reply reply) {
  auto recovery = std::make_shared<Recovery>();
  recovery->shard = survey.shard;
  recovery->reply = std::move(reply);
  proto::ShardRecovery& report = recovery->report;
  std::vector<raft::Copy> copies;
  for (const auto& [node, described] : survey.copies) {
    if (described.replica() == 0) continue;
    *report.add_copies() = described;
    auto copy = wire::DecodeCopy(described);
    if (!copy.ok()) return recovery->reply(ErrorOf(copy.status()));
    copies.push_back(*std::move(copy));
  }
  for (const NodeId node : survey.asked) {
    if (!survey.copies.contains(node)) report.add_silent(node.value());
  }
  if (const raft::Copy* newest = raft::NewestCopy(copies)) {
    report.set_newest(newest->member.node.value());
  }
  report.set_can_have_primary(raft::CanHavePrimary(copies));
  auto beginning = raft::PlanRecovery(copies, self_.node, request.accept_loss());
  Status status = beginning.status();
  if (status.ok() && survey.shard == ShardId(shards_)) {
    status = Status(Code::kConditionFailed,
                    "the meta group is begun anew on a node that does not run: stop this one and "
                    "start it once with --recover_cluster_from_this_copy",
                    Effect::kNotApplied);
  }
  if (!status.ok()) report.set_refused(status.message());
  if (status.ok()) {
    recovery->beginning = *beginning;
    recovery->copy = *std::ranges::find(copies, self_.node,
                                        [](const raft::Copy& copy) { return copy.member.node; });
    report.set_epoch(beginning->base.members.epoch);
    report.set_replica(beginning->hard_state.self.value());
    report.set_term(beginning->base.term.value());
    report.set_index(beginning->base.index.value());
    const proto::ShardCopy& own = survey.copies.at(self_.node);
    report.set_unconfirmed(own.last_index() - std::min(own.last_index(), own.applied()));
  }
  if (!request.dry_run() && status.ok()) return StartRecovery(std::move(recovery));
  proto::Response response;
  if (request.dry_run()) {
    *response.mutable_shard_recovery() = std::move(report);
  } else {
    response = ErrorOf(status);
  }
  recovery->reply(std::move(response));
}

// The new beginning.

void Node::StartRecovery(std::shared_ptr<Recovery> recovery) {
  const ShardId shard = recovery->shard;
  if (!changing_.insert(shard).second) {
    return recovery->reply(
        ErrorOf(Status(Code::kUnavailable, "the shard is being changed on this node (try again)",
                       Effect::kNotApplied)));
  }
  if (const auto left = voids_.find(shard); left != voids_.end()) {
    recovery->from = {shard, left->second.generation};
    return MakeNewData(std::move(recovery));
  }
  ShardLoop& loop = LoopOf(shard);
  loop.loop()->Post([this, &loop, recovery] {
    replica::Replica* replica = loop.Find(recovery->shard);
    if (replica != nullptr && IsAsJudged(*replica, recovery->copy, loop.Now())) {
      recovery->replica = replica->shared_from_this();
      recovery->from = {recovery->shard, replica->generation()};
    }
    doors_.loops.front()->Post([this, recovery] {
      if (recovery->replica == nullptr) return GiveUp(recovery, Changed());
      MakeNewData(recovery);
    });
  });
}

// The replica runs on meanwhile: what fails here has changed nothing.
void Node::MakeNewData(std::shared_ptr<Recovery> recovery) {
  doors_.shard_pool->Post([this, recovery] {
    const Status status = replica::MakeRecoveredData(
        {recovery->from, recovery->copy.last}, NewDataName(recovery->shard, recovery->beginning),
        recovery->beginning.base, doors_.log, doors_.shards);
    if (!status.ok()) {
      doors_.loops.front()->Post([this, recovery, status] { GiveUp(recovery, status); });
    } else if (recovery->replica == nullptr) {
      doors_.loops.front()->Post([this, recovery] { KeepOld(recovery); });
    } else {
      LoopOf(recovery->shard).loop()->Post([this, recovery] { SwitchOver(recovery, kBusyMost); });
    }
  });
}

// From here on nothing is said or stored in the old replica's name. What its core has not handed
// out yet would be lost with it, so it must have handed out everything.
void Node::SwitchOver(std::shared_ptr<Recovery> recovery, int attempts_left) {
  ShardLoop& loop = LoopOf(recovery->shard);
  const replica::Replica* replica = loop.Find(recovery->shard);
  const bool as_judged = replica != nullptr && replica == recovery->replica.get() &&
                         IsAsJudged(*replica, recovery->copy, loop.Now()) &&
                         replica->raft().term() < recovery->beginning.base.term;
  if (as_judged && replica->raft().HasReady() && attempts_left > 0) {
    loop.loop()->RunAt(loop.Now() + kBusyPause, [this, recovery, attempts_left] {
      SwitchOver(recovery, attempts_left - 1);
    });
    return;
  }
  const bool takes_over = as_judged && !replica->raft().HasReady();
  if (takes_over) {
    loop.Remove(recovery->shard);
    cells_[recovery->shard.value()]->Publish(Term(), NodeId());
  }
  doors_.loops.front()->Post([this, recovery, takes_over] {
    if (takes_over) return KeepOld(recovery);
    // Not later: the next attempt may take the same name.
    doors_.shard_pool->Post([this, recovery] {
      Status status = doors_.shards->Drop(NewDataName(recovery->shard, recovery->beginning));
      if (status.ok()) status = Changed();
      doors_.loops.front()->Post([this, recovery, status] { GiveUp(recovery, status); });
    });
  });
}

// Before the log names the new data, or a start after a crash would drop the old ones.
void Node::KeepOld(std::shared_ptr<Recovery> recovery) {
  if (stopped_) return;
  cells_[recovery->shard.value()]->PublishReplica(ReplicaId());
  if (recovery->replica != nullptr) kept_readers_[recovery->from] = recovery->replica->data();
  NoteKept(recovery->from, recovery->copy, &identity_);
  SaveIdentity([this, recovery] { StoreBeginning(recovery); });
}

void Node::StoreBeginning(std::shared_ptr<Recovery> recovery) {
  doors_.pool->Post([this, recovery, random = random_.Fork()] {
    const storage::LogUpdate update = UpdateOf(recovery->shard, recovery->beginning);
    doors_.log->Append({update}, [](const Status&) {});
    Status status = doors_.log->Sync();
    std::shared_ptr<replica::Replica> replica;
    if (status.ok()) {
      auto loaded = Load(RecoveredOf(update), random);
      status = loaded.status();
      if (loaded.ok()) replica = *std::move(loaded);
    }
    doors_.loops.front()->Post([this, recovery, replica, status] {
      if (!status.ok()) return doors_.on_fatal(status);
      FinishRecovery(recovery, replica);
    });
  });
}

void Node::FinishRecovery(std::shared_ptr<Recovery> recovery,
                          std::shared_ptr<replica::Replica> replica) {
  if (stopped_) return;
  const ShardId shard = recovery->shard;
  voids_.erase(shard);
  LearnEpoch(shard, recovery->beginning.base.members.epoch);
  proto::PeerMessage message;
  message.mutable_epoch()->set_shard(shard.value());
  message.mutable_epoch()->set_epoch(KnownEpoch(shard));
  SendToAll(message);
  doors_.log_line("shard " + std::to_string(shard.value()) +
                  " was begun anew from the copy here, as "
                  "epoch " +
                  std::to_string(raft::EpochCount(KnownEpoch(shard))) + ", replica " +
                  std::to_string(replica->self().value()) + ": all other replicas are void");
  ShardLoop& loop = LoopOf(shard);
  loop.loop()->Post([this, &loop, recovery, replica] {
    loop.Add(replica);
    doors_.loops.front()->Post([this, recovery] {
      changing_.erase(recovery->shard);
      TakeOffIfVoid(recovery->shard);
      proto::Response response;
      *response.mutable_shard_recovery() = std::move(recovery->report);
      recovery->reply(std::move(response));
    });
  });
}

void Node::GiveUp(std::shared_ptr<Recovery> recovery, const Status& why) {
  changing_.erase(recovery->shard);
  Status status = why;
  recovery->reply(ErrorOf(status.set_effect(Effect::kNotApplied)));
}

}  // namespace ringfort::node

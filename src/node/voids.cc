// Shards that an operator has begun anew from one copy (raft/recovery.h): which epoch each has, and
// what becomes of replicas of an older one. Such a replica is void: it takes part in nothing, and
// its log and data stay as they are until an operator discards them, for they may hold what the new
// beginning lacks (protocols 6: nothing is destroyed on one peer's word).
#include <algorithm>
#include <utility>

#include "node/claims.h"
#include "node/new_beginning.h"
#include "node/node.h"
#include "wire/copy_codec.h"
#include "wire/id_codec.h"
#include "wire/status_codec.h"

namespace ringfort::node {
namespace {

constexpr Duration kTellPause = std::chrono::seconds(1);

void Refuse(Code code, const std::string& why, const replica::Reply& reply) {
  proto::Response response;
  wire::EncodeStatus(Status(code, why, Effect::kNotApplied), response.mutable_error());
  reply(std::move(response));
}

}  // namespace

std::uint64_t Node::KnownEpoch(ShardId shard) const {
  const auto known = epochs_.find(shard);
  return known == epochs_.end() ? 0 : known->second;
}

bool Node::Believes(NodeId from, ShardId shard, std::uint64_t epoch) {
  if (IsCredibleEpoch(KnownEpoch(shard), epoch)) return true;
  Rubbish(from, "an epoch of shard " + std::to_string(shard.value()) + " that cannot be true");
  return false;
}

void Node::LearnEpoch(ShardId shard, std::uint64_t epoch) {
  if (stopped_ || epoch <= KnownEpoch(shard) || shard > ShardId(shards_)) return;
  epochs_[shard] = epoch;
  NoteEpoch(shard, epoch, &identity_);
  SaveIdentity([] {});
  if (const auto left = voids_.find(shard); left != voids_.end()) {
    left->second.copy.known_epoch = epoch;
  }
  TakeOffIfVoid(shard);
}

void Node::TakeOffIfVoid(ShardId shard) {
  ShardLoop& loop = LoopOf(shard);
  loop.loop()->Post([this, &loop, shard, epoch = KnownEpoch(shard)] {
    const replica::Replica* replica = loop.Find(shard);
    if (replica == nullptr || replica->raft().epoch() >= epoch) return;
    const std::shared_ptr<replica::Replica> taken = loop.Remove(shard);
    // Or a primary of its epoch would go on counting it by the heartbeats.
    cells_[shard.value()]->Publish(Term(), NodeId());
    doors_.loops.front()->Post([this, taken] { KeepVoid(*taken); });
  });
}

void Node::KeepVoid(const replica::Replica& replica) {
  if (stopped_) return;
  const ShardId shard = replica.shard();
  VoidReplica left;
  left.copy.member = {replica.self(), self_.node, self_.incarnation};
  left.copy.term = replica.raft().term();
  left.copy.last = replica.raft().log().last_index();
  left.copy.last_term = replica.raft().log().last_term();
  left.copy.members = replica.raft().members();
  left.copy.unsure = replica.raft().unsure();
  left.copy.known_epoch = KnownEpoch(shard);
  left.generation = replica.generation();
  left.data_bytes = replica.data()->size_bytes();
  left.readers = replica.data();
  cells_[shard.value()]->PublishReplica(ReplicaId());
  ReplicaId& buried = buried_[shard];
  buried = std::max(buried, replica.self());
  voids_.insert_or_assign(shard, std::move(left));
  SayVoid(shard);
}

void Node::SayVoid(ShardId shard) {
  const std::string word = shard == ShardId(shards_) ? "meta" : std::to_string(shard.value());
  doors_.log_line("shard " + word +
                  ": its replica here is void: the shard was begun anew without "
                  "it, as epoch " +
                  std::to_string(raft::EpochCount(KnownEpoch(shard))) +
                  "; it counts for nothing, and its log and data stay (ringfortctl shard " + word +
                  " discard-void --node=" + std::to_string(self_.node.value()) +
                  " deletes them once the shard's copies are whole)");
}

void Node::OnOtherEpoch(ShardId shard, NodeId from, std::uint64_t theirs, std::uint64_t own) {
  if (!running_ || stopped_) return;
  if (theirs > own) {
    if (Believes(from, shard, theirs)) LearnEpoch(shard, theirs);
  } else {
    TellEpoch(from, shard);
  }
}

void Node::TellEpoch(NodeId to, ShardId shard) {
  const MonotonicTime now = doors_.loops.front()->Now();
  MonotonicTime& told_at = told_epoch_at_.try_emplace({to, shard}, kNever).first->second;
  if (told_at != kNever && now - told_at < kTellPause) return;
  told_at = now;
  proto::PeerMessage message;
  message.mutable_epoch()->set_shard(shard.value());
  message.mutable_epoch()->set_epoch(KnownEpoch(shard));
  doors_.transport->Send(to, env::Lane::kBulk, message.SerializeAsString());
}

void Node::OnEpochMessage(const env::PeerIdentity& from, const proto::EpochMessage& message) {
  const ShardId shard(message.shard());
  if (shard > ShardId(shards_))
    return Rubbish(from.node, "the epoch of a shard that does not exist");
  switch (message.body_case()) {
    case proto::EpochMessage::kQuestion:
      DescribeCopy(shard, [this, to = from.node, shard,
                           question = message.question()](proto::ShardCopy copy) {
        proto::PeerMessage answer;
        proto::EpochMessage* epoch = answer.mutable_epoch();
        epoch->set_shard(shard.value());
        epoch->mutable_answer()->set_question(question);
        *epoch->mutable_answer()->mutable_copy() = std::move(copy);
        doors_.transport->Send(to, env::Lane::kBulk, answer.SerializeAsString());
      });
      return;
    case proto::EpochMessage::kAnswer: OnCopyAnswer(from.node, message.answer()); return;
    case proto::EpochMessage::kEpoch:
      if (Believes(from.node, shard, message.epoch())) LearnEpoch(shard, message.epoch());
      return;
    case proto::EpochMessage::BODY_NOT_SET: break;
  }
  Rubbish(from.node, "an epoch message of an unknown kind");
}

void Node::DescribeCopy(ShardId shard, std::function<void(proto::ShardCopy)> then) {
  ShardLoop& loop = LoopOf(shard);
  loop.loop()->Post([this, &loop, shard, then = std::move(then)] {
    auto copy = std::make_shared<proto::ShardCopy>();
    const replica::Replica* replica = loop.Find(shard);
    if (replica != nullptr) replica->FillCopy(copy.get(), loop.Now());
    doors_.loops.front()->Post([this, shard, copy, then] {
      if (stopped_) return;
      if (const auto left = voids_.find(shard); copy->replica() == 0 && left != voids_.end()) {
        wire::EncodeCopy(left->second.copy, copy.get());
        if (left->second.copy.damaged) copy->set_damage("its data cannot be opened");
        copy->set_data_bytes(left->second.data_bytes);
      }
      copy->set_node(self_.node.value());
      copy->set_incarnation(wire::EncodeId(self_.incarnation));
      copy->set_known_epoch(KnownEpoch(shard));
      then(std::move(*copy));
    });
  });
}

void Node::AddVoidCopies(proto::NodeStatus* status) const {
  for (const auto& [shard, left] : voids_) {
    proto::VoidCopy* copy = status->add_void_copies();
    copy->set_shard(shard.value());
    copy->set_replica(left.copy.member.id.value());
    copy->set_epoch(left.copy.members.epoch);
    copy->set_shard_epoch(left.copy.known_epoch);
    copy->set_last_index(left.copy.last.value());
    copy->set_last_term(left.copy.last_term.value());
    copy->set_data_bytes(left.data_bytes);
  }
  for (const proto::KeptData& kept : identity_.kept()) {
    proto::VoidCopy* copy = status->add_void_copies();
    copy->set_shard(kept.shard());
    copy->set_replica(kept.replica());
    copy->set_epoch(kept.epoch());
    copy->set_shard_epoch(KnownEpoch(ShardId(kept.shard())));
    copy->set_last_index(kept.last_index());
    copy->set_last_term(kept.last_term());
    copy->set_data_only(true);
  }
}

// Discarding.

void Node::HandleDiscard(ShardId shard, Reply reply) {
  doors_.loops.front()->Post([this, shard, reply = std::move(reply)] {
    if (stopped_ || shard > ShardId(shards_)) {
      return Refuse(Code::kInvalidArgument, "the node stops, or there is no such shard", reply);
    }
    const auto of_shard = [shard](const proto::KeptData& kept) {
      return ShardId(kept.shard()) == shard;
    };
    const auto kept = std::ranges::count_if(identity_.kept(), of_shard);
    const std::size_t voids = voids_.count(shard);
    if (kept == 0 && voids == 0) {
      return Refuse(Code::kNotFound,
                    "node " + std::to_string(self_.node.value()) +
                        " keeps nothing void of the shard (ringfortctl doctor says who does)",
                    reply);
    }
    if (changing_.contains(shard)) {
      return Refuse(Code::kUnavailable, "the shard is being changed on this node (try again)",
                    reply);
    }
    for (const proto::KeptData& one : identity_.kept()) {
      if (!of_shard(one)) continue;
      const storage::ShardStore::Name name{shard, storage::Generation(one.generation())};
      const auto readers = kept_readers_.extract(name);
      DropLater(name, readers.empty() ? std::weak_ptr<storage::ShardData>() : readers.mapped());
    }
    ForgetKept(of_shard, &identity_);
    DropVoid(shard, [this, reply, copies = static_cast<std::uint32_t>(kept) + voids] {
      SaveIdentity([reply, copies] {
        proto::Response response;
        response.mutable_void_discarded()->set_copies(static_cast<std::uint32_t>(copies));
        reply(std::move(response));
      });
    });
  });
}

void Node::DropVoid(ShardId shard, std::function<void()> then) {
  const auto found = voids_.find(shard);
  if (found == voids_.end()) return then();
  changing_.insert(shard);
  doors_.pool->Post([this, shard, self = found->second.copy.member.id, then = std::move(then)] {
    const Status status = Bury(shard, self);
    doors_.loops.front()->Post([this, shard, status, then] {
      changing_.erase(shard);
      if (!status.ok()) return doors_.on_fatal(status);
      const auto left = voids_.extract(shard);
      DropLater({shard, left.mapped().generation}, left.mapped().readers);
      then();
    });
  });
}

}  // namespace ringfort::node

// What an answer means for a call: its end, another node, a pause, or another session.
#include <chrono>
#include <set>
#include <utility>

#include "client/engine.h"
#include "wire/status_codec.h"

namespace ringfort::client {

void Engine::OnAnswer(Call* call, Result<proto::Response> answer) {
  call->try_id = 0;
  if (!answer.ok()) return OnNoAnswer(call, answer.status());
  nodes_.Answered(call->asked);
  if (answer.value().has_error()) return OnError(call, answer.value().error());
  OnSuccess(call, std::move(answer).value());
}

void Engine::OnNoAnswer(Call* call, const Status& why) {
  Node* node = call->asked;
  if (why.effect() != Effect::kNotApplied) call->may_have_happened = true;
  call->last_error = why;
  switch (why.code()) {
    case Code::kOverloaded:  // The way to the node is full, not the node.
      nodes_.NotSent(node);
      if (call->target == Call::Target::kNode) return Fail(call, call->last_error);
      return Pause(call, tuning_.overloaded, why.retry_after());
    case Code::kTooLarge:
    case Code::kInvalidArgument:
    case Code::kUnsupported:
    case Code::kInternal: nodes_.NotSent(node); return Fail(call, call->last_error);
    default: break;
  }
  nodes_.Failed(node, why);
  if (call->target == Call::Target::kNode) return Fail(call, call->last_error);
  ForgetPrimary(call, node);
  Ask(call);
}

void Engine::OnSuccess(Call* call, proto::Response response) {
  Node* node = call->asked;
  if (response.has_map()) {
    const MapVersion before = routing_.map().version;
    if (Status taken = routing_.Adopt(response.map()); !taken.ok()) {
      call->last_error = {taken.code(), node->Name() + ": " + taken.message()};
      nodes_.Misled(node, call->last_error);
      return Ask(call);
    }
    if (routing_.map().version != before) OnNewMap();
  }
  if (call->target == Call::Target::kPrimary) FoundPrimary(ShardId(call->request.shard()), node);
  if (call->target == Call::Target::kMetaPrimary) meta_primary_ = node;
  if (call->session != nullptr) {
    call->session->used = std::max(call->session->used, call->asked_at);
  }
  Finish(call, std::move(response));
}

void Engine::OnNewMap() {
  paused_.resize(routing_.map().shards());
  std::set<Node*> wanted(seeds_.begin(), seeds_.end());
  wanted.insert(routing_.nodes().begin(), routing_.nodes().end());
  nodes_.Retain(wanted);
  for (std::uint32_t shard = 0; shard < routing_.map().shards(); ++shard) {
    if (!paused_[shard].empty()) WakePaused(ShardId(shard));
  }
}

void Engine::OnError(Call* call, const proto::Error& error) {
  Node* node = call->asked;
  Status why = wire::DecodeStatus(error);
  if (why.code() == Code::kSessionExpired && call->session != nullptr) {
    return OnSessionExpired(call, std::move(why));
  }
  if (why.code() == Code::kConditionFailed && call->is_write) {
    // The recorded outcome of this sequence number: it stands for every try.
    FoundPrimary(ShardId(call->request.shard()), node);
    return Finish(call, std::move(why));
  }
  if (why.effect() == Effect::kUnknown) call->may_have_happened = true;
  call->last_error = {why.code(), node->Name() + ": " + why.message(), why.effect()};
  if (call->target == Call::Target::kNode) return Fail(call, call->last_error);
  if (call->target == Call::Target::kAnyNode) nodes_.Misled(node, call->last_error);
  switch (why.code()) {
    case Code::kNotPrimary: return OnNotPrimary(call, NodeId(error.primary_hint()));
    case Code::kCancelled:  // The node is stopping.
      ForgetPrimary(call, node);
      return Ask(call);
    case Code::kUnavailable:
      // The one that leads the meta group, and needs time; the others name it only.
      if (call->target == Call::Target::kMetaPrimary) return Pause(call, tuning_.no_primary);
      call->one_round = false;  // It lives, and will answer later.
      return Ask(call);
    case Code::kDeadlineExceeded: return Pause(call, tuning_.no_primary);
    case Code::kOverloaded: return Pause(call, tuning_.overloaded, why.retry_after());
    case Code::kCorruption:
    case Code::kIoError:
    case Code::kWrongCluster:
      // Another copy may be whole; a primary has no second.
      if (call->target == Call::Target::kPrimary || call->target == Call::Target::kMetaPrimary) {
        return Fail(call, call->last_error);
      }
      return Ask(call);
    default: return Fail(call, std::move(why));
  }
}

void Engine::OnNotPrimary(Call* call, NodeId hint) {
  ForgetPrimary(call, call->asked);
  if (hint == NodeId() || call->target == Call::Target::kAnyNode) return Ask(call);
  const ShardId shard(call->request.shard());
  Node* named = routing_.Find(hint);
  if (named == nullptr) {
    RefreshMap();
  } else if (named != call->asked) {
    call->hint = named;
    if (call->target == Call::Target::kMetaPrimary) {
      meta_primary_ = named;
    } else if (routing_.Primary(shard) == nullptr) {
      routing_.SetPrimary(shard, named);
    }
  }
  Ask(call);
}

void Engine::ForgetPrimary(const Call* call, const Node* node) {
  if (call->target == Call::Target::kMetaPrimary && meta_primary_ == node) meta_primary_ = nullptr;
  if (call->target != Call::Target::kPrimary) return;
  routing_.ForgetPrimary(ShardId(call->request.shard()), node);
}

void Engine::OnSessionExpired(Call* call, Status why) {
  // This try changed nothing (protocols 7), so without an earlier one that may have reached a
  // server the write cannot have happened, and may start again. Otherwise nobody can tell.
  sessions_.Expired(call);
  const bool again =
      !call->may_have_happened && ++call->lost_sessions < tuning_.sessions_per_call_max;
  if (!again) {
    why.set_effect(call->may_have_happened ? Effect::kUnknown : Effect::kNotApplied);
    return Finish(call, std::move(why));
  }
  call->asked_mask = 0;
  call->last_error = std::move(why);
  wheel_.Set(&call->alarm, call->deadline);
  sessions_.Admit(call);
}

}  // namespace ringfort::client

// Whom a call asks, and what happens when nobody answers.
#include <algorithm>
#include <chrono>
#include <limits>
#include <utility>

#include "client/engine.h"

namespace ringfort::client {
namespace {

/// Marks in Call::asked_mask a node that is none of the shard's replicas.
constexpr std::uint32_t kOutsideBit = std::uint32_t{1} << 31;

std::uint32_t MaskBit(const std::vector<Node*>& replicas, const Node* node) {
  const auto found = std::find(replicas.begin(), replicas.end(), node);
  if (found == replicas.end()) return kOutsideBit;
  return std::uint32_t{1} << std::min<std::ptrdiff_t>(found - replicas.begin(), 30);
}

std::uint32_t MillisecondsLeft(Duration left) {
  const auto ms = std::chrono::ceil<std::chrono::milliseconds>(left).count();
  return static_cast<std::uint32_t>(
      std::clamp<std::int64_t>(ms, 1, std::numeric_limits<std::uint32_t>::max()));
}

}  // namespace

void Engine::Ask(Call* call) {
  Node* node = Choose(call);
  if (node != nullptr) return Send(call, node);
  PauseAfterRound(call);
}

Node* Engine::Choose(Call* call) {
  switch (call->target) {
    case Call::Target::kPrimary:
    case Call::Target::kAnyReplica: return ChooseReplica(call);
    case Call::Target::kAnyNode:
    case Call::Target::kMetaPrimary: return ChooseCandidate(call);
    case Call::Target::kNode: return routing_.Find(call->node);
  }
  return nullptr;
}

Node* Engine::ChooseReplica(Call* call) {
  const ShardId shard(call->request.shard());
  const std::vector<Node*>& replicas = routing_.Replicas(shard);
  const auto may_ask = [&](const Node* node) {
    return (call->asked_mask & MaskBit(replicas, node)) == 0;
  };
  const auto take = [&](Node* node) {
    call->asked_mask |= MaskBit(replicas, node);
    return node;
  };

  // A node that is said to lead is worth a try even when it was unreachable; a silent one is not.
  const auto promising = [&](const Node* node) {
    return node != nullptr && node->trust != Trust::kSilent && may_ask(node);
  };
  if (Node* hint = std::exchange(call->hint, nullptr); promising(hint)) return take(hint);
  const bool primary_only = call->target == Call::Target::kPrimary;
  if (Node* primary = routing_.Primary(shard); primary_only && promising(primary)) {
    return take(primary);
  }

  // Reads that any replica may answer are spread over them.
  const std::size_t start = primary_only ? 0 : random_.Below(replicas.size());
  Trust best = Trust::kSilent;
  for (const Node* node : replicas) best = std::min(best, node->trust);
  for (Trust trust : {Trust::kGood, Trust::kUnreachable, Trust::kSilent}) {
    // To wait for a silent node makes sense only when there are no others.
    if (trust == Trust::kSilent && best != Trust::kSilent) break;
    for (std::size_t i = 0; i < replicas.size(); ++i) {
      Node* node = replicas[(start + i) % replicas.size()];
      if (node->trust == trust && may_ask(node)) return take(node);
    }
  }
  return nullptr;
}

Node* Engine::ChooseCandidate(Call* call) {
  if (call->candidates.empty()) FillCandidates(call);
  const auto next = call->candidates.begin() + static_cast<std::ptrdiff_t>(call->next_candidate);
  const auto hinted = std::find(next, call->candidates.end(), std::exchange(call->hint, nullptr));
  if (hinted != call->candidates.end() && (*hinted)->trust != Trust::kSilent) {
    std::rotate(next, hinted, hinted + 1);
  }
  if (call->next_candidate == call->candidates.size()) return nullptr;
  return call->candidates[call->next_candidate++];
}

void Engine::FillCandidates(Call* call) {
  call->candidates = routing_.has_map() ? routing_.nodes() : seeds_;
  call->next_candidate = 0;
  const auto start = static_cast<std::ptrdiff_t>(random_.Below(call->candidates.size()));
  std::rotate(call->candidates.begin(), call->candidates.begin() + start, call->candidates.end());
  std::stable_sort(call->candidates.begin(), call->candidates.end(),
                   [](const Node* a, const Node* b) { return a->trust < b->trust; });
  if (call->target == Call::Target::kMetaPrimary) call->hint = meta_primary_;
}

void Engine::Send(Call* call, Node* node) {
  const MonotonicTime now = loop_.Now();
  call->stage = Call::Stage::kTrying;
  call->asked = node;
  call->asked_at = now;
  call->answers_before = node->answers;
  call->request.set_map_version(routing_.map().version.value());
  call->request.set_timeout_ms(MillisecondsLeft(call->deadline - now));
  if (call->session != nullptr) {
    proto::Write* write = call->request.mutable_write();
    write->set_session(call->session->id.value());
    write->set_sequence(call->sequence.value());
    write->set_first_unanswered(call->session->window.first_unanswered().value());
  }
  MonotonicTime alarm = call->deadline;
  if (call->target != Call::Target::kNode) alarm = std::min(alarm, now + TryTimeout(*call));
  wheel_.Set(&call->alarm, alarm);
  call->try_id = nodes_.Send(node, call->request, [this, call](Result<proto::Response> answer) {
    OnAnswer(call, std::move(answer));
  });
}

Duration Engine::TryTimeout(const Call& call) const {
  const Backoff& patience =
      call.target == Call::Target::kMetaPrimary ? tuning_.meta_try_timeout : tuning_.try_timeout;
  return patience.Whole(call.unanswered_tries);
}

void Engine::OnTryTimeout(Call* call) {
  Node* node = call->asked;
  const auto waited = std::chrono::ceil<std::chrono::milliseconds>(TryTimeout(*call));
  call->last_error = {Code::kUnavailable, node->Name() + " did not answer within " +
                                              std::to_string(waited.count()) + " ms"};
  ++call->unanswered_tries;
  const bool quiet = node->answers == call->answers_before;
  GiveTryUp(call);
  if (quiet) {
    nodes_.Silent(node, call->last_error);
    ForgetPrimary(call, node);
  }
  Ask(call);
}

void Engine::PauseAfterRound(Call* call) {
  if (call->target == Call::Target::kNode) {
    return Fail(call, {Code::kInvalidArgument, "the cluster's map has no node " +
                                                   std::to_string(call->node.value()) +
                                                   " (ask for the map to see which there are)"});
  }
  if (call->one_round) return Fail(call, call->last_error);
  if (routing_.has_map()) RefreshMap();
  Pause(call, tuning_.no_primary);
  if (call->target == Call::Target::kPrimary) paused_[call->request.shard()].PushBack(call);
}

void Engine::Pause(Call* call, const Backoff& backoff, Duration at_least) {
  call->stage = Call::Stage::kPaused;
  call->asked_mask = 0;
  call->candidates.clear();
  Duration wait = backoff.Next(call->pauses++, random_);
  if (at_least > Duration::zero()) {
    // Spread over half as much again, so that those who were refused together do not return
    // together.
    wait = at_least + Duration(static_cast<std::int64_t>(
                          random_.Below(static_cast<std::uint64_t>(at_least.count() / 2) + 1)));
  }
  wheel_.Set(&call->alarm, std::min(call->deadline, loop_.Now() + wait));
}

void Engine::FoundPrimary(ShardId shard, Node* node) {
  if (routing_.Primary(shard) != node) routing_.SetPrimary(shard, node);
  if (!paused_[shard.value()].empty()) WakePaused(shard);
}

void Engine::WakePaused(ShardId shard) {
  PausedCalls woken;
  woken.Splice(&paused_[shard.value()]);
  while (!woken.empty()) {
    Call* call = woken.front();
    call->queued.Leave();
    Ask(call);
  }
}

void Engine::RefreshMap() {
  const MonotonicTime now = loop_.Now();
  if (refreshing_ || now < refresh_after_ || shut_down_) return;
  refreshing_ = true;
  auto call = std::make_unique<Call>();
  call->target = Call::Target::kAnyNode;
  call->one_round = true;
  call->request.mutable_get_map();
  call->timeout = tuning_.housekeeping_timeout;
  call->deadline = now + call->timeout;
  call->done = [this](const Result<proto::Response>& /*taken in by OnSuccess*/) {
    refreshing_ = false;
    refresh_after_ = loop_.Now() + tuning_.refresh_pause;
  };
  Start(std::move(call));
}

}  // namespace ringfort::client

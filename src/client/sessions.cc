#include "client/sessions.h"

#include <algorithm>
#include <utility>

namespace ringfort::client {

Sessions::Sessions(env::Loop& loop, const Tuning& tuning, Host& host)
    : loop_(loop), tuning_(tuning), host_(host) {}

Sessions::~Sessions() {
  if (keep_timer_ != 0) loop_.Cancel(keep_timer_);
}

void Sessions::Admit(Call* write) {
  const ShardId shard_id(write->request.shard());
  Shard& shard = Of(shard_id);
  if (shard.session != nullptr && !shard.session->window.full() && shard.waiting.empty()) {
    Give(shard, write);
    return;
  }
  write->stage = Call::Stage::kNeedsSession;
  shard.waiting.PushBack(write);
  if (shard.session == nullptr && shard.opening == nullptr) Open(shard_id);
}

void Sessions::Give(Shard& shard, Call* write) {
  write->session = shard.session;
  write->sequence = shard.session->window.Take();
  host_.OnSessionReady(write);
}

void Sessions::AdmitWaiting(Shard& shard) {
  while (shard.session != nullptr && !shard.session->window.full() && !shard.waiting.empty()) {
    Call* write = shard.waiting.front();
    write->queued.Leave();
    Give(shard, write);
  }
}

void Sessions::Finish(Call* write) {
  const std::shared_ptr<Session> session = std::exchange(write->session, nullptr);
  session->window.Finish(write->sequence);
  Shard& shard = Of(session->shard);
  if (shard.session == session) AdmitWaiting(shard);
}

void Sessions::Expired(Call* write) {
  const std::shared_ptr<Session> session = std::exchange(write->session, nullptr);
  Shard& shard = Of(session->shard);
  if (shard.session != session) return;
  shard.session = nullptr;
  if (!shard.waiting.empty() && shard.opening == nullptr) Open(session->shard);
}

void Sessions::Open(ShardId shard_id) {
  auto call = std::make_unique<Call>();
  call->request.set_shard(shard_id.value());
  call->request.mutable_open_session();
  call->timeout = tuning_.housekeeping_timeout;
  call->deadline = loop_.Now() + call->timeout;
  call->done = [this, shard_id](const Result<proto::Response>& answer) {
    OnOpened(shard_id, answer);
  };
  Of(shard_id).opening = call.get();
  host_.StartOwn(std::move(call));
}

void Sessions::OnOpened(ShardId shard_id, const Result<proto::Response>& answer) {
  Shard& shard = Of(shard_id);
  shard.opening = nullptr;
  if (answer.ok()) {
    shard.session = std::make_shared<Session>();
    shard.session->shard = shard_id;
    shard.session->id = SessionId(answer.value().session_opened().session());
    shard.session->used = loop_.Now();
    if (keep_timer_ == 0) KeepIdleSessions();
    AdmitWaiting(shard);
    return;
  }
  const Status why = answer.status();
  const bool may_pass = why.code() == Code::kUnavailable || why.code() == Code::kOverloaded ||
                        why.code() == Code::kDeadlineExceeded;
  if (may_pass) {
    // Those that wait have deadlines of their own.
    if (!shard.waiting.empty()) Open(shard_id);
    return;
  }
  Queue refused;
  refused.Splice(&shard.waiting);
  while (!refused.empty()) {
    Call* write = refused.front();
    write->queued.Leave();
    host_.OnSessionRefused(write, why);
  }
}

Status Sessions::OpeningTrouble(ShardId shard) const {
  const auto found = shards_.find(shard);
  if (found == shards_.end() || found->second.opening == nullptr) return {};
  return found->second.opening->last_error;
}

void Sessions::KeepIdleSessions() {
  const MonotonicTime now = loop_.Now();
  keep_timer_ = loop_.RunAt(now + tuning_.keep_session_after / 10, [this] { KeepIdleSessions(); });
  for (auto& [id, shard] : shards_) {
    if (shard.session == nullptr || now - shard.session->used < tuning_.keep_session_after)
      continue;
    Keep(shard.session);
  }
}

void Sessions::Keep(const std::shared_ptr<Session>& session) {
  auto call = std::make_unique<Call>();
  call->request.set_shard(session->shard.value());
  proto::KeepSession* keep = call->request.mutable_keep_session();
  keep->set_session(session->id.value());
  keep->set_first_unanswered(session->window.first_unanswered().value());
  call->timeout = tuning_.housekeeping_timeout;
  const MonotonicTime sent = loop_.Now();
  call->deadline = sent + call->timeout;
  call->done = [this, session, sent](const Result<proto::Response>& answer) {
    if (answer.ok()) {
      session->used = std::max(session->used, sent);
      return;
    }
    Shard& shard = Of(session->shard);
    const bool expired = answer.status().code() == Code::kSessionExpired;
    if (expired && shard.session == session) shard.session = nullptr;
  };
  host_.StartOwn(std::move(call));
}

}  // namespace ringfort::client

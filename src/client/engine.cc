// A call's life, from Start to its end.
#include "client/engine.h"

#include <chrono>
#include <utility>

#include "base/check.h"

namespace ringfort::client {
namespace {

Call* CallOf(TimerWheel::Alarm* alarm) {
  return static_cast<Call*>(alarm->owner);
}

std::string Milliseconds(Duration duration) {
  return std::to_string(std::chrono::ceil<std::chrono::milliseconds>(duration).count()) + " ms";
}

}  // namespace

Engine::Engine(env::Loop& loop, Dialer& dialer, const Tuning& tuning, std::uint64_t seed)
    : loop_(loop),
      tuning_(tuning),
      random_(seed),
      nodes_(loop, dialer, tuning_, random_.Fork()),
      routing_(nodes_),
      wheel_(loop, [this](TimerWheel::Alarm* alarm) { OnAlarm(CallOf(alarm)); }),
      sessions_(loop, tuning_, *this) {}

Engine::~Engine() {
  RF_CHECK(calls_.empty()) << "the engine is destroyed with calls in flight";
}

void Engine::FindCluster(const std::vector<std::string>& seeds, MonotonicTime deadline,
                         Duration timeout, std::function<void(Status)> done) {
  RF_CHECK(!seeds.empty());
  for (const std::string& seed : seeds) seeds_.push_back(nodes_.At(seed));
  auto call = std::make_unique<Call>();
  call->target = Call::Target::kAnyNode;
  call->one_round = true;
  call->request.mutable_get_map();
  call->deadline = deadline;
  call->timeout = timeout;
  call->done = [this, done = std::move(done)](const Result<proto::Response>& answer) {
    if (answer.ok()) return done({});
    if (answer.status().code() == Code::kCancelled) return done(answer.status());
    std::string each;
    for (const Node* seed : seeds_) {
      each += (each.empty() ? "" : "; ") + (seed->last_error.ok()
                                                ? seed->address + ": no answer in time"
                                                : seed->last_error.message());
    }
    done({Code::kUnavailable, "no seed answered: " + each +
                                  " (check the addresses, and that one of these nodes runs)"});
  };
  Start(std::move(call));
}

void Engine::Start(std::unique_ptr<Call> started) {
  Call* call = started.release();
  calls_.PushBack(call);
  call->alarm.owner = call;
  if (shut_down_) return Fail(call, {Code::kCancelled, "the client is shutting down"});
  if (loop_.Now() >= call->deadline) return OnDeadline(call);
  if (!call->is_write) return Ask(call);
  wheel_.Set(&call->alarm, call->deadline);
  sessions_.Admit(call);
}

void Engine::OnAlarm(Call* call) {
  if (loop_.Now() >= call->deadline) return OnDeadline(call);
  if (call->stage == Call::Stage::kTrying) return OnTryTimeout(call);
  RF_CHECK(call->stage == Call::Stage::kPaused);
  call->queued.Leave();
  Ask(call);
}

void Engine::OnDeadline(Call* call) {
  const std::string within = "within " + Milliseconds(call->timeout);
  const bool unanswered = call->try_id != 0;
  if (unanswered) {
    Node* asked = call->asked;
    const bool quiet = asked->answers == call->answers_before;
    GiveTryUp(call);
    if (quiet) nodes_.Doubt(asked);
    return Fail(
        call, {Code::kDeadlineExceeded, asked->Name() + " was asked last and did not answer " +
                                            within + " (look at it, or give the call more time)"});
  }
  Status trouble = call->last_error;
  if (call->stage == Call::Stage::kNeedsSession && trouble.ok()) {
    trouble = sessions_.OpeningTrouble(ShardId(call->request.shard()));
  }
  if (trouble.ok()) {
    return Fail(call, {Code::kDeadlineExceeded, "the call could not be sent " + within +
                                                    " (give it more time, or send less at once)"});
  }
  const Code code = trouble.code() == Code::kOverloaded ? Code::kOverloaded : Code::kUnavailable;
  Status failed(code, "no node could answer " + within + "; last: " + trouble.message());
  failed.set_retry_after(trouble.retry_after());
  Fail(call, std::move(failed));
}

void Engine::GiveTryUp(Call* call) {
  if (call->try_id == 0) return;
  const bool sent = nodes_.Cancel(call->asked, std::exchange(call->try_id, 0));
  if (sent) call->may_have_happened = true;
}

void Engine::Fail(Call* call, Status why) {
  GiveTryUp(call);
  if (!call->is_write && !call->is_change) {
    why.set_effect(Effect::kNotApplied);
  } else if (call->may_have_happened && why.effect() == Effect::kNotApplied) {
    why.set_effect(Effect::kUnknown);
  }
  Finish(call, std::move(why));
}

void Engine::Finish(Call* call, Result<proto::Response> result) {
  std::unique_ptr<Call> finished(call);
  wheel_.Clear(&call->alarm);
  call->active.Leave();
  call->queued.Leave();
  if (call->session != nullptr) sessions_.Finish(call);
  call->done(std::move(result));
}

void Engine::Shutdown() {
  shut_down_ = true;
  while (!calls_.empty()) {
    Fail(calls_.front(), {Code::kCancelled, "the client is shutting down"});
  }
}

}  // namespace ringfort::client

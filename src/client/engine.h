// The smart client's thinking: brings each call to a node that can answer it, before its deadline.
//
// A call goes through rounds. In a round each replica of its shard is asked at most once, one after
// the other, at once: first whom the last NotPrimary named, then who is thought to lead, then the
// others, distrusted nodes last. A round in vain is followed by a pause with jitter, which ends
// early when another call finds the shard's primary. What the meta group is asked goes the same way
// through all nodes of the map. So hints that point at each other in a circle
// cost a bounded number of requests, and a failover is noticed within a few milliseconds.
//
// A try without an answer is given up after a while, and its late answer is dropped: a write is
// repeated by the same session and sequence, so the second copy gets the first one's outcome
// (protocols 7).
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/random.h"
#include "client/call.h"
#include "client/channel.h"
#include "client/nodes.h"
#include "client/routing.h"
#include "client/sessions.h"
#include "client/timer_wheel.h"
#include "client/tuning.h"
#include "env/loop.h"

namespace ringfort::client {

/// Lives on one loop: all calls, and the destruction, are made there. The code is in three files:
/// engine.cc (a call's life), tries.cc (whom to ask) and answers.cc (what an answer means).
class Engine final : private Sessions::Host {
 public:
  /// `loop` and `dialer` outlive it. Equal seeds and events give equal runs.
  Engine(env::Loop& loop, Dialer& dialer, const Tuning& tuning, std::uint64_t seed);
  /// After Shutdown().
  ~Engine() override;
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  /// Asks the seeds (at least one) one after the other for the map. `done` gets ok, or kUnavailable
  /// with each seed and why it did not answer. Other calls are started after an ok only.
  void FindCluster(const std::vector<std::string>& seeds, MonotonicTime deadline, Duration timeout,
                   std::function<void(Status)> done);

  /// Brings the call to its end, and calls its `done` once: at its deadline at the latest. `done`
  /// may be called inside Start, and may start other calls.
  void Start(std::unique_ptr<Call> call);

  [[nodiscard]] const Routing& routing() const { return routing_; }

  /// Ends every call by kCancelled, and so whatever is started later.
  void Shutdown();

 private:
  using ActiveCalls = IntrusiveList<Call, &Call::active>;
  using PausedCalls = IntrusiveList<Call, &Call::queued>;

  // engine.cc: a call's life.
  void OnAlarm(Call* call);
  void OnDeadline(Call* call);
  void Finish(Call* call, Result<proto::Response> result);
  /// Ends a call that has failed; adds to the status what is known of a write's effect.
  void Fail(Call* call, Status why);
  /// Takes back the try that is under way, if there is one.
  void GiveTryUp(Call* call);
  void OnSessionReady(Call* write) override { Ask(write); }
  void OnSessionRefused(Call* write, const Status& why) override { Fail(write, why); }
  void StartOwn(std::unique_ptr<Call> call) override { Start(std::move(call)); }

  // tries.cc: whom to ask.
  /// Asks the next node of the round, or pauses when there is none.
  void Ask(Call* call);
  Node* Choose(Call* call);
  Node* ChooseReplica(Call* call);
  Node* ChooseCandidate(Call* call);
  void FillCandidates(Call* call);
  void Send(Call* call, Node* node);
  /// How long this try may stay without an answer.
  [[nodiscard]] Duration TryTimeout(const Call& call) const;
  void OnTryTimeout(Call* call);
  void Pause(Call* call, const Backoff& backoff, Duration at_least = Duration::zero());
  void PauseAfterRound(Call* call);
  /// The node answered as the shard's primary: calls that wait for one go on.
  void FoundPrimary(ShardId shard, Node* node);
  void WakePaused(ShardId shard);
  void RefreshMap();

  // answers.cc: what an answer means.
  void OnAnswer(Call* call, Result<proto::Response> answer);
  void OnNoAnswer(Call* call, const Status& why);
  void OnSuccess(Call* call, proto::Response response);
  void OnNewMap();
  void OnError(Call* call, const proto::Error& error);
  void OnNotPrimary(Call* call, NodeId hint);
  /// The node does not lead the call's shard, as it seems.
  void ForgetPrimary(const Call* call, const Node* node);
  void OnSessionExpired(Call* call, Status why);

  env::Loop& loop_;
  const Tuning tuning_;
  Random random_;
  Nodes nodes_;
  Routing routing_;
  std::vector<Node*> seeds_;
  TimerWheel wheel_;
  ActiveCalls calls_;
  /// Who is thought to lead the meta group; null unknown.
  Node* meta_primary_ = nullptr;
  /// By shard: calls whose pause ends when the primary is found.
  std::deque<PausedCalls> paused_;
  bool refreshing_ = false;
  MonotonicTime refresh_after_ = kNever;
  bool shut_down_ = false;
  Sessions sessions_;
};

}  // namespace ringfort::client

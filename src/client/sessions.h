// The client's sessions, one per shard: opening, numbering writes, keeping alive (protocols 7).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <unordered_map>

#include "base/ids.h"
#include "client/call.h"
#include "client/sequence_window.h"
#include "client/tuning.h"
#include "env/loop.h"

namespace ringfort::client {

/// Shared by its shard and the writes that go by it: those keep it after the shard has dropped it.
struct Session {
  ShardId shard;
  SessionId id;
  SequenceWindow window;
  /// When a request by it that succeeded was last sent.
  MonotonicTime used;
};

/// Lives on the client's loop. A write asks for a number, waits in its shard's queue where it must
/// (no session yet, or the window is full), and says when it has ended.
class Sessions {
 public:
  /// The engine, as sessions see it.
  class Host {
   public:
    virtual ~Host() = default;
    /// The write has its session and number now.
    virtual void OnSessionReady(Call* write) = 0;
    /// There will be no session for it.
    virtual void OnSessionRefused(Call* write, const Status& why) = 0;
    /// Starts a call of the sessions' own.
    virtual void StartOwn(std::unique_ptr<Call> call) = 0;
  };

  Sessions(env::Loop& loop, const Tuning& tuning, Host& host);
  ~Sessions();
  Sessions(const Sessions&) = delete;
  Sessions& operator=(const Sessions&) = delete;

  /// The write wants a session and a number: Host::OnSessionReady or OnSessionRefused follows,
  /// perhaps at once. A write that ends while it waits just leaves (Call::queued).
  void Admit(Call* write);
  /// The write has its answer, or was given up: its number is finished.
  void Finish(Call* write);
  /// The shard does not know the write's session any more. Later writes open another. The write has
  /// no session afterwards.
  void Expired(Call* write);

  /// Why the shard has no session yet, as far as is known; ok when nothing failed.
  [[nodiscard]] Status OpeningTrouble(ShardId shard) const;

 private:
  using Queue = IntrusiveList<Call, &Call::queued>;
  struct Shard {
    std::shared_ptr<Session> session;
    /// The call that opens one; null when none is on its way.
    const Call* opening = nullptr;
    Queue waiting;
  };

  Shard& Of(ShardId shard) { return shards_[shard]; }
  void Open(ShardId shard);
  void OnOpened(ShardId shard, const Result<proto::Response>& answer);
  void AdmitWaiting(Shard& shard);
  void Give(Shard& shard, Call* write);
  void KeepIdleSessions();
  void Keep(const std::shared_ptr<Session>& session);

  env::Loop& loop_;
  const Tuning& tuning_;
  Host& host_;
  std::unordered_map<ShardId, Shard> shards_;
  env::TimerId keep_timer_ = 0;
};

}  // namespace ringfort::client

// One request of the client on its way to an answer, through as many tries as it takes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "base/ids.h"
#include "base/time.h"
#include "client/channel.h"
#include "client/intrusive_list.h"
#include "client/nodes.h"
#include "client/timer_wheel.h"
#include "ringfort/client.pb.h"
#include "ringfort/status.h"

namespace ringfort::client {

struct Session;

/// The first part is filled in by whoever makes the call, on any thread; then it belongs to the
/// Engine.
struct Call {
  /// A response without an error, or why there is none, with its effect (always kNotApplied for
  /// what is no write).
  using Done = std::function<void(Result<proto::Response>)>;
  enum class Target : std::uint8_t {
    kPrimary,      ///< Of the request's shard.
    kAnyReplica,   ///< Of the request's shard.
    kAnyNode,      ///< Of the map, or of the seeds while there is no map.
    kNode,         ///< That `node`, asked once.
    kMetaPrimary,  ///< Of the meta group; every node is asked who that is.
  };

  Target target = Target::kPrimary;
  /// It goes with a session and a sequence number. Target kPrimary.
  bool is_write = false;
  /// It changes something and goes without a session: to repeat it is safe, and its failure says
  /// whether it may have happened. Targets kMetaPrimary and kNode.
  bool is_change = false;
  NodeId node;
  /// kAnyNode: fail as soon as every node failed once, instead of asking until the deadline; unless
  /// one says that it is there and cannot answer yet.
  bool one_round = false;
  /// With body and shard; the rest is the engine's.
  proto::Request request;
  MonotonicTime deadline;
  /// What the deadline was made of, for messages.
  Duration timeout{};
  Done done;

  // ---- The engine's.

  enum class Stage : std::uint8_t { kNew, kNeedsSession, kTrying, kPaused };
  Stage stage = Stage::kNew;

  /// Among all calls of the engine.
  Hook active;
  /// kPaused: in its shard's list of those to wake when the primary is known.
  /// kNeedsSession: in its shard's queue for a session.
  Hook queued;
  /// The next of deadline, try's timeout, and end of the pause.
  TimerWheel::Alarm alarm;

  /// kTrying: who was asked, by which request, when it was sent and how much the node had answered
  /// then.
  Node* asked = nullptr;
  Channel::RequestId try_id = 0;
  MonotonicTime asked_at;
  std::uint64_t answers_before = 0;

  /// Who was asked since the last pause: bits of the shard's replicas in their order, the last bit
  /// for a node that is none of them.
  std::uint32_t asked_mask = 0;
  /// The node that the last NotPrimary named; null none.
  Node* hint = nullptr;
  /// kAnyNode, kMetaPrimary: whom to ask in this round, and who is next.
  std::vector<Node*> candidates;
  std::size_t next_candidate = 0;

  std::uint32_t unanswered_tries = 0;
  std::uint32_t pauses = 0;
  /// Why the last try failed; ok while none has.
  Status last_error;

  /// Writes: the session and number it goes by; null and 0 while it has none.
  std::shared_ptr<Session> session;
  Sequence sequence;
  std::uint32_t lost_sessions = 0;
  /// Writes and changes: some try may have reached a server, and nothing that came back says what
  /// became of it.
  bool may_have_happened = false;
};

}  // namespace ringfort::client

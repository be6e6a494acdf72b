// One of the two connections that this node dials to one peer, kept up.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "base/random.h"
#include "env/transport.h"
#include "net/address.h"
#include "net/connection.h"
#include "net/event_loop.h"
#include "net/handshake.h"

namespace ringfort::net {

/// What a lane tells whoever keeps the links. On the control loop.
class PeerLaneOwner {
 public:
  virtual ~PeerLaneOwner() = default;
  [[nodiscard]] virtual LocalIdentity Local() const = 0;
  /// The peer has answered our hello. Not ok: it is not to be talked to.
  virtual Status OnLaneUp(env::Lane lane, const RemoteIdentity& remote,
                          const std::shared_ptr<Connection>& connection) = 0;
  virtual void OnLaneDown(NodeId node, env::Lane lane) = 0;
  virtual void OnLaneRefused(NodeId node) = 0;
  virtual void OnLaneEvent(const std::string& line) = 0;
};

/// Dials, says hello, and dials again when that fails or the connection ends: at once after one
/// that was up, otherwise after a growing, bounded pause. Of the control loop, on which it is made,
/// used and stopped. `owner`, `loop` and `group` outlive it.
class PeerLane final : public Connection::Handler, public std::enable_shared_from_this<PeerLane> {
 public:
  PeerLane(EventLoop* loop, ConnectionGroup* group, PeerLaneOwner* owner, NodeId node,
           Address address, env::Lane lane, std::uint64_t seed);

  void Start() { Dial(); }
  /// Ends for good: no call to the owner comes after this.
  void Stop();
  /// The peer shows signs of life: if the lane is in a pause, it dials now.
  void Hurry();

  void OnOpen(const std::shared_ptr<Connection>& connection) override;
  void OnFrames(std::span<const wire::Frame> frames) override;
  void OnClosed(const CloseReason& reason) override;

 private:
  enum class State : std::uint8_t { kPausing, kDialing, kUp, kStopped };

  void Dial();
  void DialAfter(Duration pause);
  void TakeReply(const wire::Frame& frame);
  /// The peer, or we, will not have this link: it is tried again, but slowly.
  void Reject(const Status& why);
  /// The next pause, with jitter: between half and all of a length that doubles each time.
  Duration NextPause();

  EventLoop* const loop_;
  ConnectionGroup* const group_;
  PeerLaneOwner* const owner_;
  const NodeId node_;
  const Address address_;
  const env::Lane lane_;
  Random random_;

  State state_ = State::kPausing;
  std::shared_ptr<Connection> connection_;
  env::TimerId timer_ = 0;
  Duration pause_;
  MonotonicTime up_since_ = kNever;
  /// The other side was reached and refused: hurrying does not help.
  bool rejected_ = false;
  /// The last that was reported, so that a lasting fault is one line.
  std::string reported_;
};

}  // namespace ringfort::net

// One dial of one lane to one peer: from the SYN to the end of its connection.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>

#include "env/transport.h"
#include "net/address.h"
#include "net/connection.h"
#include "net/event_loop.h"
#include "net/handshake.h"

namespace ringfort::net {

class PeerDial;

/// What a dial tells its lane. On the control loop.
class PeerDialOwner {
 public:
  virtual ~PeerDialOwner() = default;
  /// What this node says of itself at the moment.
  [[nodiscard]] virtual LocalIdentity Local() const = 0;
  /// It is connected, and its hello is on its way.
  virtual void OnDialOpen(PeerDial* dial) = 0;
  /// The peer has answered the hello, and is who was dialed.
  virtual void OnDialAnswered(PeerDial* dial) = 0;
  /// The peer's machine acknowledges nothing of what was sent; see Connection::Handler.
  virtual void OnDialStalled(PeerDial* dial) = 0;
  /// The peer refuses this node as an old copy of its directory.
  virtual void OnDialOldCopy(const std::string& why) = 0;
  /// The last call.
  virtual void OnDialEnded(PeerDial* dial, const CloseReason& reason) = 0;
};

/// Of the control loop.
class PeerDial final : public Connection::Handler, public std::enable_shared_from_this<PeerDial> {
 public:
  struct Target {
    Address address;
    NodeId node;
    env::Lane lane = env::Lane::kLiveness;
  };

  /// `owner` is told until Abandon().
  PeerDial(PeerDialOwner* owner, EventLoop* loop, env::DialNumber number, Target target);

  void Start(ConnectionGroup* group, std::size_t outbox_bytes_max);
  /// Closes the connection, drops what waits on it, and tells its owner nothing any more.
  void Abandon(Status why);
  /// We will not have this peer: says goodbye with `why`.
  void Reject(const Status& why);

  [[nodiscard]] env::DialNumber number() const { return number_; }
  [[nodiscard]] const std::shared_ptr<Connection>& connection() const { return connection_; }
  /// Who has answered.
  [[nodiscard]] const std::optional<RemoteIdentity>& remote() const { return remote_; }
  /// The peer refused this link, or we did: dialing again soon does not help.
  [[nodiscard]] bool rejected() const { return rejected_; }
  [[nodiscard]] MonotonicTime began_at() const { return began_at_; }
  /// When the peer's machine answered the SYN, and its process the hello; kNever: not yet.
  [[nodiscard]] MonotonicTime opened_at() const { return opened_at_; }
  [[nodiscard]] MonotonicTime answered_at() const { return answered_at_; }

  void OnOpen(const std::shared_ptr<Connection>& connection) override;
  void OnFrames(std::span<const wire::Frame> frames) override;
  void OnStalled() override;
  void OnClosed(const CloseReason& reason) override;

 private:
  void TakeGoodbye(const wire::Frame& frame);
  void TakeReply(const wire::Frame& frame);

  PeerDialOwner* owner_;
  EventLoop* const loop_;
  const env::DialNumber number_;
  const Target target_;
  const MonotonicTime began_at_;

  std::shared_ptr<Connection> connection_;
  std::optional<RemoteIdentity> remote_;
  MonotonicTime opened_at_ = kNever;
  MonotonicTime answered_at_ = kNever;
  bool rejected_ = false;
};

}  // namespace ringfort::net

// The client's side of a link to one node: many requests in flight on one connection.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/random.h"
#include "net/address.h"
#include "net/connection.h"
#include "net/event_loop.h"
#include "net/handshake.h"
#include "net/slot_table.h"
#include "ringfort/client.pb.h"
#include "ringfort/status.h"

namespace ringfort::net {

/// Dials when it is first used, and again after the connection broke, with a short, growing pause
/// in which calls fail at once with the error of the last dial. Has no deadline for a call: that is
/// the caller's, who gives one up with Cancel(). All of it is for the thread of its loop, but
/// construction. Made by std::make_shared; ended by Close().
class Channel final : public Connection::Handler, public std::enable_shared_from_this<Channel> {
 public:
  struct Options {
    /// What is known of the cluster; either may be empty.
    std::string cluster_name;
    ClusterId cluster_id;
    /// Name resolution and connecting, and then the handshake, each.
    Duration connect_timeout = std::chrono::seconds(1);
    std::size_t in_flight_max = 16'384;
    /// Of requests that the socket has not taken yet.
    std::size_t outbox_bytes_max = std::size_t{64} << 20;
    /// Shifts the pauses between dials.
    std::uint64_t seed = 0;
  };

  /// A status where no response came; its effect is kNotApplied when the request has certainly not
  /// left this process, kUnknown otherwise (also for reads: the channel does not know what it
  /// carries). A response may hold an error of its own.
  using Completion = std::function<void(Result<proto::Response>)>;

  /// `group` outlives the channel's connections: see Connection.
  Channel(EventLoop* loop, ConnectionGroup* group, Address address, Options options);

  /// The completion is called exactly once, on the loop, never inside Call, unless the call is
  /// cancelled. Returns the call's number, 0 when the call has failed already.
  std::uint64_t Call(const proto::Request& request, Completion done);
  /// Forgets the call: its completion is not called any more. Whether a write happened stays open.
  void Cancel(std::uint64_t call);
  /// Fails all calls with `why`, and every later one with kCancelled.
  void Close(const Status& why);

  /// What the node's hello said, when a connection was ever up.
  [[nodiscard]] const std::optional<RemoteIdentity>& remote() const { return remote_; }
  [[nodiscard]] bool connected() const { return state_ == State::kUp; }
  [[nodiscard]] std::size_t in_flight() const { return calls_.size(); }
  [[nodiscard]] const Address& address() const { return address_; }

  void OnOpen(const std::shared_ptr<Connection>& connection) override;
  void OnFrames(std::span<const wire::Frame> frames) override;
  void OnClosed(const CloseReason& reason) override;

 private:
  enum class State : std::uint8_t { kIdle, kDialing, kUp };
  struct OneCall {
    /// Where the request begins among all bytes sent into the connection.
    std::uint64_t begin = 0;
    Completion done;
  };

  void Dial();
  void TakeReply(const wire::Frame& frame);
  void TakeResponse(const wire::Frame& frame);
  void TakeGoodbye(const wire::Frame& frame);
  void BreakOff(Status why);
  /// Completes a call that was refused here, from the loop's queue.
  void FailLater(Completion done, Status why);

  EventLoop* const loop_;
  ConnectionGroup* const group_;
  const Address address_;
  const Options options_;
  Random random_;

  State state_ = State::kIdle;
  /// Close() was called.
  bool closed_ = false;
  std::shared_ptr<Connection> connection_;
  SlotTable<OneCall> calls_;
  /// Requests that wait for the handshake, as frames.
  std::string backlog_;
  std::optional<RemoteIdentity> remote_;

  /// Calls fail with last_error_ until then.
  MonotonicTime dial_again_ = kNever;
  Duration pause_;
  Status last_error_;
  /// What the other side said on leaving; more telling than that it left.
  Status goodbye_;
};

}  // namespace ringfort::net

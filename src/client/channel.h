// The door to the nodes, as the client's thinking needs it: implemented by src/sdk over sockets and
// by the tests in memory.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "ringfort/client.pb.h"
#include "ringfort/status.h"

namespace ringfort::client {

/// Requests to one node, many in flight at once. Lives on the client's loop; all calls are made
/// there. Destroying it forgets the requests in flight without calling their `done`.
class Channel {
 public:
  /// An answer of the node (which may hold an error), or why there is none. Such a status says by
  /// its effect whether the node may have the request: kNotApplied when it certainly has not, else
  /// kUnknown; its message names the node's address.
  using Done = std::function<void(Result<proto::Response>)>;
  /// Of one request of this channel; 0 is none.
  using RequestId = std::uint64_t;

  virtual ~Channel() = default;

  /// Sends the request, connecting first where needed. `done` is called once, never inside Send;
  /// until then, or until Cancel, the request stays where it is and as it is.
  virtual RequestId Send(const proto::Request& request, Done done) = 0;
  /// Gives the request up: its `done` is not called any more. Returns whether the node may have it;
  /// false only when no byte of it was, or will be, handed to the socket. The request is in flight.
  virtual bool Cancel(RequestId request) = 0;
};

class Dialer {
 public:
  virtual ~Dialer() = default;
  /// A channel to HOST:PORT. Does not wait, and does not connect before the first request.
  virtual std::unique_ptr<Channel> Open(const std::string& address) = 0;
};

}  // namespace ringfort::client

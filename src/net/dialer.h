// From an address to a connected socket.
#pragma once

#include <optional>

#include "base/time.h"
#include "net/address.h"
#include "net/asio.h"

namespace ringfort::net {

/// One dial. Of the thread of its io_context; outlives the coroutine.
class Dialer {
 public:
  explicit Dialer(asio::io_context* context)
      : context_(context), resolver_(*context), socket_(*context) {}

  /// Resolves the name and tries its addresses one after the other, each on a socket of its own and
  /// no longer than `answer_max`: the kernel would wait a second before it sends a SYN again, and
  /// longer each time.
  asio::awaitable<ErrorCode> Connect(Address address, Duration answer_max);
  /// Connect() ends with an error soon.
  void Cancel();
  /// Once Connect() has succeeded.
  Tcp::socket TakeSocket() { return std::move(socket_); }

 private:
  asio::awaitable<ErrorCode> ConnectTo(Tcp::endpoint endpoint, Duration answer_max);

  asio::io_context* const context_;
  Tcp::resolver resolver_;
  Tcp::socket socket_;
  bool cancelled_ = false;
};

}  // namespace ringfort::net

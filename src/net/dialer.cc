#include "net/dialer.h"

#include <memory>
#include <string>
#include <utility>

namespace ringfort::net {

asio::awaitable<ErrorCode> Dialer::Connect(Address address, Duration answer_max) {
  ErrorCode not_numeric;
  const asio::ip::address ip = asio::ip::make_address(address.host, not_numeric);
  if (!not_numeric) {
    co_return co_await ConnectTo(Tcp::endpoint(ip, address.port), answer_max);
  }
  const std::string port = std::to_string(address.port);
  const auto [resolve_error, endpoints] =
      co_await resolver_.async_resolve(address.host, port, kAwait);
  ErrorCode error = resolve_error ? resolve_error : ErrorCode(asio::error::host_not_found);
  for (const auto& entry : endpoints) {
    if (cancelled_) break;
    error = co_await ConnectTo(entry.endpoint(), answer_max);
    if (!error) break;
  }
  co_return cancelled_ ? ErrorCode(asio::error::operation_aborted) : error;
}

asio::awaitable<ErrorCode> Dialer::ConnectTo(Tcp::endpoint endpoint, Duration answer_max) {
  socket_ = Tcp::socket(*context_);
  bool given_up = false;
  const auto waits = std::make_shared<bool>(true);
  asio::steady_timer timer(*context_, answer_max);
  timer.async_wait([this, &given_up, waits](ErrorCode cancelled) {
    if (cancelled || !*waits) return;  // The coroutine may have gone on already.
    given_up = true;
    ErrorCode ignored;  // Closed either way.
    socket_.close(ignored);
  });
  const auto [error] = co_await socket_.async_connect(endpoint, kAwait);
  *waits = false;
  co_return given_up ? ErrorCode(asio::error::timed_out) : error;
}

void Dialer::Cancel() {
  cancelled_ = true;
  resolver_.cancel();
  ErrorCode ignored;  // Closed either way.
  socket_.close(ignored);
}

}  // namespace ringfort::net

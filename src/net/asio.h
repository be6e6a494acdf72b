// What net uses of Boost.Asio, under the names that net uses.
#pragma once

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <exception>

namespace ringfort::net {

namespace asio = boost::asio;
using Tcp = asio::ip::tcp;
using ErrorCode = boost::system::error_code;

/// Coroutines get the error code as a value: nothing here throws for what a network does.
inline constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);

/// An exception that leaves a coroutine is a bug, or no memory: it leaves io_context::run and ends
/// the process.
inline constexpr auto kRethrow = [](std::exception_ptr error) {
  if (error != nullptr) std::rethrow_exception(error);
};

}  // namespace ringfort::net

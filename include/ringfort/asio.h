// The data API for programs that use Boost.Asio: each call takes a completion token, and so is a
// callback, a future or a coroutine from one function.
//
//   #include <ringfort/asio.h>
//
//   boost::asio::awaitable<void> Greet(ringfort::Client& client) {
//     ringfort::Result<ringfort::Found> found =
//         co_await ringfort::AsyncGet(client, {"user:17", "name"}, {}, boost::asio::use_awaitable);
//   }
//   std::future<ringfort::Result<ringfort::Version>> put =
//       ringfort::AsyncPut(client, "k", "v", {}, boost::asio::use_future);
//
// Handlers run on their associated executor, never inside the call; those without one run on the
// client's thread and must not block it (where a call is refused at once, on a thread of Asio's
// own). A handler that waits keeps its executor's context running.
// The client outlives the call; arguments are copied.
//
// GCC 12 destroys aggregates and lists with strings wrongly when they are written as {...} inside a
// co_await expression: give ScanRange and lists of keys a name before.
#pragma once

#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>

#include "ringfort/client.h"

namespace ringfort {
namespace internal {

/// A call's handler, which may be moved only, and what is needed to complete it elsewhere.
template <typename T, typename Handler>
class Waiting {
 public:
  explicit Waiting(Handler handler)
      : handler_(std::move(handler)), work_(boost::asio::get_associated_executor(handler_)) {}

  /// The call has returned. On the thread that made it.
  void Started() { inside_call_ = false; }

  void Complete(T value) {
    auto complete = [handler = std::move(handler_), value = std::move(value)]() mutable {
      std::move(handler)(std::move(value));
    };
    const auto executor = work_.get_executor();
    // Only the thread that made the call can still be inside it.
    if (std::this_thread::get_id() == made_by_ && inside_call_) {
      boost::asio::post(executor, std::move(complete));
    } else {
      boost::asio::dispatch(executor, std::move(complete));
    }
    work_.reset();
  }

 private:
  Handler handler_;
  boost::asio::executor_work_guard<boost::asio::associated_executor_t<Handler>> work_;
  const std::thread::id made_by_ = std::this_thread::get_id();
  bool inside_call_ = true;
};

/// Runs `start` with the token's handler as a Callback<T>.
template <typename T, typename Token, typename Start>
auto Initiate(Token&& token, Start start) {
  return boost::asio::async_initiate<Token, void(T)>(
      [start = std::move(start)](auto handler) mutable {
        auto waiting = std::make_shared<Waiting<T, decltype(handler)>>(std::move(handler));
        start(Callback<T>([waiting](T value) { waiting->Complete(std::move(value)); }));
        waiting->Started();
      },
      token);
}

}  // namespace internal

template <typename Token>
auto AsyncGet(Client& client, Key key, GetOptions options, Token&& token) {
  using Answer = Result<Found>;
  return internal::Initiate<Answer>(
      std::forward<Token>(token),
      [&client, key = std::move(key), options](Callback<Answer> callback) {
        client.AsyncGet(key, options, std::move(callback));
      });
}

template <typename Token>
auto AsyncMultiGet(Client& client, std::vector<Key> keys, GetOptions options, Token&& token) {
  using Answer = std::vector<Result<Found>>;
  return internal::Initiate<Answer>(
      std::forward<Token>(token),
      [&client, keys = std::move(keys), options](Callback<Answer> callback) {
        client.AsyncMultiGet(keys, options, std::move(callback));
      });
}

template <typename Token>
auto AsyncPut(Client& client, Key key, std::string value, PutOptions options, Token&& token) {
  using Answer = Result<Version>;
  return internal::Initiate<Answer>(std::forward<Token>(token),
                                    [&client, key = std::move(key), value = std::move(value),
                                     options](Callback<Answer> callback) {
                                      client.AsyncPut(key, value, options, std::move(callback));
                                    });
}

template <typename Token>
auto AsyncDelete(Client& client, Key key, DeleteOptions options, Token&& token) {
  using Answer = Result<Version>;
  return internal::Initiate<Answer>(
      std::forward<Token>(token),
      [&client, key = std::move(key), options](Callback<Answer> callback) {
        client.AsyncDelete(key, options, std::move(callback));
      });
}

template <typename Token>
auto AsyncScan(Client& client, std::string shard_key, ScanRange range, ScanOptions options,
               Token&& token) {
  using Answer = Result<ScanPage>;
  return internal::Initiate<Answer>(
      std::forward<Token>(token), [&client, shard_key = std::move(shard_key),
                                   range = std::move(range), options](Callback<Answer> callback) {
        client.AsyncScan(shard_key, range, options, std::move(callback));
      });
}

template <typename Token>
auto AsyncScanAll(Client& client, std::string resume, ScanOptions options, Token&& token) {
  using Answer = Result<ScanAllPage>;
  return internal::Initiate<Answer>(
      std::forward<Token>(token),
      [&client, resume = std::move(resume), options](Callback<Answer> callback) {
        client.AsyncScanAll(resume, options, std::move(callback));
      });
}

}  // namespace ringfort

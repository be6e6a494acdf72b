// Binding and accepting; what happens on an accepted connection is in server_session.cc.
#include "net/server.h"

#include <sys/socket.h>

#include <utility>

#include "base/check.h"
#include "net/event_loop.h"
#include "net/server_session.h"

namespace ringfort::net {
namespace {

/// How long to wait when the machine has no descriptor or memory left for one more connection.
constexpr Duration kAcceptPause = std::chrono::milliseconds(100);

Status CannotListen(const std::string& address, const ErrorCode& error) {
  std::string advice = "check the address in the config";
  if (error == asio::error::address_in_use) {
    advice = "another process has the port: stop it, or give this node another port in the config";
  } else if (error == asio::error::access_denied) {
    advice = "ports below 1024 need privileges: take a higher one";
  }
  return {Code::kIoError,
          "cannot listen on " + address + ": " + error.message() + " (" + advice + ")"};
}

}  // namespace

Listener::Listener(std::vector<EventLoop*> loops, ListenerHooks hooks,
                   const ListenerOptions& options)
    : loops_(std::move(loops)),
      shared_{options, std::move(hooks), {}, {}},
      acceptor_(loops_.front()->context()),
      retry_(loops_.front()->context()) {}

Result<std::unique_ptr<Listener>> Listener::Open(const std::string& address,
                                                 std::vector<EventLoop*> loops, ListenerHooks hooks,
                                                 const ListenerOptions& options) {
  RF_CHECK(!loops.empty());
  std::unique_ptr<Listener> listener(new Listener(std::move(loops), std::move(hooks), options));
  if (Status status = listener->Bind(address); !status.ok()) return status;
  listener->accepting_ = 1;
  asio::co_spawn(listener->loops_.front()->context(), listener->AcceptAll(), kRethrow);
  return listener;
}

Status Listener::Bind(const std::string& text) {
  Result<Address> address = ParseAddress(text);
  if (!address.ok()) return address.status();
  ErrorCode error;
  Tcp::resolver resolver(loops_.front()->context());
  const auto endpoints =
      resolver.resolve(address->host, std::to_string(address->port), Tcp::resolver::passive, error);
  if (error) return CannotListen(text, error);
  const Tcp::endpoint endpoint = endpoints.begin()->endpoint();
  acceptor_.open(endpoint.protocol(), error);
  if (!error) acceptor_.set_option(Tcp::acceptor::reuse_address(true), error);
  if (!error) acceptor_.bind(endpoint, error);
  if (!error) acceptor_.listen(SOMAXCONN, error);
  if (error) return CannotListen(text, error);
  port_ = acceptor_.local_endpoint(error).port();
  return error ? CannotListen(text, error) : Status::Ok();
}

Listener::~Listener() {
  Stop({Code::kCancelled, "the node is shutting down; ask another"});
}

void Listener::StopAccepting() {
  std::unique_lock lock(mutex_);
  if (accepting_ == 0) return;
  asio::post(loops_.front()->context(), [this] {
    ErrorCode ignored;  // Closed either way.
    acceptor_.close(ignored);
    retry_.cancel();
  });
  changed_.wait(lock, [this] { return accepting_ == 0; });
}

void Listener::Stop(const Status& why) {
  StopAccepting();
  shared_.group.Shutdown(why);
}

asio::awaitable<void> Listener::AcceptAll() {
  while (acceptor_.is_open()) {
    EventLoop* loop = loops_[next_loop_++ % loops_.size()];
    auto [error, socket] = co_await acceptor_.async_accept(loop->context(), kAwait);
    if (!acceptor_.is_open()) break;
    if (error) {
      // The client may have gone again already; or the machine is short of something. Either way
      // the node goes on, without spinning.
      shared_.hooks.on_event("cannot accept a connection: " + error.message() +
                             " (if it goes on, raise the limit of open files)");
      retry_.expires_after(kAcceptPause);
      const auto [cancelled] = co_await retry_.async_wait(kAwait);
      static_cast<void>(cancelled);
      continue;
    }
    Accepted(loop, std::move(socket));
  }
  const std::lock_guard lock(mutex_);
  --accepting_;
  changed_.notify_all();
}

void Listener::Accepted(EventLoop* loop, Tcp::socket socket) {
  shared_.counters.accepted.fetch_add(1, std::memory_order_relaxed);
  {
    const std::lock_guard lock(mutex_);
    ++accepting_;
  }
  asio::post(loop->context(), [this, loop, socket = std::move(socket)]() mutable {
    BeginSession(&shared_, loop, std::move(socket));
    const std::lock_guard lock(mutex_);
    --accepting_;
    changed_.notify_all();
  });
}

}  // namespace ringfort::net

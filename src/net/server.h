// A node's one port: takes connections of clients and peers, finds out who they are, and hands over
// what they send.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "env/transport.h"
#include "net/address.h"
#include "net/connection.h"
#include "net/connection_group.h"
#include "net/dial_ledger.h"
#include "net/handshake.h"
#include "ringfort/client.pb.h"

namespace ringfort::net {

/// Takes the answers to one client's requests. Keep it as long as an answer is due. Thread-safe.
class Responder {
 public:
  virtual ~Responder() = default;
  /// Answers one request, in any order; again, or when the client has gone: nothing. A response
  /// over the frame limit goes out as a kTooLarge error. A client that lets its answers pile up is
  /// closed.
  virtual void Send(std::uint64_t request_id, const proto::Response& response) = 0;
};

struct IncomingRequest {
  std::shared_ptr<Responder> responder;
  /// Names the request to its responder; not the number that the client chose.
  std::uint64_t request_id = 0;
  proto::Request request;
};

class RequestHandler {
 public:
  virtual ~RequestHandler() = default;
  /// What one read from one client brought; take from the batch by moving. Called on the loop of
  /// the connection, so on several threads at a time. Must not block. Each request is to be
  /// answered.
  virtual void OnRequests(std::span<IncomingRequest> batch) = 0;
};

/// What decides over incoming peers and takes what they say: PeerLinks. All but control_loop() is
/// called on that loop.
class PeerGate {
 public:
  /// Names a connection that was let in.
  using Admission = DialLedger::Admission;

  virtual ~PeerGate() = default;
  [[nodiscard]] virtual EventLoop* control_loop() const = 0;
  /// Not ok: the peer is refused with that; kCancelled where that is no news for an operator.
  virtual Result<Admission> Admit(const PeerHello& hello,
                                  const std::shared_ptr<Connection>& connection) = 0;
  /// Messages of a connection that was replaced come all the same: they are the gate's to drop.
  virtual void OnPeerMessage(const PeerHello& from, Admission admission,
                             std::string_view message) = 0;
  /// The connection has ended.
  virtual void OnPeerClosed(const PeerHello& from, Admission admission) = 0;
};

/// What a listener has seen since it began. Each is exact, none is consistent with another.
struct ListenerCounters {
  std::atomic<std::uint64_t> accepted{0};
  std::atomic<std::uint64_t> closed_rubbish{0};
  std::atomic<std::uint64_t> closed_oversized{0};
  std::atomic<std::uint64_t> closed_wrong_cluster{0};
  /// A peer showed a lower boot number than before: an old copy of a directory (protocols 1).
  std::atomic<std::uint64_t> closed_old_boot{0};
  std::atomic<std::uint64_t> closed_too_many{0};
  /// Clients that did not read their answers.
  std::atomic<std::uint64_t> closed_slow_reader{0};
  std::atomic<std::uint64_t> handshake_timeouts{0};
  std::atomic<std::uint64_t> requests{0};
  std::atomic<std::uint64_t> requests_overloaded{0};
  std::atomic<std::uint64_t> requests_unreadable{0};
  /// Now, not since the beginning.
  std::atomic<std::uint64_t> open_connections{0};
  std::atomic<std::uint64_t> client_connections{0};
  Traffic traffic;
};

struct ListenerOptions {
  /// Connections that are not peers'; one more is told kOverloaded.
  std::size_t client_connections_max = 10'000;
  Duration handshake_timeout = std::chrono::seconds(5);
  /// Per client, of requests that are not answered yet. One more is answered kOverloaded.
  std::size_t in_flight_max = 16'384;
  std::size_t in_flight_bytes_max = std::size_t{64} << 20;
  /// Per client, of answers that it has not read.
  std::size_t outbox_bytes_max = std::size_t{64} << 20;
};

/// What a listener works for. All of it outlives the listener; all functions are thread-safe.
struct ListenerHooks {
  /// Asked at each handshake.
  std::function<LocalIdentity()> identity;
  RequestHandler* requests = nullptr;
  PeerGate* peers = nullptr;
  /// One line about a connection that was refused or closed for cause. Not limited in rate.
  std::function<void(const std::string& line)> on_event;
};

/// Everything that a listener's connections need of it.
struct ListenerShared {
  ListenerOptions options;
  ListenerHooks hooks;
  ListenerCounters counters;
  ConnectionGroup group;
};

class Listener {
 public:
  /// Listens on "HOST:PORT", a numeric address or a name of this machine, and spreads what it
  /// accepts over `loops` in turn. The loops outlive it.
  static Result<std::unique_ptr<Listener>> Open(const std::string& address,
                                                std::vector<EventLoop*> loops, ListenerHooks hooks,
                                                const ListenerOptions& options = {});
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;
  /// Stops.
  ~Listener();

  /// Takes no new connection; when it returns the port is closed. Not on a loop. Again: nothing.
  void StopAccepting();
  /// Stops accepting, says goodbye with `why` to all, and returns when no callback can come any
  /// more. Not on a loop. Again: nothing.
  void Stop(const Status& why);

  /// The port that it listens on, also where 0 was asked for.
  [[nodiscard]] std::uint16_t port() const { return port_; }
  [[nodiscard]] const ListenerCounters& counters() const { return shared_.counters; }

 private:
  Listener(std::vector<EventLoop*> loops, ListenerHooks hooks, const ListenerOptions& options);
  Status Bind(const std::string& text);
  asio::awaitable<void> AcceptAll();
  void Accepted(EventLoop* loop, Tcp::socket socket);

  const std::vector<EventLoop*> loops_;
  ListenerShared shared_;
  std::uint16_t port_ = 0;

  // Of the first loop.
  Tcp::acceptor acceptor_;
  asio::steady_timer retry_;
  std::size_t next_loop_ = 0;

  std::mutex mutex_;
  std::condition_variable changed_;
  // With mutex_: how many coroutines and posted tasks still touch this.
  std::size_t accepting_ = 0;
};

}  // namespace ringfort::net

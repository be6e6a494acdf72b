// Three handlers, one after the other on one connection: a stranger, who becomes a client or a
// peer.
#include "net/server_session.h"

#include <mutex>
#include <optional>
#include <utility>

#include "net/connection.h"
#include "net/slot_table.h"
#include "wire/request_parts.h"
#include "wire/status_codec.h"

namespace ringfort::net {
namespace {

using Kind = CloseReason::Kind;

/// What a client is told to wait before it sends more, when its requests fill what it may have in
/// flight.
constexpr std::chrono::milliseconds kOverloadedWait{20};

void Count(std::atomic<std::uint64_t>* counter) {
  counter->fetch_add(1, std::memory_order_relaxed);
}

CloseReason UnexpectedFrame(wire::FrameType type, std::string_view from) {
  return {Kind::kRubbish,
          {Code::kInvalidArgument, "a frame of type " + std::string(wire::FrameTypeName(type)) +
                                       " is not what a " + std::string(from) +
                                       " may send now; use programs of one release"}};
}

/// What every one of them does when the connection ends.
void Account(ListenerShared* shared, const std::string& remote, const CloseReason& reason) {
  ListenerCounters& counters = shared->counters;
  switch (reason.kind) {
    case Kind::kRubbish: Count(&counters.closed_rubbish); break;
    case Kind::kOversized: Count(&counters.closed_oversized); break;
    case Kind::kTimedOut: Count(&counters.handshake_timeouts); break;
    case Kind::kOwner:
    case Kind::kEnded:
    case Kind::kBroken:
    case Kind::kRefused:
    case Kind::kUnreachable: return;
  }
  shared->hooks.on_event("closed the connection from " + remote + ": " + reason.status.ToString());
}

// --- A client ------------------------------------------------------------------------------------

class ClientSession final : public Connection::Handler,
                            public Responder,
                            public std::enable_shared_from_this<ClientSession> {
 public:
  ClientSession(ListenerShared* shared, std::shared_ptr<Connection> connection)
      : shared_(shared),
        in_flight_max_(shared->options.in_flight_max),
        in_flight_bytes_max_(shared->options.in_flight_bytes_max),
        connection_(std::move(connection)) {}

  void OnOpen(const std::shared_ptr<Connection>& /*connection*/) override {}
  void OnFrames(std::span<const wire::Frame> frames) override;
  void OnClosed(const CloseReason& reason) override;
  void Send(std::uint64_t request_id, const proto::Response& response) override;

 private:
  struct InFlight {
    std::uint64_t client_request_id = 0;
    std::size_t bytes = 0;
  };

  void TakeRequest(const wire::Frame& frame);
  /// None when the client has as much in flight as it may.
  std::optional<std::uint64_t> Enter(const wire::Frame& frame);
  void Refuse(std::uint64_t client_request_id, const Status& why);

  ListenerShared* const shared_;
  const std::size_t in_flight_max_;
  const std::size_t in_flight_bytes_max_;
  const std::shared_ptr<Connection> connection_;
  /// Of the loop's thread; kept for its memory.
  std::vector<IncomingRequest> batch_;

  std::mutex mutex_;
  // With mutex_.
  SlotTable<InFlight> in_flight_;
  std::size_t in_flight_bytes_ = 0;
};

void ClientSession::OnFrames(std::span<const wire::Frame> frames) {
  std::optional<CloseReason> end;
  for (const wire::Frame& frame : frames) {
    if (frame.type == wire::FrameType::kGoodbye) {
      end = CloseReason{Kind::kOwner, {Code::kCancelled, "the client said goodbye"}};
    } else if (frame.type != wire::FrameType::kRequest) {
      end = UnexpectedFrame(frame.type, "client");
    } else {
      TakeRequest(frame);
    }
    if (end) break;
  }
  if (!batch_.empty()) {
    shared_->counters.requests.fetch_add(batch_.size(), std::memory_order_relaxed);
    shared_->hooks.requests->OnRequests(batch_);
    batch_.clear();
  }
  if (end) connection_->SayGoodbye(*std::move(end));
}

void ClientSession::TakeRequest(const wire::Frame& frame) {
  if (!wire::HasFewParts(frame.payload)) {
    Count(&shared_->counters.requests_unreadable);
    Refuse(frame.request_id,
           {Code::kTooLarge, "the request has too many keys or operations; send fewer at once"});
    return;
  }
  IncomingRequest& incoming = batch_.emplace_back();
  if (!incoming.request.ParseFromArray(frame.payload.data(),
                                       static_cast<int>(frame.payload.size()))) {
    batch_.pop_back();
    Count(&shared_->counters.requests_unreadable);
    // The frame was whole, so the stream is sound: only this request is answered with an error.
    Refuse(frame.request_id, {Code::kInvalidArgument,
                              "the request cannot be read; use a client of the cluster's release"});
    return;
  }
  const std::optional<std::uint64_t> ticket = Enter(frame);
  if (!ticket) {
    batch_.pop_back();
    Count(&shared_->counters.requests_overloaded);
    Status overloaded(
        Code::kOverloaded,
        "too many requests of this connection wait for an answer; send fewer at once");
    Refuse(frame.request_id, overloaded.set_retry_after(kOverloadedWait));
    return;
  }
  incoming.request_id = *ticket;
  incoming.responder = shared_from_this();
}

std::optional<std::uint64_t> ClientSession::Enter(const wire::Frame& frame) {
  const std::lock_guard lock(mutex_);
  if (in_flight_.size() >= in_flight_max_ || in_flight_bytes_ >= in_flight_bytes_max_) {
    return std::nullopt;
  }
  in_flight_bytes_ += frame.payload.size();
  return in_flight_.Insert({frame.request_id, frame.payload.size()});
}

void ClientSession::Refuse(std::uint64_t client_request_id, const Status& why) {
  proto::Response response;
  wire::EncodeStatus(why, response.mutable_error());
  if (connection_->Send(wire::FrameType::kResponse, client_request_id, response) == Sent::kFull) {
    connection_->Close({Code::kOverloaded, "the client does not read its answers"});
  }
}

void ClientSession::Send(std::uint64_t request_id, const proto::Response& response) {
  std::optional<InFlight> request;
  {
    const std::lock_guard lock(mutex_);
    request = in_flight_.Take(request_id);
    if (!request) return;
    in_flight_bytes_ -= request->bytes;
  }
  switch (connection_->Send(wire::FrameType::kResponse, request->client_request_id, response)) {
    case Sent::kQueued:
    case Sent::kClosed: return;
    case Sent::kTooLarge:
      Refuse(request->client_request_id,
             {Code::kTooLarge, "the answer is over the limit of a frame; ask for less at once"});
      return;
    case Sent::kFull:
      connection_->Close({Code::kOverloaded, "the client does not read its answers"});
      return;
  }
}

void ClientSession::OnClosed(const CloseReason& reason) {
  shared_->counters.client_connections.fetch_sub(1, std::memory_order_relaxed);
  shared_->counters.open_connections.fetch_sub(1, std::memory_order_relaxed);
  if (reason.kind == Kind::kOwner && reason.status.code() == Code::kOverloaded) {
    Count(&shared_->counters.closed_slow_reader);
    shared_->hooks.on_event("closed the connection from " + connection_->remote() + ": " +
                            reason.status.ToString());
  }
  Account(shared_, connection_->remote(), reason);
}

// --- A peer --------------------------------------------------------------------------------------

class PeerSession final : public Connection::Handler,
                          public std::enable_shared_from_this<PeerSession> {
 public:
  PeerSession(ListenerShared* shared, std::shared_ptr<Connection> connection,
              const PeerHello& hello, PeerGate::Admission admission)
      : shared_(shared), connection_(std::move(connection)), hello_(hello), admission_(admission) {}

  void OnOpen(const std::shared_ptr<Connection>& /*connection*/) override {}
  void OnFrames(std::span<const wire::Frame> frames) override;
  void OnClosed(const CloseReason& reason) override;

 private:
  void HandOver(std::span<const wire::Frame> frames) const {
    for (const wire::Frame& frame : frames) {
      shared_->hooks.peers->OnPeerMessage(hello_, admission_, frame.payload);
    }
  }

  ListenerShared* const shared_;
  const std::shared_ptr<Connection> connection_;
  const PeerHello hello_;
  const PeerGate::Admission admission_;
};

/// The gate outlives the listener, and what its loop was handed before it ended.
void TellClosed(PeerGate* gate, const PeerHello& hello, PeerGate::Admission admission) {
  gate->control_loop()->Post([gate, hello, admission] { gate->OnPeerClosed(hello, admission); });
}

void PeerSession::OnFrames(std::span<const wire::Frame> frames) {
  std::size_t good = 0;
  while (good < frames.size() && frames[good].type == wire::FrameType::kPeer) ++good;
  std::optional<CloseReason> end;
  if (good < frames.size() && frames[good].type == wire::FrameType::kGoodbye) {
    end = CloseReason{Kind::kOwner, {Code::kCancelled, "the peer said goodbye"}};
  } else if (good < frames.size()) {
    end = UnexpectedFrame(frames[good].type, "peer");
  }
  const std::span<const wire::Frame> messages = frames.first(good);
  EventLoop* control = shared_->hooks.peers->control_loop();
  if (messages.empty() || control == connection_->loop()) {
    HandOver(messages);
  } else {
    // The other loop reads the messages where they lie: nothing is copied, and no more than one
    // read's worth waits there, for this connection stands still meanwhile.
    connection_->Pause();
    control->Post([self = shared_from_this(), messages] {
      self->HandOver(messages);
      self->connection_->Resume();
    });
  }
  if (end) connection_->SayGoodbye(*std::move(end));
}

void PeerSession::OnClosed(const CloseReason& reason) {
  TellClosed(shared_->hooks.peers, hello_, admission_);
  shared_->counters.open_connections.fetch_sub(1, std::memory_order_relaxed);
  Account(shared_, connection_->remote(), reason);
}

// --- A stranger ----------------------------------------------------------------------------------

class Stranger final : public Connection::Handler, public std::enable_shared_from_this<Stranger> {
 public:
  explicit Stranger(ListenerShared* shared) : shared_(shared) {}

  void OnOpen(const std::shared_ptr<Connection>& connection) override;
  void OnFrames(std::span<const wire::Frame> frames) override;
  void OnClosed(const CloseReason& reason) override;

 private:
  /// Refuses with a Goodbye and reports it.
  void Refuse(Status why);
  /// Answers the hello; the connection is the next handler's from now on.
  void Welcome(const LocalIdentity& local, proto::Hello::Role to,
               std::shared_ptr<Connection::Handler> next);
  /// Asks the gate, on its loop, while the connection stands still.
  void AskGate(const PeerHello& hello, const LocalIdentity& local);
  void OnDecided(const PeerHello& hello, const LocalIdentity& local,
                 const Result<PeerGate::Admission>& admission);

  ListenerShared* const shared_;
  std::shared_ptr<Connection> connection_;
};

void Stranger::OnOpen(const std::shared_ptr<Connection>& connection) {
  connection_ = connection;
  Count(&shared_->counters.open_connections);
  // Counted as a client until it shows that it is a peer, so that strangers are bounded too.
  const std::uint64_t others =
      shared_->counters.client_connections.fetch_add(1, std::memory_order_relaxed);
  if (others >= shared_->options.client_connections_max) {
    Count(&shared_->counters.closed_too_many);
    Status overloaded(Code::kOverloaded,
                      "the node has as many clients as it may; try another node");
    connection_->SayGoodbye(overloaded.set_retry_after(std::chrono::seconds(1)));
    return;
  }
  connection_->SetDeadline(shared_->options.handshake_timeout,
                           {Code::kDeadlineExceeded,
                            "no hello came in time; only Ringfort's clients and nodes may dial "
                            "this port"});
}

void Stranger::OnFrames(std::span<const wire::Frame> frames) {
  const wire::Frame& frame = frames.front();
  proto::Hello hello;
  if (frame.type != wire::FrameType::kHello) {
    connection_->SayGoodbye(UnexpectedFrame(frame.type, "stranger"));
    return;
  }
  if (!hello.ParseFromArray(frame.payload.data(), static_cast<int>(frame.payload.size()))) {
    connection_->SayGoodbye(CloseReason{
        Kind::kRubbish,
        {Code::kInvalidArgument, "the hello cannot be read; use programs of one release"}});
    return;
  }
  const LocalIdentity local = shared_->hooks.identity();
  if (Status status = CheckHello(hello, local); !status.ok()) {
    Count(status.code() == Code::kWrongCluster ? &shared_->counters.closed_wrong_cluster
                                               : &shared_->counters.closed_rubbish);
    Refuse(std::move(status));
    return;
  }
  if (hello.role() != proto::Hello::PEER) {
    Welcome(local, hello.role(), std::make_shared<ClientSession>(shared_, connection_));
    return;
  }
  const Result<PeerHello> peer = DecodePeerHello(hello);
  if (!peer.ok()) {
    Refuse(peer.status());
    return;
  }
  AskGate(*peer, local);
}

void Stranger::AskGate(const PeerHello& hello, const LocalIdentity& local) {
  connection_->Pause();
  // Held while it stands still, as is what is shared: the listener waits for Resume().
  shared_->hooks.peers->control_loop()->Post([self = shared_from_this(), connection = connection_,
                                              hello, local] {
    Result<PeerGate::Admission> admission = self->shared_->hooks.peers->Admit(hello, connection);
    connection->loop()->Post([self, connection, hello, local, admission = std::move(admission)] {
      self->OnDecided(hello, local, admission);
      connection->Resume();
    });
  });
}

void Stranger::OnDecided(const PeerHello& hello, const LocalIdentity& local,
                         const Result<PeerGate::Admission>& admission) {
  if (connection_ == nullptr) {  // It has ended meanwhile.
    if (admission.ok()) TellClosed(shared_->hooks.peers, hello, *admission);
    return;
  }
  if (!admission.ok()) {
    if (admission.status().code() == kOldCopy) Count(&shared_->counters.closed_old_boot);
    Refuse(admission.status());
    return;
  }
  shared_->counters.client_connections.fetch_sub(1, std::memory_order_relaxed);
  Welcome(local, proto::Hello::PEER,
          std::make_shared<PeerSession>(shared_, connection_, hello, *admission));
}

void Stranger::Welcome(const LocalIdentity& local, proto::Hello::Role to,
                       std::shared_ptr<Connection::Handler> next) {
  const std::shared_ptr<Connection> connection = std::exchange(connection_, nullptr);
  connection->set_handshake_done();
  // The outbox is empty, so the reply is always taken.
  static_cast<void>(connection->Send(wire::FrameType::kHelloReply, 0, MakeHelloReply(local, to)));
  connection->set_handler(std::move(next));
}

void Stranger::Refuse(Status why) {
  if (why.code() != Code::kCancelled) {
    shared_->hooks.on_event("refused the connection from " + connection_->remote() + ": " +
                            why.ToString());
  }
  connection_->SayGoodbye(std::move(why));
}

void Stranger::OnClosed(const CloseReason& reason) {
  if (connection_ == nullptr) return;  // Never opened: the listener is stopping.
  shared_->counters.client_connections.fetch_sub(1, std::memory_order_relaxed);
  shared_->counters.open_connections.fetch_sub(1, std::memory_order_relaxed);
  Account(shared_, connection_->remote(), reason);
  connection_ = nullptr;
}

}  // namespace

void BeginSession(ListenerShared* shared, EventLoop* loop, Tcp::socket socket) {
  Connection::Options options;
  options.outbox_bytes_max = shared->options.outbox_bytes_max;
  options.traffic = &shared->counters.traffic;
  const auto connection = std::make_shared<Connection>(loop, &shared->group,
                                                       std::make_shared<Stranger>(shared), options);
  connection->Adopt(std::move(socket));
}

}  // namespace ringfort::net

// Reading is a coroutine; writing is a chain of completions, since it is begun from outside.
#include "net/connection.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/check.h"
#include "net/connection_group.h"
#include "net/event_loop.h"
#include "wire/status_codec.h"

namespace ringfort::net {
namespace {

/// How long the other side has to read a Goodbye and close.
constexpr Duration kLingerMax = std::chrono::milliseconds(500);
/// A connection whose other machine answers nothing for so long is broken.
constexpr int kSilenceMaxSeconds = 15;
/// Read buffers up to here are kept for the next frames; larger ones go back when they are empty.
constexpr std::size_t kKeptBufferBytes = std::size_t{256} << 10;
/// How much more memory than has arrived an announced frame may ask for.
constexpr std::size_t kGrowthMax = 4;
/// How often a connection on which bytes wait is looked at.
constexpr Duration kLookPause = std::chrono::milliseconds(50);

/// A buffer sequence that is cheap to copy, as asio does.
struct BufferList {
  using value_type = asio::const_buffer;
  using const_iterator = const asio::const_buffer*;
  [[nodiscard]] const_iterator begin() const { return first; }
  [[nodiscard]] const_iterator end() const { return last; }
  const_iterator first;
  const_iterator last;
};

CloseReason ByOwner(Status why) {
  return {CloseReason::Kind::kOwner, std::move(why)};
}

}  // namespace

Connection::Connection(EventLoop* loop, ConnectionGroup* group, std::shared_ptr<Handler> handler,
                       const Options& options)
    : loop_(loop),
      group_(group),
      options_(options),
      handler_(std::move(handler)),
      outbox_(options.outbox_bytes_max) {}

// --- Beginning -----------------------------------------------------------------------------------

bool Connection::Begin() {
  RF_CHECK(loop_->on_thread() && !begun_);
  begun_ = true;
  if (!group_->Add(shared_from_this())) return false;
  deadline_.emplace(loop_->context());
  next_look_.emplace(loop_->context());
  resumed_.emplace(loop_->context(), asio::steady_timer::time_point::max());
  reading_ = true;
  return true;
}

void Connection::Adopt(Tcp::socket socket) {
  if (!Begin()) {
    EndLife(ByOwner({Code::kCancelled, "this side is shutting down"}), false);
    return;
  }
  socket_.emplace(std::move(socket));
  SetSocketOptions();
  open_ = true;
  handler_->OnOpen(shared_from_this());
  asio::co_spawn(loop_->context(), ReadAll(shared_from_this()), kRethrow);
}

void Connection::Dial(Address address, Duration timeout, Duration answer_max) {
  remote_ = address.ToString();
  if (!Begin()) {
    loop_->Post([self = shared_from_this()] {
      self->EndLife(ByOwner({Code::kCancelled, "this side is shutting down"}), false);
    });
    return;
  }
  socket_.emplace(loop_->context());
  dialer_.emplace(&loop_->context());
  SetDeadline(timeout,
              {Code::kUnavailable, "no connection to " + remote_ +
                                       " in time; check that the machine is up and that no "
                                       "firewall is in between"});
  asio::co_spawn(loop_->context(), DialAndRead(shared_from_this(), std::move(address), answer_max),
                 kRethrow);
}

void Connection::SetSocketOptions() {
  ErrorCode error;
  const Tcp::endpoint remote = socket_->remote_endpoint(error);
  if (!error) remote_ = Address{remote.address().to_string(), remote.port()}.ToString();
  // Each of these only tunes; a socket that refuses one is about to fail anyway.
  socket_->set_option(Tcp::no_delay(true), error);
  const auto set = [this](int level, int name, int value) {
    ::setsockopt(socket_->native_handle(), level, name, &value, sizeof(value));
  };
  set(SOL_SOCKET, SO_KEEPALIVE, 1);
  set(IPPROTO_TCP, TCP_KEEPIDLE, kSilenceMaxSeconds / 3);
  set(IPPROTO_TCP, TCP_KEEPINTVL, kSilenceMaxSeconds / 3);
  set(IPPROTO_TCP, TCP_KEEPCNT, 2);
  set(IPPROTO_TCP, TCP_USER_TIMEOUT, kSilenceMaxSeconds * 1000);
}

asio::awaitable<void> Connection::DialAndRead(std::shared_ptr<Connection> self, Address address,
                                              Duration answer_max) {
  const ErrorCode error = co_await dialer_->Connect(std::move(address), answer_max);
  if (!closed_ && error) {
    CloseNow(ReasonFor(error));
  } else if (!closed_) {
    ClearDeadline();
    *socket_ = dialer_->TakeSocket();
    SetSocketOptions();
    open_ = true;
    handler_->OnOpen(self);
    StartWrite();
    co_await ReadLoop();
  }
  reading_ = false;
  LetGo();
}

asio::awaitable<void> Connection::ReadAll(std::shared_ptr<Connection> self) {
  co_await ReadLoop();
  reading_ = false;
  self->LetGo();
}

// --- Reading -------------------------------------------------------------------------------------

asio::awaitable<void> Connection::ReadLoop() {
  while (socket_->is_open()) {
    MakeRoom();
    const asio::mutable_buffer room(buffer_.get() + end_, capacity_ - end_);
    const auto [error, bytes] = co_await socket_->async_read_some(room, kAwait);
    if (error) {
      if (closed_) {
        ShutSocket();
      } else {
        CloseNow(ReasonFor(error));
      }
      co_return;
    }
    if (lingering_) continue;  // What comes after a Goodbye is read only to be thrown away.
    if (closed_) co_return;
    end_ += bytes;
    if (options_.traffic != nullptr) {
      options_.traffic->bytes_in.fetch_add(bytes, std::memory_order_relaxed);
    }
    while (!closed_) {
      Status rubbish = DecodeBatch();
      if (!batch_.empty()) {
        Deliver();
        if (paused_) co_await WaitUntilResumed();
        continue;
      }
      if (!rubbish.ok()) {
        const auto kind = rubbish.code() == Code::kTooLarge ? CloseReason::Kind::kOversized
                                                            : CloseReason::Kind::kRubbish;
        CloseGently({kind, std::move(rubbish)});
      }
      break;
    }
  }
}

asio::awaitable<void> Connection::WaitUntilResumed() {
  while (paused_) {
    // Ends with an error, as meant, when Resume() cancels it.
    const auto [cancelled] = co_await resumed_->async_wait(kAwait);
    static_cast<void>(cancelled);
  }
}

void Connection::Resume() {
  loop_->Post([self = shared_from_this()] {
    self->paused_ = false;
    self->resumed_->cancel();
  });
}

Status Connection::DecodeBatch() {
  batch_.clear();
  const std::size_t frames_max = handshake_done_ ? SIZE_MAX : 1;
  const std::size_t frame_bytes_max =
      handshake_done_ ? limits::kFrameMax : limits::kFrameBeforeHandshakeMax;
  while (batch_.size() < frames_max) {
    const std::string_view bytes(buffer_.get() + begin_, end_ - begin_);
    wire::DecodedFrame decoded = wire::DecodeFrame(bytes, frame_bytes_max);
    wanted_bytes_ = decoded.size_bytes;
    if (decoded.state == wire::DecodedFrame::State::kRubbish) return std::move(decoded.error);
    if (decoded.state == wire::DecodedFrame::State::kNeedMore) break;
    batch_.push_back(decoded.frame);
    begin_ += decoded.size_bytes;
  }
  return Status::Ok();
}

void Connection::Deliver() {
  // The handler may replace itself, or close, in the call.
  const std::shared_ptr<Handler> handler = handler_;
  handler->OnFrames(batch_);
}

void Connection::MakeRoom() {
  if (begin_ == end_ || lingering_) {
    begin_ = end_ = 0;
    if (capacity_ < options_.read_buffer_bytes || capacity_ > kKeptBufferBytes) {
      Reallocate(options_.read_buffer_bytes);
    }
    return;
  }
  const bool short_of_room = capacity_ - end_ < capacity_ / 4;
  if (short_of_room && begin_ > 0 && wanted_bytes_ <= capacity_) {
    std::memmove(buffer_.get(), buffer_.get() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
    return;
  }
  if (end_ < capacity_) return;
  // Memory grows with what has arrived, not with what a header claims.
  Reallocate(
      std::clamp(wanted_bytes_, capacity_ + options_.read_buffer_bytes, kGrowthMax * capacity_));
}

void Connection::Reallocate(std::size_t bytes) {
  auto larger = std::make_unique_for_overwrite<char[]>(bytes);
  if (end_ > begin_) std::memcpy(larger.get(), buffer_.get() + begin_, end_ - begin_);
  buffer_ = std::move(larger);
  capacity_ = bytes;
  end_ -= begin_;
  begin_ = 0;
}

void Connection::set_handshake_done() {
  handshake_done_ = true;
  ClearDeadline();
}

void Connection::ClearDeadline() {
  ++deadline_number_;
  if (deadline_) deadline_->cancel();
}

void Connection::SetDeadline(Duration timeout, Status status) {
  deadline_status_ = std::move(status);
  deadline_->expires_after(timeout);
  const std::uint64_t number = ++deadline_number_;
  deadline_->async_wait([self = shared_from_this(), number](ErrorCode cancelled) {
    // The number tells when it was cleared, or set anew, with this call already on its way.
    if (cancelled || number != self->deadline_number_) return;
    if (self->lingering_) {
      self->ShutSocket();
    } else {
      self->CloseNow({CloseReason::Kind::kTimedOut, self->deadline_status_});
    }
  });
}

// --- Writing -------------------------------------------------------------------------------------

Sent Connection::Send(wire::FrameType type, std::uint64_t request_id,
                      const google::protobuf::MessageLite& message) {
  const std::lock_guard lock(mutex_);
  if (outbox_shut_) return Sent::kClosed;
  const Sent sent = outbox_.Append(type, request_id, message);
  if (sent == Sent::kQueued) WakeWriter();
  return sent;
}

Sent Connection::Send(wire::FrameType type, std::uint64_t request_id, std::string payload) {
  const std::lock_guard lock(mutex_);
  if (outbox_shut_) return Sent::kClosed;
  const Sent sent = outbox_.Append(type, request_id, std::move(payload));
  if (sent == Sent::kQueued) WakeWriter();
  return sent;
}

Sent Connection::SendEncoded(std::string_view frames) {
  const std::lock_guard lock(mutex_);
  if (outbox_shut_) return Sent::kClosed;
  const Sent sent = outbox_.AppendEncoded(frames);
  if (sent == Sent::kQueued) WakeWriter();
  return sent;
}

void Connection::WakeWriter() {
  if (writer_awake_) return;
  writer_awake_ = true;
  // Posted with the lock held: once the outbox is shut, nobody touches the loop through this any
  // more.
  asio::post(loop_->context(), [self = shared_from_this()] { self->StartWrite(); });
}

void Connection::StartWrite() {
  // While dialing, the end of the dial starts the writer.
  if (!open_ || writing_ || !socket_ || !socket_->is_open()) return;
  {
    const std::lock_guard lock(mutex_);
    if (!outbox_.Take(&chunks_)) {
      writer_awake_ = false;
      if (lingering_) Lingered();
      return;
    }
    writer_awake_ = true;
  }
  write_buffers_.clear();
  for (const std::string& chunk : chunks_) write_buffers_.emplace_back(chunk.data(), chunk.size());
  writing_ = true;
  WatchProgress();
  const BufferList buffers{write_buffers_.data(), write_buffers_.data() + write_buffers_.size()};
  asio::async_write(*socket_, buffers, [self = shared_from_this()](ErrorCode error, std::size_t n) {
    self->OnWritten(error, n);
  });
}

void Connection::OnWritten(ErrorCode error, std::size_t bytes) {
  writing_ = false;
  if (options_.traffic != nullptr) {
    options_.traffic->bytes_out.fetch_add(bytes, std::memory_order_relaxed);
  }
  if (error) {
    if (closed_) {
      ShutSocket();
    } else {
      CloseNow(ReasonFor(error));
    }
    LetGo();
    return;
  }
  {
    const std::lock_guard lock(mutex_);
    outbox_.MarkWritten();
  }
  StartWrite();
  LetGo();
}

void Connection::WatchProgress() {
  if (!options_.watch_progress || watching_) return;
  watching_ = true;
  next_look_->expires_after(kLookPause);
  next_look_->async_wait([self = shared_from_this()](ErrorCode cancelled) {
    if (!cancelled) self->LookAtProgress();
  });
}

void Connection::LookAtProgress() {
  watching_ = false;
  if (closed_) return;
  const std::optional<TcpState> state = ReadTcpState(socket_->native_handle());
  if (!state) return;  // About to end.
  const bool stalled = progress_.IsStalled(*state, loop_->Now());
  if (state->has_bytes || writing_) WatchProgress();
  if (!stalled) return;
  const std::shared_ptr<Handler> handler = handler_;  // It may close in the call.
  handler->OnStalled();
}

std::uint64_t Connection::appended_bytes() const {
  const std::lock_guard lock(mutex_);
  return outbox_.appended_bytes();
}

std::uint64_t Connection::taken_bytes() const {
  const std::lock_guard lock(mutex_);
  return outbox_.taken_bytes();
}

// --- Ending --------------------------------------------------------------------------------------

void Connection::Close(Status why) {
  {
    const std::lock_guard lock(mutex_);
    if (outbox_shut_) return;
    if (!loop_->on_thread()) {
      asio::post(loop_->context(), [self = shared_from_this(), why = std::move(why)]() mutable {
        self->CloseNow(ByOwner(std::move(why)));
      });
      return;
    }
  }
  CloseNow(ByOwner(std::move(why)));
}

void Connection::SayGoodbye(Status why) {
  SayGoodbye(ByOwner(std::move(why)));
}

void Connection::SayGoodbye(CloseReason reason) {
  {
    const std::lock_guard lock(mutex_);
    if (outbox_shut_) return;
    if (!loop_->on_thread()) {
      asio::post(loop_->context(),
                 [self = shared_from_this(), reason = std::move(reason)]() mutable {
                   self->CloseGently(std::move(reason));
                 });
      return;
    }
  }
  CloseGently(std::move(reason));
}

void Connection::CloseNow(CloseReason reason) {
  if (closed_) return;
  EndLife(reason, false);
  ShutSocket();
}

void Connection::CloseGently(CloseReason reason) {
  if (closed_) return;
  if (!open_) {
    CloseNow(std::move(reason));
    return;
  }
  lingering_ = true;
  SetDeadline(kLingerMax, reason.status);
  EndLife(reason, true);
  StartWrite();
}

void Connection::EndLife(const CloseReason& reason, bool farewell) {
  closed_ = true;
  {
    const std::lock_guard lock(mutex_);
    if (farewell) {
      proto::Goodbye goodbye;
      wire::EncodeStatus(reason.status, goodbye.mutable_error());
      // Over a full outbox the other side learns it from the end of the connection alone.
      static_cast<void>(outbox_.Append(wire::FrameType::kGoodbye, 0, goodbye));
    }
    outbox_shut_ = true;
  }
  const std::shared_ptr<Handler> handler = std::move(handler_);
  handler_ = nullptr;
  handler->OnClosed(reason);
}

void Connection::Lingered() {
  ErrorCode ignored;  // The reader sees whatever is wrong.
  socket_->shutdown(Tcp::socket::shutdown_send, ignored);
}

void Connection::ShutSocket() {
  lingering_ = false;
  ErrorCode ignored;  // Closed either way.
  if (socket_) socket_->close(ignored);
  if (dialer_) dialer_->Cancel();
  if (next_look_) next_look_->cancel();
  ClearDeadline();
}

void Connection::LetGo() {
  if (reading_ || writing_ || !closed_ || !socket_ || lingering_) return;
  ShutSocket();
  socket_.reset();
  dialer_.reset();
  deadline_.reset();
  next_look_.reset();
  resumed_.reset();
  // The last step: the group, and then the loop, may go once it is taken.
  group_->Remove(this);
}

CloseReason Connection::ReasonFor(ErrorCode error) const {
  using Kind = CloseReason::Kind;
  if (!open_) {
    if (error == asio::error::connection_refused) {
      return {Kind::kRefused,
              {Code::kUnavailable, remote_ + " refused the connection; check that a "
                                             "node runs there"}};
    }
    return {Kind::kUnreachable,
            {Code::kUnavailable,
             "cannot connect to " + remote_ + ": " + error.message() + "; check the address"}};
  }
  if (error == asio::error::eof) {
    return {Kind::kEnded, {Code::kUnavailable, remote_ + " closed the connection; try again"}};
  }
  return {Kind::kBroken,
          {Code::kUnavailable,
           "the connection to " + remote_ + " broke: " + error.message() + "; try again"}};
}

}  // namespace ringfort::net

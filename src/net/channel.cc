// Requests out, responses in, and what to say when neither goes.
#include "net/channel.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "wire/status_codec.h"

namespace ringfort::net {
namespace {

constexpr Duration kPauseMin = std::chrono::milliseconds(10);
constexpr Duration kPauseMax = std::chrono::milliseconds(500);

}  // namespace

Channel::Channel(EventLoop* loop, ConnectionGroup* group, Address address, Options options)
    : loop_(loop),
      group_(group),
      address_(std::move(address)),
      options_(std::move(options)),
      random_(options_.seed),
      pause_(kPauseMin) {}

std::uint64_t Channel::Call(const proto::Request& request, Completion done) {
  RF_CHECK(loop_->on_thread());
  if (closed_) {
    FailLater(std::move(done), {Code::kCancelled, "the client is shut down"});
    return 0;
  }
  if (calls_.size() >= options_.in_flight_max || backlog_.size() >= options_.outbox_bytes_max) {
    FailLater(std::move(done), {Code::kOverloaded, "too many requests to " + address_.ToString() +
                                                       " wait for an answer; send fewer at once"});
    return 0;
  }
  if (state_ == State::kIdle) {
    const MonotonicTime now = loop_->Now();
    if (now < dial_again_) {
      Status error = last_error_;
      error.set_retry_after(std::chrono::ceil<std::chrono::milliseconds>(dial_again_ - now));
      FailLater(std::move(done), std::move(error));
      return 0;
    }
    Dial();
  }

  OneCall call;
  if (state_ == State::kUp) call.begin = connection_->appended_bytes();
  const std::uint64_t number = calls_.Insert(std::move(call));
  Sent sent = Sent::kQueued;
  if (state_ == State::kUp) {
    sent = connection_->Send(wire::FrameType::kRequest, number, request);
  } else {
    calls_.Find(number)->begin = backlog_.size();
    if (!wire::AppendFrame(&backlog_, wire::FrameType::kRequest, number, request)) {
      sent = Sent::kTooLarge;
    }
  }
  if (sent == Sent::kQueued) {
    calls_.Find(number)->done = std::move(done);
    return number;
  }
  calls_.Take(number);
  if (sent == Sent::kTooLarge) {
    FailLater(std::move(done), {Code::kTooLarge,
                                "the request is over the limit of a frame; send less "
                                "at once"});
  } else {
    FailLater(std::move(done),
              {Code::kOverloaded, address_.ToString() + " does not take requests as fast as they "
                                                        "come; send fewer at once"});
  }
  return 0;
}

void Channel::FailLater(Completion done, Status why) {
  loop_->Post([done = std::move(done), why = std::move(why)] { done(why); });
}

void Channel::Cancel(std::uint64_t call) {
  calls_.Take(call);
}

void Channel::Close(const Status& why) {
  RF_CHECK(loop_->on_thread());
  closed_ = true;
  const std::shared_ptr<Connection> connection = connection_;
  if (connection != nullptr) connection->Close(why);
}

void Channel::Dial() {
  state_ = State::kDialing;
  goodbye_ = Status::Ok();
  Connection::Options options;
  options.outbox_bytes_max = options_.outbox_bytes_max;
  connection_ = std::make_shared<Connection>(loop_, group_, shared_from_this(), options);
  connection_->Dial(address_, options_.connect_timeout, options_.connect_timeout);
}

void Channel::OnOpen(const std::shared_ptr<Connection>& connection) {
  connection->SetDeadline(
      options_.connect_timeout,
      {Code::kUnavailable, address_.ToString() + " accepts connections but does not answer a "
                                                 "hello; check what runs there"});
  // The outbox is empty, so the hello is always taken.
  static_cast<void>(connection->Send(wire::FrameType::kHello, 0,
                                     MakeClientHello(options_.cluster_name, options_.cluster_id)));
}

void Channel::OnFrames(std::span<const wire::Frame> frames) {
  const std::shared_ptr<Connection> connection = connection_;
  for (const wire::Frame& frame : frames) {
    if (connection->closed()) return;
    if (frame.type == wire::FrameType::kResponse && state_ == State::kUp) {
      TakeResponse(frame);
    } else if (frame.type == wire::FrameType::kHelloReply && state_ == State::kDialing) {
      TakeReply(frame);
    } else if (frame.type == wire::FrameType::kGoodbye) {
      TakeGoodbye(frame);
    } else {
      BreakOff({Code::kUnavailable, address_.ToString() + " sent a frame of type " +
                                        std::string(wire::FrameTypeName(frame.type)) +
                                        " where none belongs; use programs of one release"});
    }
  }
}

void Channel::TakeReply(const wire::Frame& frame) {
  proto::HelloReply reply;
  if (!reply.ParseFromArray(frame.payload.data(), static_cast<int>(frame.payload.size()))) {
    BreakOff({Code::kUnavailable, address_.ToString() +
                                      " sent a hello that cannot be read; use programs of one "
                                      "release"});
    return;
  }
  Result<RemoteIdentity> remote =
      CheckHelloReply(reply, options_.cluster_name, options_.cluster_id, NodeId(0));
  if (!remote.ok()) {
    BreakOff({remote.status().code(), address_.ToString() + ": " + remote.status().message()});
    return;
  }
  remote_ = *std::move(remote);
  state_ = State::kUp;
  pause_ = kPauseMin;
  connection_->set_handshake_done();
  // The hello alone has been sent, so the backlog begins where the connection's bytes end now. It
  // is no longer than the outbox is wide, and the outbox is empty: the hello was answered.
  const std::uint64_t begin = connection_->appended_bytes();
  calls_.ForEach([begin](OneCall& call) { call.begin += begin; });
  if (!backlog_.empty()) static_cast<void>(connection_->SendEncoded(backlog_));
  backlog_.clear();
  backlog_.shrink_to_fit();
}

void Channel::TakeResponse(const wire::Frame& frame) {
  proto::Response response;
  if (!response.ParseFromArray(frame.payload.data(), static_cast<int>(frame.payload.size()))) {
    BreakOff({Code::kUnavailable, address_.ToString() +
                                      " sent a response that cannot be read; use programs of one "
                                      "release"});
    return;
  }
  // None: the call was cancelled meanwhile.
  std::optional<OneCall> call = calls_.Take(frame.request_id);
  if (call) call->done(std::move(response));
}

void Channel::TakeGoodbye(const wire::Frame& frame) {
  proto::Goodbye goodbye;
  Status why(Code::kUnavailable, "it closes the connection");
  if (goodbye.ParseFromArray(frame.payload.data(), static_cast<int>(frame.payload.size()))) {
    why = wire::DecodeStatus(goodbye.error());
  }
  // A node that is shutting down cancels its work; to us that is one node that cannot be had.
  const Code code = why.code() == Code::kCancelled ? Code::kUnavailable : why.code();
  Status told(code, address_.ToString() + " says: " + why.message());
  BreakOff(told.set_retry_after(why.retry_after()));
}

void Channel::BreakOff(Status why) {
  goodbye_ = why;
  connection_->Close(std::move(why));
}

void Channel::OnClosed(const CloseReason& reason) {
  const Status error = goodbye_.ok() ? reason.status : goodbye_;
  const bool was_up = state_ == State::kUp;
  const std::uint64_t taken = was_up ? connection_->taken_bytes() : 0;
  connection_ = nullptr;
  state_ = State::kIdle;
  backlog_.clear();
  last_error_ = error;
  // A connection that was up may be dialed again at once; a dial that failed waits.
  Duration pause(0);
  if (!was_up) {
    pause = pause_ / 2 + Duration(random_.Below(static_cast<std::uint64_t>((pause_ / 2).count())));
    pause_ = std::min(2 * pause_, kPauseMax);
  }
  dial_again_ = loop_->Now() + std::max<Duration>(pause, error.retry_after());
  for (OneCall& call : calls_.TakeAll()) {
    Status failed = error;
    failed.set_effect(was_up && call.begin < taken ? Effect::kUnknown : Effect::kNotApplied);
    call.done(std::move(failed));
  }
}

}  // namespace ringfort::net

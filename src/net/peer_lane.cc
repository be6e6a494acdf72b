// The state machine of one dialed connection.
#include "net/peer_lane.h"

#include <algorithm>
#include <utility>

#include "wire/status_codec.h"

namespace ringfort::net {
namespace {

constexpr Duration kConnectTimeout = std::chrono::seconds(1);
constexpr Duration kReplyTimeout = std::chrono::seconds(5);
constexpr Duration kPauseMin = std::chrono::milliseconds(10);
constexpr Duration kPauseMax = std::chrono::milliseconds(500);
/// After a rejection; twice this at most.
constexpr Duration kRejectedPause = std::chrono::seconds(1);
/// A link that lasted less is dialed again after a pause, so that one that breaks at once does not
/// spin.
constexpr Duration kLastedMin = std::chrono::milliseconds(100);

constexpr std::size_t kLivenessOutboxBytesMax = std::size_t{4} << 20;
constexpr std::size_t kBulkOutboxBytesMax = std::size_t{64} << 20;

}  // namespace

PeerLane::PeerLane(EventLoop* loop, ConnectionGroup* group, PeerLaneOwner* owner, NodeId node,
                   Address address, env::Lane lane, std::uint64_t seed)
    : loop_(loop),
      group_(group),
      owner_(owner),
      node_(node),
      address_(std::move(address)),
      lane_(lane),
      random_(seed),
      pause_(kPauseMin) {}

void PeerLane::Stop() {
  state_ = State::kStopped;
  loop_->Cancel(timer_);
  timer_ = 0;
  if (connection_ != nullptr) connection_->Close({Code::kCancelled, "the link is given up"});
  connection_ = nullptr;
}

void PeerLane::Hurry() {
  if (state_ != State::kPausing || rejected_) return;
  loop_->Cancel(timer_);
  Dial();
}

void PeerLane::Dial() {
  timer_ = 0;
  state_ = State::kDialing;
  Connection::Options options;
  options.outbox_bytes_max =
      lane_ == env::Lane::kLiveness ? kLivenessOutboxBytesMax : kBulkOutboxBytesMax;
  connection_ = std::make_shared<Connection>(loop_, group_, shared_from_this(), options);
  connection_->Dial(address_, kConnectTimeout);
}

void PeerLane::DialAfter(Duration pause) {
  state_ = State::kPausing;
  if (pause == Duration(0)) {
    Dial();
    return;
  }
  timer_ = loop_->RunAt(loop_->Now() + pause, [self = shared_from_this()] { self->Dial(); });
}

Duration PeerLane::NextPause() {
  const Duration pause = pause_;
  pause_ = std::min(2 * pause_, kPauseMax);
  return pause / 2 + Duration(random_.Below(static_cast<std::uint64_t>((pause / 2).count())));
}

void PeerLane::OnOpen(const std::shared_ptr<Connection>& connection) {
  connection->SetDeadline(
      kReplyTimeout, {Code::kDeadlineExceeded, address_.ToString() + " does not answer a hello; "
                                                                     "check what runs there"});
  // The outbox is empty, so the hello is always taken.
  static_cast<void>(
      connection->Send(wire::FrameType::kHello, 0, MakePeerHello(owner_->Local(), node_, lane_)));
}

void PeerLane::OnFrames(std::span<const wire::Frame> frames) {
  for (const wire::Frame& frame : frames) {
    if (connection_ == nullptr || connection_->closed()) return;
    if (frame.type == wire::FrameType::kGoodbye) {
      proto::Goodbye goodbye;
      Status why(Code::kUnavailable, "it said goodbye");
      if (goodbye.ParseFromArray(frame.payload.data(), static_cast<int>(frame.payload.size()))) {
        why = wire::DecodeStatus(goodbye.error());
      }
      if (why.code() == Code::kCancelled) {
        // It is shutting down, which is no refusal: what comes next on its port is news.
        connection_->Close({Code::kUnavailable, "the peer is shutting down"});
      } else {
        Reject(why);
      }
    } else if (frame.type == wire::FrameType::kHelloReply && state_ == State::kDialing) {
      TakeReply(frame);
    } else {
      connection_->SayGoodbye(CloseReason{
          CloseReason::Kind::kRubbish,
          {Code::kInvalidArgument, "a frame of type " +
                                       std::string(wire::FrameTypeName(frame.type)) +
                                       " is no answer to a peer; use programs of one release"}});
    }
  }
}

void PeerLane::TakeReply(const wire::Frame& frame) {
  proto::HelloReply reply;
  if (!reply.ParseFromArray(frame.payload.data(), static_cast<int>(frame.payload.size()))) {
    Reject({Code::kInvalidArgument, "its hello cannot be read; use programs of one release"});
    return;
  }
  const LocalIdentity local = owner_->Local();
  const Result<RemoteIdentity> remote =
      CheckHelloReply(reply, local.cluster_name, local.cluster_id, node_);
  if (!remote.ok()) {
    Reject(remote.status());
    return;
  }
  state_ = State::kUp;
  up_since_ = loop_->Now();
  connection_->set_handshake_done();
  if (Status status = owner_->OnLaneUp(lane_, *remote, connection_); !status.ok()) {
    Reject(status);
    return;
  }
  rejected_ = false;
  reported_.clear();
}

void PeerLane::Reject(const Status& why) {
  rejected_ = true;
  connection_->SayGoodbye(why);
}

void PeerLane::OnClosed(const CloseReason& reason) {
  if (state_ == State::kStopped) return;
  connection_ = nullptr;
  const bool was_up = state_ == State::kUp;
  // Pausing, not dialing, while the owner is told: it may stop this lane.
  state_ = State::kPausing;
  if (was_up) owner_->OnLaneDown(node_, lane_);
  if (reason.kind == CloseReason::Kind::kRefused) {
    rejected_ = false;
    owner_->OnLaneRefused(node_);
  }
  if (state_ == State::kStopped) return;
  const bool in_order = was_up && (reason.kind == CloseReason::Kind::kEnded ||
                                   reason.kind == CloseReason::Kind::kBroken ||
                                   reason.status.code() == Code::kUnavailable);
  if (!in_order && reported_ != reason.status.message()) {
    reported_ = reason.status.message();
    owner_->OnLaneEvent("no link to node " + std::to_string(node_.value()) + " at " +
                        address_.ToString() + ": " + reason.status.ToString());
  }
  if (rejected_) {
    DialAfter(kRejectedPause +
              Duration(random_.Below(static_cast<std::uint64_t>(kRejectedPause.count()))));
    return;
  }
  if (was_up && loop_->Now() - up_since_ >= kLastedMin) {
    pause_ = kPauseMin;
    DialAfter(Duration(0));
    return;
  }
  DialAfter(NextPause());
}

}  // namespace ringfort::net

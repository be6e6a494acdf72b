#include "net/peer_dial.h"

#include <string>
#include <utility>

#include "wire/status_codec.h"

namespace ringfort::net {
namespace {

/// Name resolution and all of a name's addresses.
constexpr Duration kConnectTimeout = std::chrono::seconds(1);
constexpr Duration kSynAnswerMax = std::chrono::milliseconds(250);
constexpr Duration kReplyTimeout = std::chrono::seconds(5);

}  // namespace

PeerDial::PeerDial(PeerDialOwner* owner, EventLoop* loop, env::DialNumber number, Target target)
    : owner_(owner),
      loop_(loop),
      number_(number),
      target_(std::move(target)),
      began_at_(loop->Now()) {}

void PeerDial::Start(ConnectionGroup* group, std::size_t outbox_bytes_max) {
  Connection::Options options;
  options.outbox_bytes_max = outbox_bytes_max;
  options.watch_progress = true;
  connection_ = std::make_shared<Connection>(loop_, group, shared_from_this(), options);
  connection_->Dial(target_.address, kConnectTimeout, kSynAnswerMax);
}

void PeerDial::Abandon(Status why) {
  owner_ = nullptr;
  connection_->Close(std::move(why));
}

void PeerDial::Reject(const Status& why) {
  rejected_ = true;
  connection_->SayGoodbye(why);
}

void PeerDial::OnOpen(const std::shared_ptr<Connection>& connection) {
  if (owner_ == nullptr) return;  // Abandoned, and about to be closed.
  opened_at_ = loop_->Now();
  connection->SetDeadline(kReplyTimeout, {Code::kDeadlineExceeded, target_.address.ToString() +
                                                                       " does not answer a hello; "
                                                                       "check what runs there"});
  // The outbox is empty, so the hello is always taken.
  static_cast<void>(
      connection->Send(wire::FrameType::kHello, 0,
                       MakePeerHello(owner_->Local(), target_.node, target_.lane, number_)));
  owner_->OnDialOpen(this);
}

void PeerDial::OnFrames(std::span<const wire::Frame> frames) {
  for (const wire::Frame& frame : frames) {
    if (owner_ == nullptr || connection_->closed()) return;
    if (frame.type == wire::FrameType::kGoodbye) {
      TakeGoodbye(frame);
    } else if (frame.type == wire::FrameType::kHelloReply && !remote_) {
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

void PeerDial::TakeGoodbye(const wire::Frame& frame) {
  proto::Goodbye goodbye;
  Status why(Code::kUnavailable, "it said goodbye");
  if (goodbye.ParseFromArray(frame.payload.data(), static_cast<int>(frame.payload.size()))) {
    why = wire::DecodeStatus(goodbye.error());
  }
  if (why.code() == Code::kCancelled) {
    // It is shutting down, or has heard of a newer dial, which is no refusal: what comes next on
    // its port is news.
    connection_->Close({Code::kUnavailable, "the peer closed the link: " + why.message()});
  } else {
    if (why.code() == kOldCopy) owner_->OnDialOldCopy(why.message());
    Reject(why);
  }
}

void PeerDial::TakeReply(const wire::Frame& frame) {
  proto::HelloReply reply;
  if (!reply.ParseFromArray(frame.payload.data(), static_cast<int>(frame.payload.size()))) {
    Reject({Code::kInvalidArgument, "its hello cannot be read; use programs of one release"});
    return;
  }
  const LocalIdentity local = owner_->Local();
  Result<RemoteIdentity> remote =
      CheckHelloReply(reply, local.cluster_name, local.cluster_id, target_.node);
  if (Status status = remote.ok() ? CheckLevels(*remote, local) : remote.status(); !status.ok()) {
    Reject(status);
    return;
  }
  remote_ = *std::move(remote);
  answered_at_ = loop_->Now();
  connection_->set_handshake_done();
  owner_->OnDialAnswered(this);
}

void PeerDial::OnStalled() {
  if (owner_ != nullptr) owner_->OnDialStalled(this);
}

void PeerDial::OnClosed(const CloseReason& reason) {
  if (PeerDialOwner* owner = std::exchange(owner_, nullptr)) owner->OnDialEnded(this, reason);
}

}  // namespace ringfort::net

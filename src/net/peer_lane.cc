// When a lane dials, and which of its connections carries it.
#include "net/peer_lane.h"

#include <algorithm>
#include <utility>

namespace ringfort::net {
namespace {

constexpr Duration kPauseMin = std::chrono::milliseconds(10);
/// As long as a SYN is waited for: a link is back within one of the two after the way is free.
constexpr Duration kPauseMax = std::chrono::milliseconds(250);
/// After a rejection; twice this at most.
constexpr Duration kRejectedPause = std::chrono::seconds(1);
/// A link that lasted less is dialed again after a pause, so that one that breaks at once does not
/// spin.
constexpr Duration kLastedMin = std::chrono::milliseconds(100);
/// A SYN that left so lately may still be answered.
constexpr Duration kSynUnderWay = std::chrono::milliseconds(50);
/// Between two connections to a process that does not answer, and from a new connection until it
/// may be doubted.
constexpr Duration kOneMoreAfter = std::chrono::seconds(1);

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
  stopped_ = true;
  loop_->Cancel(timer_);
  timer_ = 0;
  const Status why(Code::kCancelled, "the link is given up");
  AbandonAttempts(why);
  if (const auto link = std::exchange(link_, nullptr)) link->Abandon(why);
}

void PeerLane::Hurry() {
  const MonotonicTime now = loop_->Now();
  if (connecting_ != nullptr && now - connecting_->began_at() >= kSynUnderWay) {
    // Its SYN was lost while the way was cut.
    std::exchange(connecting_, nullptr)
        ->Abandon({Code::kUnavailable, "it is dialed anew, for the peer was heard"});
    Dial();
    return;
  }
  if (timer_ == 0 || rejected_) return;
  // What was asked a moment ago is about to be answered.
  if (!asked_.empty() && now - asked_.back()->opened_at() < kLastedMin) return;
  loop_->Cancel(timer_);
  Dial();
}

void PeerLane::Redial() {
  if (link_ == nullptr || loop_->Now() - link_->answered_at() < kOneMoreAfter) return;
  Suspect();
}

void PeerLane::Suspect() {
  if (suspect_) return;
  suspect_ = true;
  DialAfter(Duration(0));
}

// Dialing.

void PeerLane::Dial() {
  timer_ = 0;
  PeerDialOwner* const owner = this;
  connecting_ = std::make_shared<PeerDial>(owner, loop_, owner_->NextDial(node_),
                                           PeerDial::Target{address_, node_, lane_});
  connecting_->Start(group_,
                     lane_ == env::Lane::kLiveness ? kLivenessOutboxBytesMax : kBulkOutboxBytesMax);
}

void PeerLane::DialAfter(Duration pause) {
  if (stopped_ || connecting_ != nullptr || (link_ != nullptr && !suspect_)) return;
  loop_->Cancel(timer_);
  if (pause <= Duration(0)) {
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

void PeerLane::AbandonAttempts(const Status& why) {
  for (const auto& asked : std::exchange(asked_, {})) asked->Abandon(why);
  if (const auto connecting = std::exchange(connecting_, nullptr)) connecting->Abandon(why);
}

// What becomes of a dial.

void PeerLane::OnDialOpen(PeerDial* /*dial*/) {
  asked_.push_back(std::exchange(connecting_, nullptr));
  DialAfter(kOneMoreAfter);
}

void PeerLane::OnDialAnswered(PeerDial* /*dial*/) {
  const auto self = shared_from_this();  // The owner may let go of this lane when it is told.
  Adopt();
}

void PeerLane::Adopt() {
  // Where a newer hello is out, the peer hears nobody else once it has that.
  if (asked_.empty() || !asked_.back()->remote()) return;
  const std::shared_ptr<PeerDial> dial = std::move(asked_.back());
  asked_.pop_back();
  const Status replaced(Code::kCancelled, "a newer connection took its place");
  AbandonAttempts(replaced);
  loop_->Cancel(timer_);
  timer_ = 0;
  suspect_ = false;
  if (const auto before = std::exchange(link_, dial)) {
    // What waits there is dropped, never sent again: its sender hears that the link is another.
    before->Abandon(replaced);
    owner_->OnLaneDown(node_, lane_);
  }
  if (Status status = owner_->OnLaneUp(lane_, *dial); !status.ok()) {
    dial->Reject(status);
    return;
  }
  rejected_ = false;
  reported_.clear();
}

void PeerLane::OnDialStalled(PeerDial* dial) {
  const auto self = shared_from_this();
  if (dial == link_.get()) {
    Suspect();
    return;
  }
  const auto found =
      std::ranges::find_if(asked_, [dial](const auto& asked) { return asked.get() == dial; });
  if (found == asked_.end()) return;
  const std::shared_ptr<PeerDial> lost = std::move(*found);
  asked_.erase(found);
  lost->Abandon({Code::kUnavailable, "the peer's machine does not acknowledge the hello"});
  Adopt();
  DialAfter(Duration(0));
}

void PeerLane::OnDialEnded(PeerDial* dial, const CloseReason& reason) {
  const auto self = shared_from_this();
  const bool was_link = dial == link_.get();
  const std::shared_ptr<PeerDial> ended = was_link ? link_ : dial->shared_from_this();
  if (was_link) {
    link_ = nullptr;
    suspect_ = false;
  } else if (dial == connecting_.get()) {
    connecting_ = nullptr;
  } else {
    std::erase(asked_, ended);
  }
  if (was_link) owner_->OnLaneDown(node_, lane_);
  if (reason.kind == CloseReason::Kind::kRefused) {
    rejected_ = false;
    owner_->OnLaneRefused(node_);
  }
  if (stopped_) return;  // The owner may have stopped this lane in the call.
  const bool in_order = was_link && (reason.kind == CloseReason::Kind::kEnded ||
                                     reason.kind == CloseReason::Kind::kBroken ||
                                     reason.status.code() == Code::kUnavailable);
  if (!in_order) Report(reason);
  if (ended->rejected()) {
    rejected_ = true;
    DialAfter(kRejectedPause +
              Duration(random_.Below(static_cast<std::uint64_t>(kRejectedPause.count()))));
    return;
  }
  Adopt();
  if (!asked_.empty() && timer_ != 0) return;  // One more is dialed in time.
  const MonotonicTime now = loop_->Now();
  if (was_link && now - ended->answered_at() >= kLastedMin) {
    pause_ = kPauseMin;
    DialAfter(Duration(0));
    return;
  }
  // Of a SYN that was waited for, the wait was the pause.
  DialAfter(NextPause() - (was_link ? Duration(0) : now - ended->began_at()));
}

void PeerLane::Report(const CloseReason& reason) {
  if (reported_ == reason.status.message()) return;
  reported_ = reason.status.message();
  owner_->OnLaneEvent("no link to node " + std::to_string(node_.value()) + " at " +
                      address_.ToString() + ": " + reason.status.ToString());
}

}  // namespace ringfort::net

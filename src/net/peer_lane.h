// One of the two links that this node dials to one peer, kept up.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/random.h"
#include "env/transport.h"
#include "net/address.h"
#include "net/event_loop.h"
#include "net/handshake.h"
#include "net/peer_dial.h"

namespace ringfort::net {

/// What a lane tells whoever keeps the links. On the control loop.
class PeerLaneOwner {
 public:
  virtual ~PeerLaneOwner() = default;
  [[nodiscard]] virtual LocalIdentity Local() const = 0;
  /// For a dial to the node; grows with every call.
  [[nodiscard]] virtual env::DialNumber NextDial(NodeId node) = 0;
  /// The peer has answered the hello of `dial`, which carries the lane from now on. Not ok: it is
  /// not to be talked to.
  virtual Status OnLaneUp(env::Lane lane, const PeerDial& dial) = 0;
  virtual void OnLaneDown(NodeId node, env::Lane lane) = 0;
  virtual void OnLaneRefused(NodeId node) = 0;
  /// The peer says that this node's directory is an old copy.
  virtual void OnLaneOldCopy(NodeId node, const std::string& why) = 0;
  virtual void OnLaneEvent(const std::string& line) = 0;
};

/// Keeps one connection that carries what is sent, and dials another when that one ends, or looks
/// dead. In the second case it carries on until the peer has answered on the fresh one: a slow peer
/// loses nothing by it.
///
/// A SYN that nobody answers is given up after 250 ms, and so is a hello that the peer's machine
/// does not acknowledge: in both cases the kernel would ask again after pauses that double. A
/// connection whose hello was acknowledged, and not answered, is to a process that hangs: it is
/// kept, and one more is dialed every second, for the answer may have been lost.
///
/// Of the control loop, on which it is made, used and stopped. `owner`, `loop` and `group` outlive
/// it.
class PeerLane final : private PeerDialOwner, public std::enable_shared_from_this<PeerLane> {
 public:
  PeerLane(EventLoop* loop, ConnectionGroup* group, PeerLaneOwner* owner, NodeId node,
           Address address, env::Lane lane, std::uint64_t seed);

  void Start() { Dial(); }
  /// Ends for good: no call to the owner comes after this.
  void Stop();
  /// The peer shows signs of life: if the lane is in a pause, or waits for an answer to a SYN, it
  /// dials now.
  void Hurry();
  /// The connection may be dead: see env::Transport.
  void Redial();

 private:
  [[nodiscard]] LocalIdentity Local() const override { return owner_->Local(); }
  void OnDialOpen(PeerDial* dial) override;
  void OnDialAnswered(PeerDial* dial) override;
  void OnDialStalled(PeerDial* dial) override;
  void OnDialOldCopy(const std::string& why) override { owner_->OnLaneOldCopy(node_, why); }
  void OnDialEnded(PeerDial* dial, const CloseReason& reason) override;

  void Dial();
  /// Unless a dial is under way, or none is wanted.
  void DialAfter(Duration pause);
  /// Lets the newest of those that were asked carry the lane, if it has answered.
  void Adopt();
  void Suspect();
  void AbandonAttempts(const Status& why);
  void Report(const CloseReason& reason);
  /// The next pause, with jitter: between half and all of a length that doubles each time.
  Duration NextPause();

  EventLoop* const loop_;
  ConnectionGroup* const group_;
  PeerLaneOwner* const owner_;
  const NodeId node_;
  const Address address_;
  const env::Lane lane_;
  Random random_;

  bool stopped_ = false;
  /// Carries what is sent; null: nothing does.
  std::shared_ptr<PeerDial> link_;
  /// It looks dead: another is to take its place.
  bool suspect_ = false;
  /// Its SYN is not answered yet.
  std::shared_ptr<PeerDial> connecting_;
  /// Connected, and not adopted: mostly waiting for an answer. The newest is the last.
  std::vector<std::shared_ptr<PeerDial>> asked_;
  /// When the next is dialed.
  env::TimerId timer_ = 0;
  Duration pause_;
  /// The other side was reached and refused: hurrying does not help.
  bool rejected_ = false;
  /// The last that was reported, so that a lasting fault is one line.
  std::string reported_;
};

}  // namespace ringfort::net

// Which connection of each peer and lane counts: the rule that lets a link be dialed anew while the
// connection before may still hold messages (raft.h says what relies on it). Pure.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "base/ids.h"
#include "base/time.h"
#include "env/transport.h"

namespace ringfort::net {

/// What a peer dialed to this node. Of one process and lane the connection with the highest dial
/// number counts; a process without dial numbers is of a release that dials only after the
/// connection before has ended, and its newest counts. From the moment in which a newer connection
/// is admitted, nothing counts that an older one brought. Not thread-safe.
class DialLedger {
 public:
  /// Names an admitted connection; never used twice.
  using Admission = std::uint64_t;

  /// A hello of a process that BootLedger lets in. None: a newer connection was admitted before.
  std::optional<Admission> Admit(const env::PeerIdentity& peer, env::Lane lane,
                                 env::DialNumber dial);
  /// The process is the newest of its node: what earlier ones still bring does not count. Returns
  /// the lanes of which an open connection is not heard any more: it must be closed, for its dialer
  /// may live (a hello of a directory that was replaced may come late), and has to dial anew.
  std::vector<env::Lane> Supersede(const env::PeerIdentity& newest);
  /// A message came over the connection. False: it does not count.
  bool Hear(NodeId from, env::Lane lane, Admission admission, MonotonicTime now);
  /// The connection has ended.
  void End(NodeId from, env::Lane lane, Admission admission);

  /// Whether something came since then on a lane whose connection is still open and counts.
  [[nodiscard]] bool HeardSince(NodeId from, MonotonicTime since) const;
  /// When something came on the lane that counts; kNever: nothing yet.
  [[nodiscard]] MonotonicTime heard_at(NodeId from, env::Lane lane) const;

 private:
  struct Incoming {
    env::PeerIdentity peer;
    env::DialNumber dial;
    /// 0: none counts.
    Admission admission = 0;
    bool open = false;
    MonotonicTime heard_at = kNever;
  };

  std::map<std::pair<NodeId, env::Lane>, Incoming> newest_;
  Admission last_ = 0;
};

}  // namespace ringfort::net

// Which process of each peer is the newest that was seen, and which is known to be gone. Pure.
#pragma once

#include <optional>
#include <unordered_map>

#include "base/ids.h"
#include "env/transport.h"

namespace ringfort::net {

/// Protocols 1: peers keep the highest boot number seen; who shows less is an old copy of a
/// directory. Protocols 3: "gone" is a refused connection, or another boot number. Boot numbers of
/// one directory are compared; a directory with another incarnation is another process, so the one
/// before it is gone. Not thread-safe.
class BootLedger {
 public:
  struct Sighting {
    /// An older boot than was seen before: refuse it.
    bool outdated = false;
    /// Who is now known to be gone, unless that was said before.
    std::optional<env::PeerIdentity> gone;
  };

  /// The peer has said hello, or answered ours.
  Sighting See(const env::PeerIdentity& peer);
  /// Nobody listens on the peer's port: who is now known to be gone, unless none was seen or that
  /// was said before.
  std::optional<env::PeerIdentity> Refused(NodeId node);

  [[nodiscard]] bool Knows(NodeId node) const { return newest_.contains(node); }
  [[nodiscard]] std::size_t size() const { return newest_.size(); }

 private:
  struct Newest {
    env::PeerIdentity peer;
    bool said_gone = false;
  };

  std::unordered_map<NodeId, Newest> newest_;
};

}  // namespace ringfort::net

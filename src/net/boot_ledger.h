// Which process of each peer is the newest that was seen, and which is known to be gone. Pure.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <unordered_map>
#include <utility>

#include "base/ids.h"
#include "env/transport.h"

namespace ringfort::net {

/// Protocols 1: peers keep the newest start that they have seen of each directory; who does not
/// descend from it is an old copy. Protocols 3: "gone" is a refused connection, or another boot
/// number. A directory with another incarnation is another process, so the one before it is gone.
/// Not thread-safe.
class BootLedger {
 public:
  /// A start may be at most so far ahead of the last one seen: a claim beyond is not believed, or
  /// one lie would shut the directory out for ever.
  static constexpr std::uint64_t kBootStepMax = std::uint64_t{1} << 32;
  /// Directories of one node that are remembered; the oldest are forgotten first.
  static constexpr std::size_t kDirectoriesMax = 8;

  struct Sighting {
    /// Refuse it: it does not descend from the start `seen`, or another directory has taken the
    /// place of that very process.
    bool outdated = false;
    /// Refuse it: its boot number cannot be true.
    bool incredible = false;
    env::Life seen;
    /// Who is now known to be gone, unless that was said before.
    std::optional<env::PeerIdentity> gone;
  };

  /// What was seen in an earlier life of this node. Before anything else.
  void Remember(const env::PeerIdentity& seen) {
    Find(seen.node, seen.incarnation)->newest = seen.life();
  }
  /// The peer has said hello, or answered ours. `lineage` holds its newest starts, oldest first;
  /// empty: its release does not know them.
  Sighting See(const env::PeerIdentity& peer, const env::Lineage& lineage);
  /// Nobody listens on the peer's port: who is now known to be gone, unless none was seen or that
  /// was said before.
  std::optional<env::PeerIdentity> Refused(NodeId node);

  [[nodiscard]] bool Knows(NodeId node) const { return nodes_.contains(node); }
  [[nodiscard]] std::size_t size() const { return nodes_.size(); }

 private:
  struct Directory {
    Incarnation incarnation;
    env::Life newest;
    /// That life's place was taken by another directory: what is still on its way from it does not
    /// bring it back.
    bool replaced = false;
  };
  struct Node {
    /// The oldest first.
    std::deque<Directory> directories;
    /// None was seen by this process.
    std::optional<env::PeerIdentity> newest;
    bool said_gone = false;
  };

  Directory* Find(NodeId node, const Incarnation& incarnation);

  std::unordered_map<NodeId, Node> nodes_;
};

/// Whether a process that shows `life`, and `lineage` before it, may have come after `seen` in the
/// same directory. Where the lineage does not reach back to `seen`, only the boot numbers tell.
bool Descends(const env::Life& seen, const env::Life& life, const env::Lineage& lineage);

}  // namespace ringfort::net

// Which start of each peer's directory this node has counted anything of. What is not stored yet
// does not count: a vote, an acknowledgement or an entry of that start waits until it is (protocols
// 1). Otherwise this node could forget that there was a later start than the one of an old copy.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "env/transport.h"
#include "ringfort/disk.pb.h"

namespace ringfort::node {

/// Of one thread.
class SeenLives {
 public:
  /// Directories of one node that are remembered; the oldest are forgotten first.
  static constexpr int kDirectoriesMax = 8;
  /// What may wait for one peer's start to be stored; what is over it is lost, as on a full link.
  static constexpr std::size_t kHeldBytesMax = std::size_t{64} << 20;

  enum class Standing : std::uint8_t {
    kStored,    ///< What it says counts.
    kNew,       ///< It does once its start is stored.
    kOutdated,  ///< Another process of that directory has been heard since.
  };
  struct Held {
    env::PeerIdentity from;
    env::Lane lane;
    std::string message;
  };

  [[nodiscard]] Standing StandingOf(const env::PeerIdentity& peer) const;
  /// Puts the start into what is to be stored. Whether that changes it.
  bool Note(const env::PeerIdentity& peer, proto::Identity* identity);
  /// Of a peer whose start is kNew and noted.
  void Hold(const env::PeerIdentity& from, env::Lane lane, std::string_view message);
  /// What was noted up to now is on its way to the disk: a number for it.
  [[nodiscard]] std::uint64_t BeginStoring() { return ++storing_; }
  /// All that was noted before that BeginStoring() is stored: what was held for it, in order.
  std::vector<Held> OnStored(std::uint64_t number);

  /// What an identity holds.
  static std::vector<env::PeerIdentity> Stored(const proto::Identity& identity);

 private:
  struct Peer {
    /// The newest that was noted; it was stored unless `waits_for` is set.
    env::PeerIdentity noted;
    /// Not stored before this number is; 0: it is.
    std::uint64_t waits_for = 0;
    std::vector<Held> held;
    std::size_t held_bytes = 0;
  };
  /// By node: its newest directory.
  std::map<NodeId, Peer> peers_;
  std::uint64_t storing_ = 0;
  std::uint64_t stored_ = 0;
};

}  // namespace ringfort::node

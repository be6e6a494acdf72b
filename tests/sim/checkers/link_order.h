// What raft.h relies on of the links between two processes: each connection delivers, in order and
// once, a prefix of what was sent on it, and nothing once a newer one of its lane was admitted.
#pragma once

#include <cstdint>
#include <map>
#include <tuple>
#include <utility>

#include "env/transport.h"
#include "tests/sim/checkers/complain.h"

namespace ringfort::sim {

class LinkOrder {
 public:
  /// One lane between two processes.
  struct Lane {
    env::PeerIdentity from;
    env::PeerIdentity to;
    env::Lane lane;
  };

  explicit LinkOrder(Complain complain) : complain_(std::move(complain)) {}

  /// The receiver has let the connection in.
  void OnAdmitted(const Lane& lane, env::DialNumber dial);
  /// The receiver is given the message, the `number`th, from 1, that was sent on the connection.
  void OnDelivered(const Lane& lane, env::DialNumber dial, std::uint64_t number);

 private:
  using Process = std::tuple<NodeId, Incarnation, BootNumber>;
  using Key = std::tuple<Process, Process, env::Lane>;
  struct Newest {
    env::DialNumber dial;
    std::uint64_t delivered = 0;
  };

  static Key KeyOf(const Lane& lane);

  const Complain complain_;
  std::map<Key, Newest> newest_;
};

}  // namespace ringfort::sim

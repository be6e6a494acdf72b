// Protocols 1: who has stored a start of a directory links with no process of an older copy of it.
#pragma once

#include <map>
#include <set>
#include <utility>
#include <vector>

#include "env/transport.h"
#include "tests/sim/checkers/complain.h"

namespace ringfort::sim {

class OldCopies {
 public:
  explicit OldCopies(Complain complain) : complain_(std::move(complain)) {}

  /// The node's directory is an older copy from now on; these have stored a start that it lacks.
  void OnPutBack(NodeId node, std::set<NodeId> known_by);
  /// The node's directory is lost, and with it what it remembered.
  void OnWiped(NodeId node);
  /// A process starts, from an old copy if the node has one.
  void OnStarted(const env::PeerIdentity& process);
  /// `by` takes the other end of a connection for that process.
  void OnLinked(const env::PeerIdentity& process, NodeId by);

 private:
  struct Copy {
    std::set<NodeId> known_by;
    std::vector<env::PeerIdentity> processes;
  };

  const Complain complain_;
  std::map<NodeId, Copy> copies_;
};

}  // namespace ringfort::sim

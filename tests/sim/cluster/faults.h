// What goes wrong in the simulated world, drawn from the seed.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "base/random.h"
#include "tests/sim/cluster/events.h"
#include "tests/sim/cluster/network.h"
#include "tests/sim/cluster/simulated_node.h"

namespace ringfort::sim {

class Faults {
 public:
  /// `ends` are all that may be cut off: nodes first, then clients.
  Faults(Events* events, Network* network, std::vector<std::unique_ptr<SimulatedNode>>* nodes,
         std::vector<std::uint32_t> ends, Random random);

  void Start();
  /// Nothing more goes wrong; everything is repaired, and who is frozen wakes up within a few
  /// seconds.
  void Heal();

 private:
  void Next();
  void Something();
  void Kill();
  void Cut();
  void Isolate();
  void Break();
  void SlowDisk();
  /// The run that leases must stand (protocols 3): a primary and one follower do not hear each
  /// other, the voter between them forgets its promise in a restart, and then the primary hears
  /// nobody. Some clients still reach it, the others already ask elsewhere.
  void Betray();
  SimulatedNode& Any() { return *(*nodes_)[random_.Below(nodes_->size())]; }

  Events* const events_;
  Network* const network_;
  std::vector<std::unique_ptr<SimulatedNode>>* const nodes_;
  const std::vector<std::uint32_t> ends_;
  Random random_;
  /// Between two faults: some runs are rough, some nearly quiet.
  Duration pause_max_;
  bool healed_ = false;
};

}  // namespace ringfort::sim

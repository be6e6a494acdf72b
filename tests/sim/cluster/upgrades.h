// Nodes of two releases in one cluster: they go forth and back between feature levels, and an
// operator asks now and then to end the upgrade (design 9).
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/random.h"
#include "tests/sim/cluster/events.h"
#include "tests/sim/cluster/operator.h"
#include "tests/sim/cluster/simulated_node.h"

namespace ringfort::sim {

class Upgrades {
 public:
  /// In the runs of some seeds only; in the others every node is of this release.
  Upgrades(Events* events, std::vector<std::unique_ptr<SimulatedNode>>* nodes, Operator* operators,
           Random random);

  /// Until Stop, now and then.
  void Start();
  /// Every node is updated from now on, and the upgrade is ended.
  void Stop();
  /// Every node runs the newest release; and the cluster is at its level.
  [[nodiscard]] bool AllUpdated() const;
  [[nodiscard]] bool Finished() const;
  /// Where every node stands, for who reads why it did not finish.
  [[nodiscard]] std::string Describe() const;

 private:
  void ChangeRelease();
  void Finalize();
  void Finish();
  void StartMembers();

  Events* const events_;
  std::vector<std::unique_ptr<SimulatedNode>>* const nodes_;
  Operator* const operator_;
  Random random_;
  const bool mixed_;
  bool stopped_ = false;
};

}  // namespace ringfort::sim

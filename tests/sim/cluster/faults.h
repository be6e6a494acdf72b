// What goes wrong in the simulated world, drawn from the seed.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "base/random.h"
#include "tests/sim/cluster/events.h"
#include "tests/sim/cluster/network.h"
#include "tests/sim/cluster/simulated_node.h"

namespace ringfort::sim {

class Faults {
 public:
  /// `ends` are all that may be cut off: nodes first, then clients. With `repair_after`, some nodes
  /// are away for longer than that.
  Faults(Events* events, Network* network, std::vector<std::unique_ptr<SimulatedNode>>* nodes,
         std::vector<std::uint32_t> ends, std::function<bool()> whole,
         std::optional<Duration> repair_after, Random random);

  void Start();
  /// Nothing more goes wrong; everything is repaired, and who is frozen wakes up within a few
  /// seconds.
  void Heal();

 private:
  void Next();
  void Something();
  /// A chain of its own, since nothing else may depend on it: no promise rests on the wall's clock.
  void NextJump();
  /// Data of replicas are damaged.
  void NextDamage();
  void DamageKnown();
  [[nodiscard]] bool HasWholeWithout(const SimulatedNode& without, ShardId shard) const;
  /// A directory is put back from an old copy. As with a lost one, the others have to be whole, and
  /// each has to have heard of a later start: whom nobody can tell is beyond any rule. Some time
  /// later its operator gives it up.
  void NextOldCopy();
  void PutBack(SimulatedNode* node);
  /// The disks of some nodes' logs are mounted late.
  void NextAbsence();
  void Kill();
  /// Several within milliseconds.
  void RestartStorm();
  void Start(SimulatedNode* node, Duration wait);
  /// A data directory is lost, once a run.
  void Wipe();
  void Leave();
  void Freeze();
  void Cut();
  void Isolate();
  void Break();
  /// The same connection over and over.
  void Flap();
  /// Connections that are well are doubted, and dialed anew.
  void Doubt();
  void Lag();
  void SlowDisk();
  void FailDisk();
  void HangLoop();
  /// The run that leases must stand (protocols 3): a primary and one follower do not hear each
  /// other, the voter between them forgets its promise in a restart, and then the primary hears
  /// nobody. Some clients still reach it, the others already ask elsewhere.
  void Betray();
  /// The other run for leases: acknowledgements reach a primary late, when those who sent them have
  /// long stopped hearing it.
  void Echo();
  /// And one more: a loop hangs just until its shards have been given up, and turns again while its
  /// lease stands; what the new primary tells it is late.
  void Doze();
  [[nodiscard]] bool HasDamage() const;
  [[nodiscard]] Unsynced AnyFate();
  /// How long nobody hears a node: in [least, most], or until others have taken its place.
  [[nodiscard]] Duration Absence(Duration least, Duration most);
  SimulatedNode& Any() { return *(*nodes_)[random_.Below(nodes_->size())]; }

  Events* const events_;
  Network* const network_;
  std::vector<std::unique_ptr<SimulatedNode>>* const nodes_;
  const std::vector<std::uint32_t> ends_;
  Random random_;
  Random wall_random_;
  Random damage_random_;
  Random copy_random_;
  Random betray_random_;
  /// Data are damaged in this run. In the others directories are put back from old copies, and logs
  /// are absent for a while: what both together lose is beyond any rule.
  const bool damages_;
  /// Between two faults: some runs are rough, some nearly quiet.
  Duration pause_max_;
  /// All nodes run, and every shard has all of its voters.
  const std::function<bool()> whole_;
  /// Nodes lose their directories in this run. Then no log is torn: an unsure voter waits for all
  /// the others, and one of them is gone for good.
  const bool wipes_;
  const std::optional<Duration> repair_after_;
  bool healed_ = false;
};

}  // namespace ringfort::sim

// A whole cluster with its clients on one thread, from one seed: first with faults, then healed,
// and then it must serve.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tests/sim/cluster/events.h"
#include "tests/sim/cluster/faults.h"
#include "tests/sim/cluster/local_caller.h"
#include "tests/sim/cluster/network.h"
#include "tests/sim/cluster/operator.h"
#include "tests/sim/cluster/recoveries.h"
#include "tests/sim/cluster/simulated_client.h"
#include "tests/sim/cluster/simulated_node.h"
#include "tests/sim/cluster/upgrades.h"
#include "tests/sim/cluster/watch.h"

namespace ringfort::sim {

struct WorldOptions {
  std::uint64_t seed = 1;
  std::uint32_t nodes = 3;
  /// Nodes that may join while it runs. With any, operators drain and take back, and nodes that are
  /// away for long are replaced.
  std::uint32_t spares = 0;
  std::uint32_t shards = 4;
  std::uint32_t clients = 4;
  /// How long things go wrong.
  Duration safety_phase = std::chrono::seconds(20);
  /// Ends the run at the first thing that is wrong.
  bool stop_at_first = false;
  /// Prints a line for whatever may interest a reader.
  bool trace = false;
};

struct Outcome {
  /// What was wrong; empty when nothing was.
  std::vector<std::string> wrong;
  std::uint64_t trace_hash = 0;
  std::uint64_t writes = 0;
  std::uint64_t reads = 0;
  /// Calls that ended with an error while things went wrong.
  std::uint64_t failed = 0;
  std::uint64_t states_compared = 0;
  /// What operators asked and the cluster took; replicas of a shard that came to be on other nodes,
  /// and how often that was because one was gone for too long.
  std::uint64_t requests_taken = 0;
  std::uint64_t moves = 0;
  std::uint64_t repairs = 0;
  /// How many shards an operator has begun anew from one copy.
  std::uint64_t begun_anew = 0;
  /// How long the run was, in simulated time.
  Duration simulated{0};
};

/// The command that repeats the run.
std::string RepeatCommand(const WorldOptions& options);

class World {
 public:
  explicit World(const WorldOptions& options);
  ~World();
  /// Once.
  Outcome Run();

 private:
  void Complain(std::string_view checker, const std::string& what);
  void MakeNodes(std::vector<std::uint32_t>* ends);
  void MakeClients(std::vector<std::uint32_t>* ends);
  void Look();
  void SafetyPhase();
  /// Every shard must be served again, every request answered well, all replicas be equal.
  void LivenessPhase();
  void ProveEveryShard();
  void ReadBackOnceKeys();
  void AwaitEqualReplicas();
  /// Majorities are lost, and shards begun anew: nothing of before is lost, and then all is as
  /// ever.
  void RecoveryPhase();
  /// All nodes of the cluster run, and every shard has all of its voters and no other replica.
  [[nodiscard]] bool Whole() const;
  [[nodiscard]] bool ReplicasEqual() const;
  [[nodiscard]] bool KnownDamageIsRepaired() const;
  /// Where all replicas stand, into the trace.
  void SayWhere();
  void Say(std::uint32_t who, const proto::ReplicaStatus& replica);
  void Judge();

  const WorldOptions options_;
  Events events_;
  Random random_;
  Outcome outcome_;
  Watch watch_;
  Network network_;
  std::vector<std::unique_ptr<SimulatedNode>> nodes_;
  std::vector<std::unique_ptr<SimulatedClient>> clients_;
  std::vector<std::unique_ptr<LocalCaller>> local_callers_;
  std::unique_ptr<Faults> faults_;
  std::unique_ptr<Operator> operator_;
  /// Asks through an operator of its own, whom a run without operators has, too.
  std::unique_ptr<Operator> upgrader_;
  std::unique_ptr<Upgrades> upgrades_;
  std::unique_ptr<Recoveries> recoveries_;
};

Outcome RunWorld(const WorldOptions& options);

}  // namespace ringfort::sim

// A client program on its own machine: the real client's engine, and what it asks of the store.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/random.h"
#include "client/engine.h"
#include "client/frontend.h"
#include "tests/sim/checkers/history.h"
#include "tests/sim/cluster/client_wire.h"
#include "tests/sim/cluster/events.h"
#include "tests/sim/cluster/loops.h"

namespace ringfort::sim {

struct Workload {
  std::uint32_t shards = 4;
  std::uint32_t nodes = 3;
  /// Keys of each shard that all clients read and write.
  std::uint32_t registers_per_shard = 2;
  /// Calls of one client at a time.
  std::uint32_t chains = 3;
  Duration pause_max = std::chrono::milliseconds(30);
  std::chrono::milliseconds timeout{3000};
};

class SimulatedClient {
 public:
  SimulatedClient(ClientWorld world, Workload workload, std::uint32_t who, Random random);
  ~SimulatedClient();

  /// Finds the cluster, then calls without end until Stop.
  void Start();
  void Stop() { stopped_ = true; }
  [[nodiscard]] bool connected() const { return frontend_ != nullptr; }
  [[nodiscard]] bool idle() const { return calls_ == 0; }

  /// One call, which goes into the history.
  void Call(Operation::Kind kind, const std::string& key, std::uint64_t if_version = 0);
  /// Its number in the history.
  [[nodiscard]] const std::deque<Operation>& history() const { return history_; }
  [[nodiscard]] std::string RegisterKey(std::uint32_t shard, std::uint32_t number) const;

 private:
  void Connect();
  void Chain();
  void CallAny();
  void CallRead(Operation* operation);
  Operation* Begin(Operation::Kind kind, const std::string& key);
  void End(Operation* operation, const Status& status);

  const ClientWorld world_;
  const Workload workload_;
  const Process process_;
  Random random_;
  const DriftingClock clock_;
  SimLoop loop_;
  ClientDialer dialer_;
  client::Engine engine_;
  std::unique_ptr<client::Frontend> frontend_;
  std::deque<Operation> history_;
  /// By key: the newest version that this client saw.
  std::map<std::string, std::uint64_t> versions_;
  std::vector<std::string> once_keys_;
  std::uint64_t last_value_ = 0;
  std::uint32_t calls_ = 0;
  bool stopped_ = false;
};

/// A key of the shard: the `number`th of those that `prefix` has there.
std::string KeyOfShard(const std::string& prefix, std::uint32_t shard, std::uint32_t shards,
                       std::uint32_t number);

}  // namespace ringfort::sim

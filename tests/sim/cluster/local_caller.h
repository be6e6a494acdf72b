// Reads and writes at one node, from its own machine, whether it leads or not: no cut comes
// between, no routing spares a primary of the past the question, and no wait for an old primary
// keeps a new one idle. What it answers goes into the history.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <vector>

#include "base/random.h"
#include "ringfort/client.pb.h"
#include "tests/sim/checkers/history.h"
#include "tests/sim/cluster/events.h"
#include "tests/sim/cluster/simulated_node.h"

namespace ringfort::sim {

class LocalCaller {
 public:
  /// `who` is its number in the history. The outer place of a key is its shard.
  LocalCaller(Events* events, SimulatedNode* node, std::uint32_t who,
              std::vector<std::vector<std::string>> keys_by_shard, Random random);

  /// Until Stop, all the time.
  void Start();
  void Stop() { stopped_ = true; }
  [[nodiscard]] const std::deque<Operation>& history() const { return history_; }

 private:
  using OnAnswer = std::function<void(const proto::Response&)>;
  /// Its writes in one shard, one after the other; none is tried again.
  struct Writer {
    /// The process that was asked last; an answer of another will not come.
    BootNumber boot;
    bool waiting = false;
    std::uint64_t session = 0;
    std::uint64_t sequence = 0;
  };

  void Call();
  void Read(std::uint32_t shard, const std::string& key);
  void Write(std::uint32_t shard, const std::string& key);
  void OpenSession(std::uint32_t shard);
  void Ask(std::uint32_t shard, proto::Request request, OnAnswer on_answer);

  Events* const events_;
  SimulatedNode* const node_;
  const std::uint32_t who_;
  const std::vector<std::vector<std::string>> keys_;
  Random random_;
  /// All writes, and the reads that were answered well.
  std::deque<Operation> history_;
  std::vector<Writer> writers_;
  std::uint64_t last_value_ = 0;
  bool stopped_ = false;
};

}  // namespace ringfort::sim

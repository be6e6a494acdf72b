// One client that writes its own keys and keeps the account of them.
#pragma once

#include <chrono>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "ringfort/client.h"
#include "tools/bench/error_counts.h"
#include "tools/bench/ledger.h"

namespace ringfort::bench {

/// Used by one thread at a time.
class LedgerWriter {
 public:
  /// `prefix` is of this writer in this run alone: nobody else writes keys that begin so.
  LedgerWriter(Client client, std::string prefix, std::uint64_t seed);

  /// Writes and reads until then: half of the writes go to new keys that are written once, half to
  /// a few keys that are written over and over; now and then one of those is read and judged at
  /// once.
  void Run(std::chrono::steady_clock::time_point end);

  [[nodiscard]] const std::vector<LedgerKey>& accounts() const { return accounts_; }
  [[nodiscard]] const ErrorCounts& errors() const { return errors_; }
  [[nodiscard]] std::uint64_t acked() const { return acked_; }
  [[nodiscard]] std::uint64_t unknown() const { return unknown_; }
  [[nodiscard]] std::uint64_t refused() const { return refused_; }
  /// Reads on the way that found what they must not find: "KEY: stale".
  [[nodiscard]] const std::vector<std::string>& violations() const { return violations_; }

 private:
  /// One key that is written over and over, as a place in accounts_ and the number of its last
  /// write.
  struct Counter {
    std::size_t account = 0;
    std::uint64_t number = 0;
  };

  std::size_t NewAccount(const char* kind);
  void Write(std::size_t account, std::uint64_t number);
  void WriteCounter(Counter* counter);
  void ReadCounter(const Counter& counter);

  const std::string prefix_;
  std::mt19937_64 random_;
  std::vector<LedgerKey> accounts_;
  std::vector<Counter> counters_;
  ErrorCounts errors_;
  std::uint64_t acked_ = 0;
  std::uint64_t unknown_ = 0;
  std::uint64_t refused_ = 0;
  std::vector<std::string> violations_;
  Client client_;
};

}  // namespace ringfort::bench

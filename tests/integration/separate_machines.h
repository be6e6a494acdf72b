// Nodes on machines of their own, as far as their network goes: each has a network namespace, and a
// wire to a switch at which packets can be dropped one way or both ways.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tests/integration/process.h"

namespace ringfort::integration {

/// The calling thread, and those that it starts from then on, move to the switch. All of it goes
/// with the process: a test that aborts leaves nothing behind. One thread.
class SeparateMachines {
 public:
  /// Moves the thread to a switch without machines. Why this process may not make namespaces, or
  /// the machine cannot drop packets; empty where it can.
  static std::string Enter();

  /// Machines 1..n. Aborts the test program where a command fails.
  SeparateMachines(std::uint32_t machines, const std::string& dir);
  SeparateMachines(const SeparateMachines&) = delete;
  SeparateMachines& operator=(const SeparateMachines&) = delete;

  /// Its one address, which the switch reaches whatever is cut.
  [[nodiscard]] static std::string AddressOf(std::uint32_t machine);
  /// The words that run a program there stand before it.
  [[nodiscard]] std::vector<std::string> RunOn(std::uint32_t machine) const;

  using Way = std::pair<std::uint32_t, std::uint32_t>;
  /// Packets from the first to the second of each pair are dropped without a word, from one moment
  /// on.
  void Cut(const std::vector<Way>& ways) const;
  /// All ways are free again, from one moment on.
  void Heal() const;

 private:
  static void MustRun(const std::string& command);

  const std::string dir_;
  /// Each keeps a namespace.
  std::vector<std::unique_ptr<Process>> machines_;
};

}  // namespace ringfort::integration

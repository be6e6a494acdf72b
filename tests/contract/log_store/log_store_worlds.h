// The logs that the contract suite runs on, each with a way to crash it.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "storage/log_store.h"

namespace ringfort::storage {

/// A log on a machine that can fail.
class LogStoreWorld {
 public:
  virtual ~LogStoreWorld() = default;

  [[nodiscard]] virtual LogStore& store() = 0;
  /// Returns once the `done` of everything handed in so far was called.
  virtual void Settle() = 0;
  /// kill -9 and a new start; without relaxed durability it might as well be a power cut.
  virtual void Crash() = 0;
};

struct NamedLogWorld {
  std::string name;
  /// Acknowledged entries last only after Sync.
  bool relaxed = false;
  std::function<std::unique_ptr<LogStoreWorld>()> make;
};

NamedLogWorld WalWorld(bool relaxed);
NamedLogWorld MemoryLogWorld(bool relaxed);

}  // namespace ringfort::storage

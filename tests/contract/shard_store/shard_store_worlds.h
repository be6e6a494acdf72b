// The stores that the contract suite runs on, each with a way to crash it.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "storage/shard_store.h"

namespace ringfort::storage {

/// A store on a machine that can fail. Nobody holds a ShardData when it does.
class ShardStoreWorld {
 public:
  virtual ~ShardStoreWorld() = default;

  [[nodiscard]] virtual ShardStore& store() = 0;
  /// kill -9 and a new start.
  virtual void Crash() = 0;
};

struct NamedWorld {
  std::string name;
  std::function<std::unique_ptr<ShardStoreWorld>()> make;
};

NamedWorld RocksWorld();
NamedWorld MemoryWorld();

}  // namespace ringfort::storage

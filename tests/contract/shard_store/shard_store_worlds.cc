// The stores that the contract suite runs on.
#include "tests/contract/shard_store/shard_store_worlds.h"

#include <filesystem>
#include <utility>

#include <gtest/gtest.h>

#include <unistd.h>

#include "rocks/rocks_store.h"
#include "tests/sim/shard_store/memory_shard_store.h"

namespace ringfort::storage {
namespace {

/// Closing without a flush leaves the files as kill -9 does: nothing is written ahead.
class Rocks : public ShardStoreWorld {
 public:
  Rocks() {
    std::string pattern = testing::TempDir() + "shard_store_XXXXXX";
    if (::mkdtemp(pattern.data()) == nullptr) ADD_FAILURE() << "no directory like " << pattern;
    dir_ = pattern;
    Start();
  }
  ~Rocks() override {
    store_.reset();
    std::filesystem::remove_all(dir_);
  }

  [[nodiscard]] ShardStore& store() override { return *store_; }
  void Crash() override {
    store_.reset();
    Start();
  }

 private:
  void Start() {
    rocks::Options options;
    options.dir = dir_ + "/data";
    options.incarnation = {.high = 1, .low = 2};
    options.flush_on_close_for = std::chrono::milliseconds(0);
    Result<std::unique_ptr<rocks::RocksStore>> opened = rocks::RocksStore::Open(options);
    ASSERT_TRUE(opened.ok()) << opened.status().ToString();
    store_ = *std::move(opened);
  }

  std::string dir_;
  std::unique_ptr<rocks::RocksStore> store_;
};

class Memory : public ShardStoreWorld {
 public:
  [[nodiscard]] ShardStore& store() override { return store_; }
  void Crash() override { store_.Crash(); }

 private:
  sim::MemoryShardStore store_;
};

}  // namespace

NamedWorld RocksWorld() {
  return {"Rocks", [] { return std::make_unique<Rocks>(); }};
}

NamedWorld MemoryWorld() {
  return {"Memory", [] { return std::make_unique<Memory>(); }};
}

}  // namespace ringfort::storage

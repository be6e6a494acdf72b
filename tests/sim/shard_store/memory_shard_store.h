// The simulator's shard store: in memory, and forgetful like the real one. The contract suite in
// tests/contract/shard_store runs on both and keeps this one honest.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "base/random.h"
#include "storage/shard_store.h"
#include "tests/sim/shard_store/memory_snapshot.h"

namespace ringfort::sim {

/// What the real store does when it pleases: each happens once in so many calls, at random; 0 is
/// never.
struct ShardStoreWhims {
  std::uint32_t flush_one_in = 0;     ///< An Apply is followed by a flush that nobody asked for.
  std::uint32_t miss_one_in = 0;      ///< A read of depth kMemory answers kUnavailable.
  std::uint32_t overload_one_in = 0;  ///< An Apply that may not wait answers kOverloaded.
};

/// For who watches: the applied mark of a shard moves, from one to the other.
using OnApply = std::function<void(ShardId, storage::Applied before, storage::Applied now)>;

class MemoryShardData;

/// Thread-safe. Outlives all that it hands out. Equal seeds and calls give equal whims.
class MemoryShardStore : public storage::ShardStore {
 public:
  MemoryShardStore() = default;
  MemoryShardStore(std::uint64_t seed, ShardStoreWhims whims, OnApply on_apply = nullptr)
      : random_(seed), whims_(whims), on_apply_(std::move(on_apply)) {}
  ~MemoryShardStore() override;

  [[nodiscard]] std::vector<Name> List() const override;
  Status Create(const std::vector<Name>& names) override;
  Result<std::shared_ptr<storage::ShardData>> Open(Name name) override;
  Status Drop(Name name) override;
  Status MarkDamaged(Name name, const Status& damage) override;
  Result<std::shared_ptr<storage::Snapshot>> Export(Name name) override;
  Result<std::unique_ptr<storage::Import>> BeginImport(
      Name name, storage::Applied applied, std::vector<storage::SnapshotFile> files) override;

  /// Everything that the map of this name, which exists, holds, as one number.
  [[nodiscard]] std::uint64_t HashOf(Name name) const;

  /// The disk damages what the map of this name, which exists, had flushed: but for the first
  /// entries, none of the data that clients wrote can be read any more.
  void Damage(Name name, std::uint64_t entries_kept);

  /// Whether MarkDamaged was called for the map of this name, which exists.
  [[nodiscard]] bool IsMarked(Name name) const;
  /// The disk goes back to where the map of this name, which exists, was empty. Nobody holds it.
  void Lose(Name name);

  /// What kill -9 or a power cut does: each map goes back to what it had flushed. Nobody holds a
  /// ShardData, Snapshot or Import. The store is then as a new process finds it.
  void Crash();
  /// A new disk. Nobody holds a ShardData.
  void Wipe();
  /// What a crash would leave now, by map; and that in the place of all that is there. Nobody holds
  /// a ShardData.
  using Disk = std::map<Name, RawMap>;
  [[nodiscard]] Disk CopyDisk() const;
  void PutBack(const Disk& disk);

 private:
  void CheckNothingIsHeld() const;
  Status Adopt(Name name, RawMap map);

  mutable std::mutex mutex_;
  Random random_{0};  // Guarded by mutex_.
  const ShardStoreWhims whims_{};
  const OnApply on_apply_{};
  std::map<Name, std::shared_ptr<MemoryShardData>> data_;   // Guarded by mutex_.
  std::map<Name, std::weak_ptr<storage::ShardData>> open_;  // Guarded by mutex_.
  const Loan loan_ = std::make_shared<const char>();
};

}  // namespace ringfort::sim

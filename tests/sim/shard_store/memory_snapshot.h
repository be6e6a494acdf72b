// Snapshots of the simulator's shard store: a map of bytes as a list of small files, and back.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "storage/shard_store.h"

namespace ringfort::sim {

/// Raw keys and values, the applied mark among them.
using RawMap = std::map<std::string, std::string, std::less<>>;

storage::Applied AppliedIn(const RawMap& map);

/// Held by everything that must not outlive the store, which counts the copies.
using Loan = std::shared_ptr<const char>;

class MemorySnapshot : public storage::Snapshot {
 public:
  MemorySnapshot(const RawMap& map, Loan loan);

  [[nodiscard]] storage::Applied applied() const override { return applied_; }
  [[nodiscard]] const std::vector<storage::SnapshotFile>& files() const override { return files_; }
  [[nodiscard]] Result<std::string> Read(std::size_t file, std::uint64_t offset,
                                         std::size_t bytes_max) const override;

 private:
  const storage::Applied applied_;
  const Loan loan_;
  std::vector<std::string> contents_;
  std::vector<storage::SnapshotFile> files_;
};

class MemoryImport : public storage::Import {
 public:
  /// Takes a checked map into the store.
  using Adopt = std::function<Status(RawMap)>;

  MemoryImport(storage::Applied applied, std::vector<storage::SnapshotFile> files, Adopt adopt,
               Loan loan);

  [[nodiscard]] Position position() const override { return position_; }
  Status Write(Position at, std::string_view bytes) override;
  Status Finish() override;

 private:
  const storage::Applied applied_;
  const std::vector<storage::SnapshotFile> files_;
  const Adopt adopt_;
  const Loan loan_;
  Position position_;
  std::vector<std::string> contents_;
};

}  // namespace ringfort::sim

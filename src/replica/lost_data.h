// What stands in the place of data that cannot be opened, until they are repaired.
#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "storage/shard_store.h"

namespace ringfort::replica {

/// Holds nothing, and answers everything with why: a kCorruption. Thread-safe.
class LostData final : public storage::ShardData {
 public:
  /// `applied`: what the replica counts as applied, the base of its log.
  LostData(Status why, storage::Applied applied) : why_(std::move(why)), applied_(applied) {}

  [[nodiscard]] Result<std::optional<std::string>> Get(std::string_view,
                                                       storage::ReadDepth) const override {
    return why_;
  }
  [[nodiscard]] Result<storage::RangePage> Range(const storage::RangeQuery&,
                                                 storage::ReadDepth) const override {
    return why_;
  }
  [[nodiscard]] std::unique_ptr<storage::Cursor> OpenCursor() const override {
    return std::make_unique<NoCursor>(why_);
  }
  Status Apply(const std::vector<storage::Mutation>&, storage::Applied, bool) override {
    return why_;
  }
  [[nodiscard]] storage::Applied applied() const override { return applied_; }
  [[nodiscard]] Result<storage::Applied> flushed_applied() const override { return applied_; }
  Status Flush() override { return {}; }
  [[nodiscard]] Status damage() const override { return why_; }
  [[nodiscard]] std::uint64_t size_bytes() const override { return 0; }

 private:
  class NoCursor final : public storage::Cursor {
   public:
    explicit NoCursor(Status why) : why_(std::move(why)) {}
    Result<bool> Next(std::size_t, const Visit&) override { return why_; }

   private:
    const Status why_;
  };

  const Status why_;
  const storage::Applied applied_;
};

}  // namespace ringfort::replica

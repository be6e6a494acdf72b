// The simulator's shard store: in memory, and forgetful like the real one.
#include "tests/sim/shard_store/memory_shard_store.h"

#include <algorithm>
#include <string>
#include <utility>

#include "base/check.h"
#include "storage/encoding.h"

namespace ringfort::sim {

using storage::Applied;
using storage::Mutation;
using storage::RangeEntry;
using storage::RangePage;
using storage::RangeQuery;
using storage::ReadDepth;

namespace {

void Change(RawMap* map, const Mutation& mutation) {
  if (mutation.kind == Mutation::Kind::kPut) {
    map->insert_or_assign(mutation.key, mutation.value);
  } else {
    map->erase(mutation.key);
  }
}

/// Takes one entry more; false when the page is full.
bool Take(const RawMap::value_type& entry, const RangeQuery& query, std::size_t* bytes,
          RangePage* page) {
  const std::size_t entry_bytes = entry.first.size() + entry.second.size();
  if (!page->entries.empty() &&
      (page->entries.size() >= query.entries_max || *bytes + entry_bytes > query.bytes_max)) {
    page->more = true;
    return false;
  }
  *bytes += entry_bytes;
  page->entries.push_back({entry.first, entry.second});
  return true;
}

Status TakenStatus() {
  return {Code::kInvalidArgument,
          "there is such a shard and generation (import into a new generation)"};
}

}  // namespace

class MemoryShardData : public storage::ShardData {
 public:
  /// Holds `flushed` already.
  MemoryShardData(Random random, ShardStoreWhims whims, RawMap flushed)
      : random_(random), whims_(whims), now_(flushed), flushed_(std::move(flushed)) {}

  [[nodiscard]] Result<std::optional<std::string>> Get(std::string_view key,
                                                       ReadDepth depth) const override {
    const std::lock_guard lock(mutex_);
    if (Misses(depth)) return Missed();
    const auto found = now_.find(key);
    if (found == now_.end()) return std::optional<std::string>();
    return std::optional<std::string>(found->second);
  }

  [[nodiscard]] Result<RangePage> Range(const RangeQuery& query, ReadDepth depth) const override {
    const std::lock_guard lock(mutex_);
    if (Misses(depth)) return Missed();
    RangePage page;
    if (query.end.has_value() && *query.end <= query.begin) return page;
    const auto begin = now_.lower_bound(query.begin);
    const auto end = query.end.has_value() ? now_.lower_bound(*query.end) : now_.end();
    std::size_t bytes = 0;
    if (query.reverse) {
      for (auto at = end; at != begin;) {
        if (!Take(*--at, query, &bytes, &page)) break;
      }
    } else {
      for (auto at = begin; at != end; ++at) {
        if (!Take(*at, query, &bytes, &page)) break;
      }
    }
    return page;
  }

  Status Apply(const std::vector<Mutation>& mutations, Applied applied, bool may_wait) override {
    const std::lock_guard lock(mutex_);
    RF_CHECK(applied >= AppliedIn(now_)) << "the applied mark would go back to " << applied.index;
    if (!may_wait && Happens(whims_.overload_one_in)) {
      return {Code::kOverloaded, "the simulated disk is behind (try again)"};
    }
    for (const Mutation& mutation : mutations) {
      RF_CHECK(mutation.key != storage::AppliedKey()) << "the applied mark is the store's";
      Record(mutation);
    }
    Record({.kind = Mutation::Kind::kPut,
            .key = storage::AppliedKey(),
            .value = storage::EncodeApplied(applied)});
    if (Happens(whims_.flush_one_in)) FlushLocked();
    return {};
  }

  [[nodiscard]] Applied applied() const override {
    const std::lock_guard lock(mutex_);
    return AppliedIn(now_);
  }

  [[nodiscard]] Result<Applied> flushed_applied() const override {
    const std::lock_guard lock(mutex_);
    return AppliedIn(flushed_);
  }

  Status Flush() override {
    const std::lock_guard lock(mutex_);
    FlushLocked();
    return {};
  }

  [[nodiscard]] std::uint64_t size_bytes() const override {
    const std::lock_guard lock(mutex_);
    std::uint64_t bytes = 0;
    for (const auto& [key, value] : now_) bytes += key.size() + value.size();
    return bytes;
  }

  /// Flushed, as the real one is for it.
  [[nodiscard]] std::shared_ptr<storage::Snapshot> Export(Loan loan) {
    const std::lock_guard lock(mutex_);
    FlushLocked();
    return std::make_shared<MemorySnapshot>(flushed_, std::move(loan));
  }

  /// Back to what was flushed.
  void Forget() {
    const std::lock_guard lock(mutex_);
    unflushed_.clear();
    now_ = flushed_;
  }

 private:
  void Record(const Mutation& mutation) {
    Change(&now_, mutation);
    unflushed_.push_back(mutation);
  }

  void FlushLocked() {
    for (const Mutation& mutation : unflushed_) Change(&flushed_, mutation);
    unflushed_.clear();
  }

  [[nodiscard]] bool Happens(std::uint32_t one_in) const {
    return one_in != 0 && random_.OneIn(one_in);
  }

  [[nodiscard]] bool Misses(ReadDepth depth) const {
    return depth == ReadDepth::kMemory && Happens(whims_.miss_one_in);
  }

  static Status Missed() {
    return {Code::kUnavailable, "not in the simulated memory (read again from disk)"};
  }

  mutable std::mutex mutex_;
  mutable Random random_;  // Guarded by mutex_, as all below.
  const ShardStoreWhims whims_;
  RawMap now_;
  RawMap flushed_;
  std::vector<Mutation> unflushed_;  // What leads from flushed_ to now_.
};

MemoryShardStore::~MemoryShardStore() {
  CheckNothingIsHeld();
}

void MemoryShardStore::CheckNothingIsHeld() const {
  RF_CHECK(loan_.use_count() == 1) << "a snapshot or import is still held";
  for (const auto& [name, data] : data_) {
    RF_CHECK(data.use_count() == 1) << "shard " << name.shard << " is still open";
  }
}

std::vector<storage::ShardStore::Name> MemoryShardStore::List() const {
  const std::lock_guard lock(mutex_);
  std::vector<Name> names;
  for (const auto& [name, data] : data_) names.push_back(name);
  return names;
}

Status MemoryShardStore::Create(const std::vector<Name>& names) {
  const std::lock_guard lock(mutex_);
  for (const Name& name : names) {
    if (data_.contains(name)) continue;
    data_.emplace(name, std::make_shared<MemoryShardData>(random_.Fork(), whims_, RawMap()));
  }
  return {};
}

Result<std::shared_ptr<storage::ShardData>> MemoryShardStore::Open(Name name) {
  const std::lock_guard lock(mutex_);
  const auto found = data_.find(name);
  if (found == data_.end()) {
    return Status(Code::kNotFound, "there is no such shard and generation (create it first)");
  }
  return std::shared_ptr<storage::ShardData>(found->second);
}

Status MemoryShardStore::Drop(Name name) {
  const std::lock_guard lock(mutex_);
  const auto found = data_.find(name);
  if (found == data_.end()) {
    return {Code::kNotFound, "there is no such shard and generation (nothing to drop)"};
  }
  RF_CHECK(found->second.use_count() == 1) << "shard " << name.shard << " is still open";
  data_.erase(found);
  return {};
}

Result<std::shared_ptr<storage::Snapshot>> MemoryShardStore::Export(Name name) {
  const std::lock_guard lock(mutex_);
  const auto found = data_.find(name);
  if (found == data_.end()) {
    return Status(Code::kNotFound, "there is no such shard and generation (nothing to export)");
  }
  return found->second->Export(loan_);
}

Result<std::unique_ptr<storage::Import>> MemoryShardStore::BeginImport(
    Name name, Applied applied, std::vector<storage::SnapshotFile> files) {
  const std::lock_guard lock(mutex_);
  if (data_.contains(name)) return TakenStatus();
  const bool lacks_bytes =
      std::any_of(files.begin(), files.end(), [](const auto& file) { return file.bytes == 0; });
  if (files.empty() || lacks_bytes) {
    return Status(Code::kInvalidArgument, "a snapshot without files, or with one that is empty");
  }
  return std::unique_ptr<storage::Import>(std::make_unique<MemoryImport>(
      applied, std::move(files), [this, name](RawMap map) { return Adopt(name, std::move(map)); },
      loan_));
}

Status MemoryShardStore::Adopt(Name name, RawMap map) {
  const std::lock_guard lock(mutex_);
  if (data_.contains(name)) return TakenStatus();
  data_.emplace(name, std::make_shared<MemoryShardData>(random_.Fork(), whims_, std::move(map)));
  return {};
}

void MemoryShardStore::Crash() {
  const std::lock_guard lock(mutex_);
  CheckNothingIsHeld();
  for (const auto& [name, data] : data_) data->Forget();
}

}  // namespace ringfort::sim

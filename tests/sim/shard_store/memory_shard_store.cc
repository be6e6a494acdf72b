// The simulator's shard store: in memory, and forgetful like the real one.
#include "tests/sim/shard_store/memory_shard_store.h"

#include <algorithm>
#include <string>
#include <utility>

#include "base/check.h"
#include "base/hash.h"
#include "storage/encoding.h"

namespace ringfort::sim {

using storage::Applied;
using storage::Mutation;
using storage::RangePage;
using storage::RangeQuery;
using storage::ReadDepth;

namespace {

/// A map, and all of it as one number: the sum of its entries' hashes, so that a change costs
/// little.
struct Contents {
  Contents() = default;
  explicit Contents(RawMap all) : map(std::move(all)) {
    for (const auto& entry : map) hash += HashOf(entry);
  }

  RawMap map;
  std::uint64_t hash = 0;

  void Change(const Mutation& mutation) {
    const auto found = map.find(mutation.key);
    if (found != map.end()) hash -= HashOf(*found);
    if (mutation.kind == Mutation::Kind::kDelete) {
      if (found != map.end()) map.erase(found);
      return;
    }
    const auto placed = map.insert_or_assign(mutation.key, mutation.value).first;
    hash += HashOf(*placed);
  }
  static std::uint64_t HashOf(const RawMap::value_type& entry) {
    return Hash64(entry.second, Hash64(entry.first));
  }
};

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

/// Data from some key on that the disk gives back no more.
class Rot {
 public:
  void Begin(std::string key) { from_ = std::move(key); }
  [[nodiscard]] bool Has(std::string_view key) const {
    return from_ && key >= *from_ && key.front() == static_cast<char>(storage::KeySpace::kData);
  }
  [[nodiscard]] bool HasAnyOf(const RawMap& map) const {
    if (!from_) return false;
    const auto first = map.lower_bound(*from_);
    return first != map.end() && Has(first->first);
  }
  static Status Unreadable() {
    return {Code::kCorruption,
            "a simulated block is damaged (the replica must be rebuilt from its peers)"};
  }

 private:
  std::optional<std::string> from_;
};

class MemoryCursor final : public storage::Cursor {
 public:
  MemoryCursor(RawMap map, Rot rot) : map_(std::move(map)), rot_(std::move(rot)) {}

  Result<bool> Next(std::size_t bytes_max, const Visit& visit) override {
    for (std::size_t bytes = 0; !map_.empty() && bytes < bytes_max; map_.erase(map_.begin())) {
      const auto& [key, value] = *map_.begin();
      if (rot_.Has(key)) return Rot::Unreadable();
      visit(key, value);
      bytes += key.size() + value.size();
    }
    return !map_.empty();
  }

 private:
  RawMap map_;
  const Rot rot_;
};

Status TakenStatus() {
  return {Code::kInvalidArgument,
          "there is such a shard and generation (import into a new generation)"};
}

}  // namespace

class MemoryShardData : public storage::ShardData {
 public:
  /// Holds `flushed` already.
  MemoryShardData(ShardId shard, Random random, ShardStoreWhims whims, const OnApply* on_apply,
                  RawMap flushed)
      : shard_(shard),
        on_apply_(*on_apply),
        random_(random),
        whims_(whims),
        now_(std::move(flushed)),
        flushed_(now_) {}

  [[nodiscard]] Result<std::optional<std::string>> Get(std::string_view key,
                                                       ReadDepth depth) const override {
    const std::lock_guard lock(mutex_);
    if (Misses(depth)) return Missed();
    if (rot_.Has(key)) return Rot::Unreadable();
    const auto found = now_.map.find(key);
    if (found == now_.map.end()) return std::optional<std::string>();
    return std::optional<std::string>(found->second);
  }

  [[nodiscard]] Result<RangePage> Range(const RangeQuery& query, ReadDepth depth) const override {
    const std::lock_guard lock(mutex_);
    if (Misses(depth)) return Missed();
    RangePage page;
    if (query.end.has_value() && *query.end <= query.begin) return page;
    const auto begin = now_.map.lower_bound(query.begin);
    const auto end = query.end.has_value() ? now_.map.lower_bound(*query.end) : now_.map.end();
    std::size_t bytes = 0;
    if (query.reverse) {
      for (auto at = end; at != begin;) {
        if (rot_.Has(std::prev(at)->first)) return Rot::Unreadable();
        if (!Take(*--at, query, &bytes, &page)) break;
      }
    } else {
      for (auto at = begin; at != end; ++at) {
        if (rot_.Has(at->first)) return Rot::Unreadable();
        if (!Take(*at, query, &bytes, &page)) break;
      }
    }
    return page;
  }

  [[nodiscard]] std::unique_ptr<storage::Cursor> OpenCursor() const override {
    const std::lock_guard lock(mutex_);
    return std::make_unique<MemoryCursor>(now_.map, rot_);
  }

  Status Apply(const std::vector<Mutation>& mutations, Applied applied, bool may_wait) override {
    const std::lock_guard lock(mutex_);
    const Applied before = AppliedIn(now_.map);
    RF_CHECK(applied >= before) << "the applied mark would go back to " << applied.index;
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
    if (on_apply_) on_apply_(shard_, before, applied);
    if (Happens(whims_.flush_one_in)) FlushLocked();
    return {};
  }

  [[nodiscard]] Applied applied() const override {
    const std::lock_guard lock(mutex_);
    return AppliedIn(now_.map);
  }

  [[nodiscard]] Result<Applied> flushed_applied() const override {
    const std::lock_guard lock(mutex_);
    return AppliedIn(flushed_.map);
  }

  Status Flush() override {
    const std::lock_guard lock(mutex_);
    FlushLocked();
    return {};
  }

  [[nodiscard]] std::uint64_t size_bytes() const override {
    const std::lock_guard lock(mutex_);
    std::uint64_t bytes = 0;
    for (const auto& [key, value] : now_.map) bytes += key.size() + value.size();
    return bytes;
  }

  /// Flushed, as the real one is for it.
  [[nodiscard]] Result<std::shared_ptr<storage::Snapshot>> Export(Loan loan) {
    const std::lock_guard lock(mutex_);
    FlushLocked();
    if (rot_.HasAnyOf(flushed_.map)) return Rot::Unreadable();
    return std::shared_ptr<storage::Snapshot>(
        std::make_shared<MemorySnapshot>(flushed_.map, std::move(loan)));
  }

  [[nodiscard]] std::uint64_t hash() const {
    const std::lock_guard lock(mutex_);
    return now_.hash;
  }

  [[nodiscard]] RawMap flushed() const {
    const std::lock_guard lock(mutex_);
    return flushed_.map;
  }

  void Damage(std::uint64_t entries_kept) {
    const std::lock_guard lock(mutex_);
    for (const auto& [key, value] : flushed_.map) {
      if (entries_kept-- > 0) continue;
      rot_.Begin(key);
      return;
    }
  }

  [[nodiscard]] Status damage() const override {
    const std::lock_guard lock(mutex_);
    return damage_found_;
  }

  void MarkDamaged(const Status& damage) {
    const std::lock_guard lock(mutex_);
    damage_marked_ = damage;
  }

  [[nodiscard]] bool is_marked() const {
    const std::lock_guard lock(mutex_);
    return !damage_marked_.ok();
  }

  void Lose() {
    const std::lock_guard lock(mutex_);
    unflushed_.clear();
    now_ = flushed_ = Contents();
  }

  /// Back to what was flushed.
  void Forget() {
    const std::lock_guard lock(mutex_);
    unflushed_.clear();
    now_ = flushed_;
    damage_found_ = damage_marked_;
  }

 private:
  void Record(const Mutation& mutation) {
    now_.Change(mutation);
    unflushed_.push_back(mutation);
  }

  void FlushLocked() {
    for (const Mutation& mutation : unflushed_) flushed_.Change(mutation);
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

  const ShardId shard_;
  const OnApply& on_apply_;
  mutable std::mutex mutex_;
  mutable Random random_;  // Guarded by mutex_, as all below.
  const ShardStoreWhims whims_;
  Contents now_;
  Contents flushed_;
  Rot rot_;
  /// What a process marked; and what an earlier one did.
  Status damage_marked_;
  Status damage_found_;
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
    data_.emplace(name, std::make_shared<MemoryShardData>(name.shard, random_.Fork(), whims_,
                                                          &on_apply_, RawMap()));
  }
  return {};
}

Result<std::shared_ptr<storage::ShardData>> MemoryShardStore::Open(Name name) {
  const std::lock_guard lock(mutex_);
  const auto found = data_.find(name);
  if (found == data_.end()) {
    return Status(Code::kNotFound, "there is no such shard and generation (create it first)");
  }
  std::weak_ptr<storage::ShardData>& open = open_[name];
  if (auto shared = open.lock()) return shared;
  // Counted on its own: who waits until nobody has it open does not wait for the store.
  std::shared_ptr<MemoryShardData> data = found->second;
  MemoryShardData* const bare = data.get();
  const std::shared_ptr<storage::ShardData> opened(
      bare, [data = std::move(data)](auto*) mutable { data.reset(); });
  open = opened;
  return opened;
}

std::uint64_t MemoryShardStore::HashOf(Name name) const {
  const std::lock_guard lock(mutex_);
  return data_.at(name)->hash();
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

Status MemoryShardStore::MarkDamaged(Name name, const Status& damage) {
  const std::lock_guard lock(mutex_);
  const auto found = data_.find(name);
  if (found == data_.end()) {
    return {Code::kNotFound, "there is no such shard and generation (nothing to mark)"};
  }
  found->second->MarkDamaged(damage);
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

void MemoryShardStore::Damage(Name name, std::uint64_t entries_kept) {
  const std::lock_guard lock(mutex_);
  data_.at(name)->Damage(entries_kept);
}

bool MemoryShardStore::IsMarked(Name name) const {
  const std::lock_guard lock(mutex_);
  return data_.at(name)->is_marked();
}

void MemoryShardStore::Lose(Name name) {
  const std::lock_guard lock(mutex_);
  data_.at(name)->Lose();
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
  data_.emplace(name, std::make_shared<MemoryShardData>(name.shard, random_.Fork(), whims_,
                                                        &on_apply_, std::move(map)));
  return {};
}

void MemoryShardStore::Crash() {
  const std::lock_guard lock(mutex_);
  CheckNothingIsHeld();
  for (const auto& [name, data] : data_) data->Forget();
}

void MemoryShardStore::Wipe() {
  const std::lock_guard lock(mutex_);
  CheckNothingIsHeld();
  data_.clear();
}

MemoryShardStore::Disk MemoryShardStore::CopyDisk() const {
  const std::lock_guard lock(mutex_);
  Disk disk;
  for (const auto& [name, data] : data_) disk.emplace(name, data->flushed());
  return disk;
}

void MemoryShardStore::PutBack(const Disk& disk) {
  Wipe();
  for (const auto& [name, map] : disk) RF_CHECK(Adopt(name, map).ok());
}

}  // namespace ringfort::sim

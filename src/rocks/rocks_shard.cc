// One replica's data: a column family of the node's RocksDB, written without a WAL.
#include "rocks/rocks_shard.h"

#include <algorithm>
#include <utility>

#include <rocksdb/iterator.h>
#include <rocksdb/write_batch.h>

#include "base/check.h"
#include "rocks/rocks_status.h"
#include "storage/encoding.h"

namespace ringfort::rocks {
namespace {

using storage::Applied;
using storage::Mutation;
using storage::RangePage;
using storage::RangeQuery;
using storage::ReadDepth;

/// RocksDB's own bytes around a record of a batch: kind, column family, two lengths.
constexpr std::size_t kRecordOverhead = 16;

/// Deleted or overwritten entries between two that a range read finds. More than overwriting alone
/// makes: of one key, RocksDB passes over eight (max_sequential_skip_in_iterations), then seeks.
constexpr std::uint64_t kSkippedInMemoryMax = 64;

rocksdb::ReadOptions AtDepth(ReadDepth depth) {
  rocksdb::ReadOptions options;
  if (depth == ReadDepth::kMemory) {
    options.read_tier = rocksdb::kBlockCacheTier;
    // A run of deleted entries is passed over in the pool: there is no end to what a loop would.
    options.max_skippable_internal_keys = kSkippedInMemoryMax;
  }
  return options;
}

rocksdb::WriteBatch BatchOf(const std::vector<Mutation>& mutations, Applied applied,
                            rocksdb::ColumnFamilyHandle* family) {
  const std::string& applied_key = storage::AppliedKey();
  const std::string applied_value = storage::EncodeApplied(applied);
  std::size_t bytes = 64 + applied_key.size() + applied_value.size();
  for (const Mutation& mutation : mutations) {
    bytes += kRecordOverhead + mutation.key.size() + mutation.value.size();
  }
  rocksdb::WriteBatch batch(bytes);
  rocksdb::Status added = batch.Put(family, applied_key, applied_value);
  for (const Mutation& mutation : mutations) {
    RF_CHECK(mutation.key != applied_key) << "the applied mark is the store's";
    if (!added.ok()) break;
    added = mutation.kind == Mutation::Kind::kPut ? batch.Put(family, mutation.key, mutation.value)
                                                  : batch.Delete(family, mutation.key);
  }
  RF_CHECK(added.ok()) << added.ToString();  // Fails only on columns of 4 GiB and more.
  return batch;
}

/// Reads a page from where `iterator` stands.
RangePage TakePage(rocksdb::Iterator* iterator, const RangeQuery& query) {
  RangePage page;
  std::size_t bytes = 0;
  while (iterator->Valid()) {
    const std::size_t entry_bytes = iterator->key().size() + iterator->value().size();
    if (!page.entries.empty() &&
        (page.entries.size() >= query.entries_max || bytes + entry_bytes > query.bytes_max)) {
      page.more = true;
      break;
    }
    bytes += entry_bytes;
    page.entries.push_back({iterator->key().ToString(), iterator->value().ToString()});
    query.reverse ? iterator->Prev() : iterator->Next();
  }
  return page;
}

class RocksCursor final : public storage::Cursor {
 public:
  /// Nothing is applied to the family meanwhile.
  RocksCursor(rocksdb::DB* db, rocksdb::ColumnFamilyHandle* family) : name_(family->GetName()) {
    rocksdb::ReadOptions options;
    options.fill_cache = false;                           // What clients read often stays there.
    options.background_purge_on_iterator_cleanup = true;  // It may end on a loop.
    iterator_.reset(db->NewIterator(options, family));
    again_.reset(db->NewIterator(options, family));
    iterator_->SeekToFirst();
  }

  Result<bool> Next(std::size_t bytes_max, const Visit& visit) override {
    std::size_t bytes = 0;
    do {
      for (; iterator_->Valid() && bytes < bytes_max; iterator_->Next()) {
        const rocksdb::Slice key = iterator_->key();
        const rocksdb::Slice value = iterator_->value();
        visit({key.data(), key.size()}, {value.data(), value.size()});
        bytes += key.size() + value.size();
        last_.assign(key.data(), key.size());
      }
    } while (!iterator_->Valid() && iterator_->status().IsCorruption() && ReadAgain());
    if (iterator_->Valid()) return true;
    if (!iterator_->status().ok()) return ReadStatus(iterator_->status(), "read all of " + name_);
    return false;
  }

 private:
  /// Damage is believed of a read that fails twice: goes on behind the last entry that was read.
  /// False: that was tried before.
  bool ReadAgain() {
    if (again_ == nullptr) return false;
    iterator_ = std::move(again_);
    if (last_.empty()) {
      iterator_->SeekToFirst();
    } else {
      iterator_->Seek(last_);
      if (iterator_->Valid() && iterator_->key() == last_) iterator_->Next();
    }
    return true;
  }

  const std::string name_;
  std::unique_ptr<rocksdb::Iterator> iterator_;
  /// Of the same moment, for a second try. (A snapshot of RocksDB's would do, too; but where one
  /// ends, it compacts what nobody else asked for, damaged tables among it.)
  std::unique_ptr<rocksdb::Iterator> again_;
  std::string last_;
};

}  // namespace

Result<std::shared_ptr<RocksShard>> RocksShard::Open(ShardPlace place) {
  Result<Applied> applied = ReadApplied(place, rocksdb::kReadAllTier);
  if (!applied.ok()) return applied.status();
  return std::shared_ptr<RocksShard>(new RocksShard(place, *applied));
}

Result<Applied> RocksShard::ReadApplied(ShardPlace place, rocksdb::ReadTier tier) {
  rocksdb::ReadOptions options;
  options.read_tier = tier;
  std::string raw;
  const rocksdb::Status read = place.db->Get(options, place.family, storage::AppliedKey(), &raw);
  if (read.IsNotFound()) return Applied{};  // Nothing was applied yet.
  if (!read.ok()) {
    return ReadStatus(read, "read the applied mark of " + place.family->GetName());
  }
  return storage::DecodeApplied(raw);
}

Result<std::optional<std::string>> RocksShard::Get(std::string_view key, ReadDepth depth) const {
  std::string value;
  rocksdb::PinnableSlice slice(&value);
  const rocksdb::Status read =
      place_.db->Get(AtDepth(depth), place_.family, rocksdb::Slice(key.data(), key.size()), &slice);
  if (read.IsNotFound()) return std::optional<std::string>();
  if (!read.ok()) return ReadStatus(read, "read from " + place_.family->GetName());
  // Of a table that is not open, kBlockCacheTier says "the key may exist": ok, and an empty value.
  // (DB::KeyMayExist tells the two apart, but not an error from an absent key.)
  if (depth == ReadDepth::kMemory && slice.empty()) {
    return Status(Code::kUnavailable,
                  "the table of " + place_.family->GetName() + " is not open (read from disk)");
  }
  if (slice.IsPinned()) value.assign(slice.data(), slice.size());
  return std::optional<std::string>(std::move(value));
}

Result<RangePage> RocksShard::Range(const RangeQuery& query, ReadDepth depth) const {
  if (query.end.has_value() && *query.end <= query.begin) return RangePage();
  const rocksdb::Slice lower(query.begin);
  rocksdb::Slice upper;
  rocksdb::ReadOptions options = AtDepth(depth);
  options.iterate_lower_bound = &lower;
  if (query.end.has_value()) {
    upper = rocksdb::Slice(*query.end);
    options.iterate_upper_bound = &upper;
  }
  const std::unique_ptr<rocksdb::Iterator> iterator(place_.db->NewIterator(options, place_.family));
  query.reverse ? iterator->SeekToLast() : iterator->SeekToFirst();
  RangePage page = TakePage(iterator.get(), query);
  // Over damaged or uncached blocks an iterator just ends early: only its status tells (protocols
  // 5).
  if (!iterator->status().ok()) {
    return ReadStatus(iterator->status(), "read a range of " + place_.family->GetName());
  }
  return page;
}

std::unique_ptr<storage::Cursor> RocksShard::OpenCursor() const {
  return std::make_unique<RocksCursor>(place_.db, place_.family);
}

Status RocksShard::MakeRoom(bool may_wait) {
  if (place_.write_buffers->memory_usage() < 2 * place_.write_buffers->buffer_size()) return {};
  if (!may_wait) {
    return {Code::kOverloaded, "the memory for writes is full (try again once some is flushed)"};
  }
  // Waits its turn behind the flushes that are under way, and gives back this replica's own memory.
  return Flush();
}

Status RocksShard::Apply(const std::vector<Mutation>& mutations, Applied applied, bool may_wait) {
  RF_CHECK(applied >= this->applied()) << "the applied mark of " << place_.family->GetName()
                                       << " would go back to " << applied.index;
  if (Status health = place_.errors->health(); !health.ok()) return health;
  if (Status room = MakeRoom(may_wait); !room.ok()) return room;

  rocksdb::WriteBatch batch = BatchOf(mutations, applied, place_.family);
  rocksdb::WriteOptions options;
  options.disableWAL = true;
  options.no_slowdown = !may_wait;
  const rocksdb::Status written = place_.db->Write(options, &batch);
  if (written.IsIncomplete() && !may_wait) {
    return {Code::kOverloaded,
            "flushes and compactions are behind (try again once they have caught up)"};
  }
  if (!written.ok()) {
    const Status error = FinalStatus(written, "apply to " + place_.family->GetName());
    place_.errors->Record(error);
    return error;
  }
  const std::lock_guard lock(mutex_);
  applied_ = applied;
  return {};
}

Applied RocksShard::applied() const {
  const std::lock_guard lock(mutex_);
  return applied_;
}

Result<Applied> RocksShard::flushed_applied() const {
  // Without a WAL this tier leaves the memtables out; tests/unit/rocks holds RocksDB to it.
  return ReadApplied(place_, rocksdb::kPersistedTier);
}

Status RocksShard::Flush() {
  if (Status health = place_.errors->health(); !health.ok()) return health;
  const rocksdb::Status flushed = place_.db->Flush(rocksdb::FlushOptions(), place_.family);
  if (flushed.ok()) return {};
  const Status error = FinalStatus(flushed, "flush " + place_.family->GetName());
  place_.errors->Record(error);
  return error;
}

std::uint64_t RocksShard::size_bytes() const {
  std::uint64_t files = 0;
  std::uint64_t memory = 0;
  place_.db->GetIntProperty(place_.family, rocksdb::DB::Properties::kLiveSstFilesSize, &files);
  place_.db->GetIntProperty(place_.family, rocksdb::DB::Properties::kCurSizeAllMemTables, &memory);
  return files + memory;
}

}  // namespace ringfort::rocks

// Two copies of every shard: what was written, and what was synced.
#include "tests/sim/log_store/memory_log_store.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "raft/members.h"

namespace ringfort::sim {
namespace {

/// What the real log calls a segment: so many batches are kept or forgotten together.
constexpr std::uint64_t kSegmentBatches = 64;

}  // namespace

MemoryLogStore::MemoryLogStore(Options options) : options_(std::move(options)) {}

storage::Recovery MemoryLogStore::TakeRecovery() {
  storage::Recovery recovery;
  recovery.unsure = std::exchange(torn_, false);
  for (const auto& [id, shard] : seen_) {
    storage::RecoveredShard recovered;
    recovered.shard = id;
    recovered.hard_state = shard.hard_state;
    recovered.base = shard.base;
    recovered.generation = shard.generation;
    recovered.last = shard.last();
    for (const StoredEntry& stored : shard.entries) {
      const raft::Entry& entry = stored.entry;
      if (recovered.terms.empty() || recovered.terms.back().term != entry.term) {
        recovered.terms.push_back({entry.index, entry.term});
      }
      if (entry.kind == raft::EntryKind::kMembers) recovered.members_entries.push_back(entry);
    }
    recovery.shards.push_back(std::move(recovered));
  }
  return recovery;
}

void MemoryLogStore::Append(std::vector<storage::LogUpdate> updates, storage::AppendDone done) {
  queue_.push_back({std::move(updates), std::move(done)});
  if (in_flight_ == nullptr) BeginWrite();
}

void MemoryLogStore::BeginWrite() {
  in_flight_ = std::make_unique<Batch>();
  in_flight_->number = next_batch_++;
  in_flight_->chores = std::exchange(chores_, {});
  in_flight_->works.assign(std::make_move_iterator(queue_.begin()),
                           std::make_move_iterator(queue_.end()));
  queue_.clear();
  in_flight_->sync = NeedsSync(*in_flight_);
  in_flight_since_ = options_.now();
  options_.when_written([this, process = std::weak_ptr<bool>(process_)] {
    if (process.lock() != nullptr) FinishWrite();
  });
}

void MemoryLogStore::FinishWrite() {
  const std::unique_ptr<Batch> batch = std::move(in_flight_);
  if (failure_.ok() && !batch->written) Apply(batch.get());
  if (!queue_.empty()) BeginWrite();
  const std::weak_ptr<bool> process = process_;
  const Status outcome = failure_;
  for (const Work& work : batch->works) {
    if (process.expired()) return;
    work.done(outcome);
  }
}

void MemoryLogStore::Apply(Batch* batch) {
  ApplyTo(&seen_, *batch);
  batch->written = true;
  Batch copy{batch->number, batch->chores, {}, batch->sync, true};
  for (const Work& work : batch->works) copy.works.push_back({work.updates, nullptr});
  unsynced_.push_back(std::move(copy));
  if (batch->sync) SyncWritten();
}

void MemoryLogStore::SyncWritten() {
  for (const Batch& batch : unsynced_) ApplyTo(&synced_, batch);
  unsynced_.clear();
}

bool MemoryLogStore::NeedsSync(const Batch& batch) const {
  if (!options_.relaxed) return true;
  return std::any_of(batch.works.begin(), batch.works.end(), [](const Work& work) {
    return std::any_of(work.updates.begin(), work.updates.end(), [](const auto& update) {
      return update.hard_state.has_value() || update.base.has_value();
    });
  });
}

void MemoryLogStore::ApplyTo(Shards* shards, const Batch& batch) {
  for (const auto& [id, base] : batch.chores.cuts) {
    Shard& shard = (*shards)[id];
    if (base.index <= shard.base.index || base.index > shard.last()) continue;
    const auto dropped = static_cast<std::ptrdiff_t>(base.index - shard.base.index);
    shard.entries.erase(shard.entries.begin(), shard.entries.begin() + dropped);
    shard.base = base;
  }
  for (const ShardId id : batch.chores.rewrites) {
    const auto found = shards->find(id);
    if (found == shards->end()) continue;
    for (StoredEntry& stored : found->second.entries) {
      stored.batch = batch.number;
      if (shards == &seen_) Count(batch, stored.entry);
    }
  }
  for (const Work& work : batch.works) {
    for (const storage::LogUpdate& update : work.updates) {
      if (!update.base && !update.hard_state && update.entries.empty()) continue;
      Shard& shard = (*shards)[update.shard];
      if (update.base) {
        shard.base = *update.base;
        shard.generation = update.generation;
        shard.entries.clear();
      }
      if (update.hard_state) shard.hard_state = *update.hard_state;
      for (const raft::Entry& entry : update.entries) {
        RF_CHECK(entry.index > shard.base.index && entry.index <= shard.last() + 1)
            << "entry " << entry.index << " of shard " << update.shard << " after " << shard.last();
        shard.entries.resize(entry.index - shard.base.index - 1);
        shard.entries.push_back({entry, batch.number});
        if (shards == &seen_) Count(batch, entry);
      }
      if (options_.watch) options_.watch(update, shards == &synced_);
    }
  }
}

void MemoryLogStore::Count(const Batch& batch, const raft::Entry& entry) {
  segment_bytes_[batch.number / kSegmentBatches] += entry.size_bytes();
}

Status MemoryLogStore::Sync() {
  if (!failure_.ok()) return failure_;
  if (in_flight_ == nullptr && !chores_.empty()) BeginWrite();
  if (in_flight_ != nullptr && !in_flight_->written) Apply(in_flight_.get());
  if (!queue_.empty() || !chores_.empty()) {
    // One write more for what waits. It is over when this returns; its callbacks come with those of
    // the write in flight.
    Batch rest{next_batch_++, std::exchange(chores_, {}), {}, true, false};
    std::move(queue_.begin(), queue_.end(), std::back_inserter(rest.works));
    queue_.clear();
    Apply(&rest);
    std::move(rest.works.begin(), rest.works.end(), std::back_inserter(in_flight_->works));
  }
  SyncWritten();
  return Status::Ok();
}

Result<std::vector<raft::Entry>> MemoryLogStore::Read(ShardId shard, LogIndex first, LogIndex last,
                                                      std::size_t bytes_max) {
  if (first > last) {
    return Status(Code::kInvalidArgument, "a read of the log ends before it begins");
  }
  const auto found = seen_.find(shard);
  if (found == seen_.end() || first <= found->second.base.index || last > found->second.last()) {
    return Status(Code::kNotFound, "entries " + std::to_string(first.value()) + " to " +
                                       std::to_string(last.value()) + " of shard " +
                                       std::to_string(shard.value()) + " are not in the log");
  }
  std::vector<raft::Entry> entries;
  std::size_t bytes = 0;
  for (LogIndex index = first; index <= last; ++index) {
    const raft::Entry& entry = found->second.Find(index)->entry;
    bytes += entry.size_bytes();
    if (!entries.empty() && bytes > bytes_max) break;
    entries.push_back(entry);
  }
  return entries;
}

void MemoryLogStore::Cut(ShardId shard, LogIndex index, Term term, const raft::Members& members) {
  raft::LogBase& cut = chores_.cuts[shard];
  if (index > cut.index) cut = {index, term, members};
}

Result<std::size_t> MemoryLogStore::Rewrite(ShardId shard) {
  chores_.rewrites.insert(shard);
  const auto found = seen_.find(shard);
  std::size_t bytes = 0;
  if (found == seen_.end()) return bytes;
  for (const StoredEntry& stored : found->second.entries) bytes += stored.entry.size_bytes();
  return bytes;
}

storage::LogStore::Usage MemoryLogStore::usage() const {
  Usage usage;
  const std::uint64_t newest = next_batch_ / kSegmentBatches;
  std::uint64_t oldest = newest;
  for (const auto& [id, shard] : seen_) {
    if (shard.entries.empty()) continue;
    const std::uint64_t segment = shard.entries.front().batch / kSegmentBatches;
    if (segment < oldest) {
      oldest = segment;
      usage.oldest.clear();
    }
    if (segment == oldest && oldest < newest) usage.oldest.push_back(id);
  }
  for (auto held = segment_bytes_.lower_bound(oldest); held != segment_bytes_.end(); ++held) {
    usage.bytes += held->second;
  }
  return usage;
}

Duration MemoryLogStore::stalled_for() const {
  return in_flight_ == nullptr ? Duration(0) : options_.now() - in_flight_since_;
}

void MemoryLogStore::ForgetUnsynced(Unsynced fate) {
  // After a failed write nothing that followed it can be there.
  if (fate == Unsynced::kKept && failure_.ok()) {
    if (in_flight_ != nullptr && !in_flight_->written) Apply(in_flight_.get());
    SyncWritten();
  }
  if (fate == Unsynced::kTorn) {
    torn_ = true;
    for (auto& [id, shard] : synced_) shard.hard_state.unsure = true;
  }
  unsynced_.clear();
  seen_ = synced_;
  queue_.clear();
  chores_ = {};
  in_flight_.reset();
  failure_ = Status::Ok();
  process_ = std::make_shared<bool>(true);
}

void MemoryLogStore::FailWrites(Status failure) {
  failure_ = std::move(failure);
}

void MemoryLogStore::Wipe() {
  ForgetUnsynced(Unsynced::kLost);
  seen_.clear();
  synced_.clear();
  segment_bytes_.clear();
}

std::shared_ptr<const MemoryLogStore::Disk> MemoryLogStore::CopyDisk() const {
  return std::make_shared<const Disk>(Disk{synced_, torn_, level_, segment_bytes_});
}

void MemoryLogStore::PutBack(const Disk& disk) {
  Wipe();
  seen_ = synced_ = disk.shards;
  torn_ = disk.torn;
  level_ = disk.level;
  segment_bytes_ = disk.segment_bytes;
}

std::optional<raft::HardState> MemoryLogStore::SyncedHardState(ShardId shard) const {
  const auto found = synced_.find(shard);
  return found == synced_.end() ? std::nullopt : std::optional(found->second.hard_state);
}

bool MemoryLogStore::HasSynced(ShardId shard, LogIndex index) const {
  const auto found = synced_.find(shard);
  return found != synced_.end() && index <= found->second.last();
}

const raft::Entry* MemoryLogStore::SyncedEntry(ShardId shard, LogIndex index) const {
  const auto found = synced_.find(shard);
  const StoredEntry* stored = found == synced_.end() ? nullptr : found->second.Find(index);
  return stored == nullptr ? nullptr : &stored->entry;
}

std::vector<storage::LogUpdate> MemoryLogStore::SyncedEntries() const {
  std::vector<storage::LogUpdate> updates;
  for (const auto& [id, shard] : synced_) {
    storage::LogUpdate& update = updates.emplace_back();
    update.shard = id;
    for (const StoredEntry& stored : shard.entries) update.entries.push_back(stored.entry);
  }
  return updates;
}

std::optional<Term> MemoryLogStore::WrittenTerm(ShardId shard, LogIndex index) const {
  const auto found = seen_.find(shard);
  if (found == seen_.end()) return std::nullopt;
  if (index == found->second.base.index) return found->second.base.term;
  const StoredEntry* stored = found->second.Find(index);
  return stored == nullptr ? std::nullopt : std::optional(stored->entry.term);
}

const raft::LogBase* MemoryLogStore::WrittenBase(ShardId shard) const {
  const auto found = seen_.find(shard);
  return found == seen_.end() ? nullptr : &found->second.base;
}

std::vector<raft::Members> MemoryLogStore::WrittenMembers(ShardId shard, LogIndex index) const {
  const auto found = seen_.find(shard);
  if (found == seen_.end()) return {};
  std::vector<raft::Members> members{found->second.base.members};
  for (const StoredEntry& stored : found->second.entries) {
    if (stored.entry.kind != raft::EntryKind::kMembers) continue;
    if (stored.entry.index <= index) members.clear();
    members.push_back(raft::DecodeMembers(stored.entry.data.view()).value());
  }
  return members;
}

storage::Generation MemoryLogStore::WrittenGeneration(ShardId shard) const {
  const auto found = seen_.find(shard);
  return found == seen_.end() ? storage::Generation() : found->second.generation;
}

}  // namespace ringfort::sim

// The writer's loop, and what other threads ask of the log.
#include "wal/wal.h"

#include <time.h>

#include <algorithm>
#include <future>
#include <limits>
#include <utility>

#include "base/check.h"
#include "features/features.h"
#include "wal/entry_reader.h"
#include "wal/recovery.h"
#include "wal/update_records.h"

namespace ringfort::wal {
namespace {

constexpr std::uint64_t kSegmentBytesMin = 64 << 10;
constexpr std::uint64_t kSegmentBytesMax = std::uint64_t{4} << 30;

std::int64_t BoottimeNanos() {
  timespec now{};
  ::clock_gettime(CLOCK_BOOTTIME, &now);
  return now.tv_sec * std::int64_t{1'000'000'000} + now.tv_nsec;
}

std::uint64_t BodyBytes(const storage::LogUpdate& update) {
  std::uint64_t bytes = 0;
  ForEachRecord(update, [&bytes](const Record& record) { bytes += record.stored_bytes(); });
  return bytes;
}

Status CheckOptions(const Options& options) {
  if (options.incarnation.empty()) {
    return {Code::kInvalidArgument, "the log needs the incarnation of its node"};
  }
  if (options.segment_bytes < kSegmentBytesMin || options.segment_bytes > kSegmentBytesMax ||
      options.segment_bytes % 4096 != 0) {
    return {Code::kInvalidArgument,
            "a segment of the log must have 64 KiB to 4 GiB, in steps of 4 "
            "KiB, not " +
                std::to_string(options.segment_bytes) + " bytes"};
  }
  return Status::Ok();
}

}  // namespace

Result<std::unique_ptr<Wal>> Wal::Open(const Options& options) {
  if (Status status = CheckOptions(options); !status.ok()) return status;
  Result<std::shared_ptr<Directory>> directory =
      options.expect_existing ? Directory::Open(options.dir, *options.disk)
                              : Directory::OpenOrCreate(options.dir, *options.disk);
  if (!directory.ok() && directory.status().code() == Code::kNotFound) {
    return Status(
        Code::kCorruption,
        directory.status().message() +
            ", though this node has a log there (bring it back, or let the node be filled "
            "again from its peers)");
  }
  if (!directory.ok()) return directory.status();
  if (Status locked = (*directory)->Lock(); !locked.ok()) return locked;
  Result<RecoveredLog> log =
      RecoverLog(**directory, options.incarnation, options.expect_existing, *options.disk);
  if (!log.ok()) return log.status();
  if (log->next_batch <= options.batches_min) {
    return Status(Code::kCorruption,
                  options.dir + " is damaged: it ends after batch " +
                      std::to_string(log->next_batch - 1) + ", but held " +
                      std::to_string(options.batches_min) +
                      " when it was last opened (a node sets such a log aside at its start, and "
                      "its peers fill it again)");
  }
  std::unique_ptr<Wal> wal(new Wal(options, std::move(*directory), std::move(*log)));
  if (Status prepared = wal->PrepareRecovery(); !prepared.ok()) return prepared;
  wal->writer_ = std::thread([raw = wal.get()] { raw->RunWriter(); });
  return wal;
}

Wal::Wal(const Options& options, std::shared_ptr<Directory> directory, RecoveredLog log)
    : options_(options),
      directory_(std::move(directory)),
      batches_at_open_(log.next_batch - 1),
      pool_(directory_, *options.disk, options.segment_bytes, std::move(log.spares)),
      was_torn_(log.torn),
      tail_(directory_, pool_, std::move(log.note), options.incarnation, log.next_batch),
      state_(std::move(log.state)),
      segments_(std::move(log.segments)) {
  if (!segments_.empty()) tail_.Resume(segments_.rbegin()->second, log.end_offset);
}

Wal::~Wal() {
  if (!writer_.joinable()) return;
  {
    const std::lock_guard lock(queue_mutex_);
    stopping_ = true;
  }
  wake_writer_.notify_one();
  writer_.join();
  // Whoever must know of an error has called Sync before; what was synced stands.
  if (failure_.ok()) tail_.Sync().IgnoreError();
}

/// Writes what recovery owes to the log (a first batch where there is none, the marks of a torn
/// end), and collects what the owner is told.
Status Wal::PrepareRecovery() {
  for (const ShardId id : state_.shards()) {
    const ShardLog& shard = *state_.Find(id);
    planned_[id] = {shard.base().index, shard.last()};
  }
  if (was_torn_ || segments_.empty()) {
    Work marks;
    for (const ShardId id : state_.shards()) {
      storage::LogUpdate update;
      update.shard = id;
      update.hard_state = state_.Find(id)->hard_state();
      update.hard_state->unsure = true;
      marks.body_bytes += BodyBytes(update);
      marks.updates.push_back(std::move(update));
    }
    std::vector<Work> works;
    works.push_back(std::move(marks));
    if (Status status = WriteRecords(works, {}, {}, /*sync=*/true); !status.ok()) return status;
    if (Status status = tail_.ClearTornNote(); !status.ok()) return status;
  }
  recovery_.unsure = was_torn_;
  for (const ShardId id : state_.shards()) {
    const ShardLog& shard = *state_.Find(id);
    storage::RecoveredShard recovered{.shard = id,
                                      .hard_state = shard.hard_state(),
                                      .base = shard.base(),
                                      .generation = shard.generation(),
                                      .last = shard.last(),
                                      .terms = shard.terms(),
                                      .members_entries = {}};
    for (const LogIndex index : shard.members_entries()) {
      Result<std::vector<raft::Entry>> entry = Read(id, index, index, 0);
      if (!entry.ok()) return entry.status();
      recovered.members_entries.push_back(std::move(entry->front()));
    }
    recovery_.shards.push_back(std::move(recovered));
  }
  return Status::Ok();
}

storage::Recovery Wal::TakeRecovery() {
  return std::exchange(recovery_, {});
}

void Wal::Append(std::vector<storage::LogUpdate> updates, storage::AppendDone done) {
  Work work;
  work.sync = options_.durability == Durability::kSynced;
  for (const storage::LogUpdate& update : updates) {
    work.body_bytes += BodyBytes(update);
    work.sync = work.sync || update.base || update.hard_state;
  }
  work.updates = std::move(updates);
  work.done = std::move(done);
  Enqueue(std::move(work));
}

Status Wal::Sync() {
  std::promise<Status> synced;
  Work work;
  work.sync = true;
  work.done = [&synced](Status status) { synced.set_value(std::move(status)); };
  Enqueue(std::move(work));
  return synced.get_future().get();
}

void Wal::SetFeatureLevel(FeatureLevel level) {
  if (level < features::kLogSegments3) return;
  Work work;
  work.sync = true;
  work.done = [](const Status&) {};
  work.format = kFormatVersionMax;
  Enqueue(std::move(work));
}

void Wal::Enqueue(Work work) {
  bool was_empty = false;
  {
    const std::lock_guard lock(queue_mutex_);
    was_empty = queue_.empty();
    queue_.push_back(std::move(work));
  }
  // A writer that is busy looks at the queue again before it waits.
  if (was_empty) wake_writer_.notify_one();
}

void Wal::Cut(ShardId shard, LogIndex index, Term term, const raft::Members& members) {
  const std::lock_guard lock(queue_mutex_);
  raft::LogBase& cut = cuts_[shard];
  if (index > cut.index) cut = {index, term, members};
}

Result<std::size_t> Wal::Rewrite(ShardId shard) {
  {
    const std::lock_guard lock(queue_mutex_);
    const auto is_it = [shard](const storage::LogUpdate& again) { return again.shard == shard; };
    if (rewrites_.size() >= kRewritesWaitingMax ||
        std::any_of(rewrites_.begin(), rewrites_.end(), is_it)) {
      return std::size_t{0};
    }
  }
  LogIndex first;
  LogIndex last;
  {
    const std::lock_guard lock(state_mutex_);
    const ShardLog* log = state_.Find(shard);
    if (log == nullptr || log->entry_bytes() > kRewriteBytesMax) return std::size_t{0};
    first = log->base().index + 1;
    last = log->last();
  }
  if (first > last) return std::size_t{0};
  Result<std::vector<raft::Entry>> entries =
      Read(shard, first, last, std::numeric_limits<std::size_t>::max());
  if (entries.status().code() == Code::kNotFound) return std::size_t{0};  // Cut meanwhile.
  if (!entries.ok()) return entries.status();
  storage::LogUpdate again;
  again.shard = shard;
  again.entries = *std::move(entries);
  const std::size_t bytes = BodyBytes(again);
  const std::lock_guard lock(queue_mutex_);
  rewrites_.push_back(std::move(again));
  return bytes;
}

Result<std::vector<raft::Entry>> Wal::Read(ShardId shard, LogIndex first, LogIndex last,
                                           std::size_t bytes_max) {
  if (first > last) {
    return Status(Code::kInvalidArgument, "a read of the log ends before it begins");
  }
  std::vector<PlacedEntry> placed;
  {
    const std::lock_guard lock(state_mutex_);
    const ShardLog* log = state_.Find(shard);
    if (log == nullptr || !log->Holds(first, last)) {
      return Status(Code::kNotFound, "entries " + std::to_string(first.value()) + " to " +
                                         std::to_string(last.value()) + " of shard " +
                                         std::to_string(shard.value()) + " are not in the log");
    }
    std::size_t bytes = 0;
    for (LogIndex index = first; index <= last; ++index) {
      const EntryPosition position = log->Position(index);
      bytes += raft::Entry{}.size_bytes() + position.payload_bytes;
      if (!placed.empty() && bytes > bytes_max) break;
      placed.push_back({index, log->TermOf(index), position, segments_.at(position.segment)});
    }
  }
  return ReadEntries(shard, placed);
}

storage::LogStore::Usage Wal::usage() const {
  const std::lock_guard lock(state_mutex_);
  Usage usage;
  for (const auto& [sequence, segment] : segments_) usage.bytes += segment->header.segment_bytes;
  if (segments_.size() > 1) usage.oldest = state_.HoldersOf(segments_.begin()->first);
  return usage;
}

Duration Wal::stalled_for() const {
  const std::int64_t since = in_flight_since_.load(std::memory_order_relaxed);
  return since == 0 ? Duration(0) : Duration(BoottimeNanos() - since);
}

void Wal::RunWriter() {
  while (true) {
    std::vector<Work> works;
    Cuts cuts;
    storage::LogUpdate again;
    {
      std::unique_lock lock(queue_mutex_);
      wake_writer_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
      if (queue_.empty()) return;
      std::uint64_t bytes = 0;
      while (!queue_.empty() &&
             (works.empty() || bytes + queue_.front().body_bytes <= kBatchBytesMax)) {
        bytes += queue_.front().body_bytes;
        works.push_back(std::move(queue_.front()));
        queue_.pop_front();
      }
      cuts.swap(cuts_);
      if (!rewrites_.empty()) {
        again = std::move(rewrites_.front());
        rewrites_.pop_front();
      }
    }
    in_flight_since_.store(BoottimeNanos(), std::memory_order_relaxed);
    if (failure_.ok()) {
      if (Status status = Commit(works, std::move(cuts), std::move(again)); !status.ok()) {
        failure_ =
            Status(Code::kIoError, "the log takes no more: " + status.message(), Effect::kUnknown);
      }
    }
    in_flight_since_.store(0, std::memory_order_relaxed);
    for (const Work& work : works) work.done(failure_);
  }
}

Status Wal::Commit(const std::vector<Work>& works, Cuts cuts, storage::LogUpdate again) {
  KeepWritableCuts(&cuts);
  KeepIfUnchanged(cuts, &again);
  bool sync = false;
  for (const Work& work : works) tail_.SetFormat(work.format);
  bool records = !cuts.empty() || !again.entries.empty() || tail_.has_old_format();
  for (const Work& work : works) {
    sync = sync || work.sync;
    records = records || work.body_bytes > 0;
  }
  if (records) return WriteRecords(works, cuts, again, sync);
  if (!sync) return Status::Ok();
  if (Status status = tail_.Sync(); !status.ok()) return status;
  RetireSegments();
  return Status::Ok();
}

Status Wal::WriteRecords(const std::vector<Work>& works, const Cuts& cuts,
                         const storage::LogUpdate& again, bool sync) {
  std::uint64_t body_bytes = BodyBytes(again);
  for (const Work& work : works) body_bytes += work.body_bytes;
  for (const auto& [shard, base] : cuts) {
    VisitCut(shard, base,
             [&body_bytes](const Record& record) { body_bytes += record.stored_bytes(); });
  }
  const auto state_bytes = [this] {
    std::uint64_t bytes = 0;
    state_.ForEachState([&bytes](const Record& record) { bytes += record.stored_bytes(); });
    return bytes;
  };
  if (Status status = tail_.MakeRoom(body_bytes, state_bytes); !status.ok()) return status;
  batch_.Start(tail_.segment()->seed);
  if (tail_.at_segment_start()) {
    state_.ForEachState([this](const Record& record) { batch_.Add(record); });
  }
  for (const auto& [shard, base] : cuts) {
    VisitCut(shard, base, [this](const Record& record) { batch_.Add(record); });
    planned_[shard].base = base.index;
  }
  // Before the new entries, some of which may take the place of older ones.
  if (!again.entries.empty()) AddUpdate(again);
  for (const Work& work : works) {
    for (const storage::LogUpdate& update : work.updates) AddUpdate(update);
  }
  const Result<std::uint64_t> offset = tail_.Write(&batch_, sync);
  if (!offset.ok()) return offset.status();
  ApplyBatch(*offset);
  RetireSegments();
  return Status::Ok();
}

/// Leaves the cuts that can be written now. One above the stored entries waits for the base that
/// its shard has queued; one at or below the base is already done.
void Wal::KeepWritableCuts(Cuts* cuts) {
  for (auto cut = cuts->begin(); cut != cuts->end();) {
    const ShardLog* shard = state_.Find(cut->first);
    if (shard != nullptr && cut->second.index > shard->base().index &&
        cut->second.index <= shard->last()) {
      ++cut;
      continue;
    }
    if (shard == nullptr || cut->second.index > shard->last()) {
      const std::lock_guard lock(queue_mutex_);
      cuts_.try_emplace(cut->first, cut->second);
    }
    cut = cuts->erase(cut);
  }
}

/// Leaves of `again` what the cuts leave; nothing when the shard has other entries by now. Those
/// that it replaces stay where they are until the batch is synced (RetireSegments).
void Wal::KeepIfUnchanged(const Cuts& cuts, storage::LogUpdate* again) const {
  std::vector<raft::Entry>& entries = again->entries;
  if (entries.empty()) return;
  const ShardLog* shard = state_.Find(again->shard);
  RF_CHECK(shard != nullptr);
  const auto cut = cuts.find(again->shard);
  const LogIndex base = cut == cuts.end() ? shard->base().index : cut->second.index;
  const auto above = std::find_if(entries.begin(), entries.end(),
                                  [base](const raft::Entry& entry) { return entry.index > base; });
  entries.erase(entries.begin(), above);
  const bool unchanged =
      !entries.empty() && entries.front().index == base + 1 &&
      entries.back().index == shard->last() &&
      std::all_of(entries.begin(), entries.end(), [shard](const raft::Entry& entry) {
        return shard->TermOf(entry.index) == entry.term;
      });
  if (!unchanged) entries.clear();
}

void Wal::AddUpdate(const storage::LogUpdate& update) {
  Planned& planned = planned_[update.shard];
  if (update.base) planned = {update.base->index, update.base->index};
  for (std::size_t i = 0; i < update.entries.size(); ++i) {
    const raft::Entry& entry = update.entries[i];
    RF_CHECK(entry.index > planned.base && entry.index <= planned.last + 1 &&
             entry.index == update.entries.front().index + i)
        << "entry " << entry.index << " of shard " << update.shard << " does not follow on "
        << planned.last << " above base " << planned.base;
    planned.last = entry.index;
  }
  ForEachRecord(update, [this](const Record& record) { batch_.Add(record); });
}

/// Takes the batch just written into the state, by the same steps as recovery would.
void Wal::ApplyBatch(std::uint64_t batch_offset) {
  const std::lock_guard lock(state_mutex_);
  const std::uint64_t segment = tail_.segment()->header.sequence;
  segments_.try_emplace(segment, tail_.segment());
  std::string_view body = batch_.body();
  std::uint64_t offset = batch_offset + kBatchHeaderBytes;
  while (!body.empty()) {
    const std::optional<Record> record = DecodeTrustedRecord(body);
    RF_CHECK(record.has_value());
    const Status applied = state_.Apply(*record, segment, offset, /*seeding=*/false);
    RF_CHECK(applied.ok()) << applied.ToString();
    body.remove_prefix(record->stored_bytes());
    offset += record->stored_bytes();
  }
}

/// Gives up the oldest segments that no shard needs. Only when everything that makes them needless
/// is synced: after a crash, nothing may be missed that was in them.
void Wal::RetireSegments() {
  if (!tail_.all_synced()) return;
  const std::uint64_t current = tail_.segment()->header.sequence;
  const std::uint64_t needed = std::min(state_.oldest_needed().value_or(current), current);
  while (segments_.begin()->first < needed) {
    std::shared_ptr<Segment> segment;
    {
      const std::lock_guard lock(state_mutex_);
      segment = std::move(segments_.begin()->second);
      segments_.erase(segments_.begin());
    }
    pool_.Retire(std::move(segment));
  }
}

}  // namespace ringfort::wal

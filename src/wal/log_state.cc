// Applying records to what is known of the shards.
#include "wal/log_state.h"

#include <algorithm>

#include "base/check.h"
#include "raft/members.h"

namespace ringfort::wal {
namespace {

Status Unfit(const Record& record, const std::string& why) {
  return {Code::kCorruption, "the " + std::string(RecordTypeName(record.type)) +
                                 " record of shard " + std::to_string(record.shard.value()) +
                                 " at index " + std::to_string(record.index.value()) + " " + why};
}

/// Of a payload that cannot be decoded: what a newer release wrote is no damage.
Status Undecoded(const Record& record, const Status& why) {
  return why.code() == Code::kCorruption ? Unfit(record, "cannot be decoded") : why;
}

/// The run that holds `index`: runs are in order of `first`, and the first one is at or below it.
template <typename Run>
const Run& RunOf(const std::vector<Run>& runs, LogIndex index) {
  const auto after = std::upper_bound(runs.begin(), runs.end(), index,
                                      [](LogIndex i, const Run& run) { return i < run.first; });
  RF_CHECK(after != runs.begin());
  return *std::prev(after);
}

template <typename Run>
void DropRunsFrom(LogIndex index, std::vector<Run>* runs) {
  while (!runs->empty() && runs->back().first >= index) runs->pop_back();
}

/// Entries up to `index` are gone, others are left.
template <typename Run>
void DropRunsThrough(LogIndex index, std::vector<Run>* runs) {
  auto keep = runs->begin();
  while (std::next(keep) != runs->end() && std::next(keep)->first <= index + 1) ++keep;
  runs->erase(runs->begin(), keep);
  runs->front().first = std::max(runs->front().first, index + 1);
}

}  // namespace

bool ShardLog::Holds(LogIndex first, LogIndex last) const {
  return first > base_.index && first >= first_ && first <= last && last <= last_;
}

EntryPosition ShardLog::Position(LogIndex index) const {
  const Entry& entry = entries_[head_ + (index - first_)];
  return {RunOf(segments_, index).segment, std::uint64_t{entry.offset_eighth} * 8,
          entry.payload_bytes};
}

Term ShardLog::TermOf(LogIndex index) const {
  return RunOf(terms_, index).term;
}

std::optional<std::uint64_t> ShardLog::oldest_segment() const {
  if (segments_.empty()) return std::nullopt;
  return segments_.front().segment;
}

Status ShardLog::Apply(const Record& record, std::uint64_t segment, std::uint64_t offset) {
  switch (record.type) {
    case RecordType::kEntry: return AddEntry(record, segment, offset);
    case RecordType::kHardState: {
      const std::optional<raft::HardState> hard_state = DecodeHardState(record);
      if (!hard_state) return Unfit(record, "cannot be decoded");
      hard_state_ = *hard_state;
      return Status::Ok();
    }
    case RecordType::kBase: {
      Result<BasePayload> payload = DecodeBasePayload(record.payload);
      if (!payload.ok()) return Undecoded(record, payload.status());
      Begin({record.index, record.term, std::move(payload->members)});
      generation_ = payload->generation;
      return Status::Ok();
    }
    case RecordType::kCut: return CutTo(record);
    case RecordType::kState: break;
  }
  return Unfit(record, "stands where it has no meaning");
}

void ShardLog::Seed(const Record& record, StatePayload payload) {
  Begin(std::move(payload.base));
  hard_state_ = payload.hard_state;
  generation_ = payload.generation;
  last_ = std::max(record.index, base_.index);
  missing_through_ = last_;
  first_ = last_ + 1;
}

bool ShardLog::Matches(const Record& record, const StatePayload& payload) const {
  return hard_state_ == payload.hard_state && last_ == record.index &&
         generation_ == payload.generation && base_ == payload.base;
}

Status ShardLog::AddEntry(const Record& record, std::uint64_t segment, std::uint64_t offset) {
  if (record.index <= base_.index) return Unfit(record, "is not above its base");
  if (record.index > last_ + 1) {
    return Unfit(record, "leaves a gap: the entry before it should be " +
                             std::to_string(last_.value()) + "'s successor");
  }
  if (record.index <= last_) DropFrom(record.index);
  if (entries_.size() == head_) first_ = record.index;
  if (segments_.empty() || segments_.back().segment != segment) {
    segments_.push_back({record.index, segment});
  }
  if (terms_.empty() || terms_.back().term != record.term) {
    terms_.push_back({record.index, record.term});
  }
  if (record.kind == raft::EntryKind::kMembers) members_entries_.push_back(record.index);
  entries_.push_back(
      {static_cast<std::uint32_t>(offset / 8), static_cast<std::uint32_t>(record.payload.size())});
  entry_bytes_ += record.stored_bytes();
  last_ = record.index;
  return Status::Ok();
}

Status ShardLog::CutTo(const Record& record) {
  if (record.index <= base_.index || record.index > last_) {
    return Unfit(
        record, "is not inside the shard's entries, which end at " + std::to_string(last_.value()));
  }
  Result<raft::Members> members = raft::DecodeMembers(record.payload);
  if (!members.ok()) return Undecoded(record, members.status());
  DropThrough(record.index);
  base_ = {record.index, record.term, std::move(*members)};
  return Status::Ok();
}

void ShardLog::Begin(raft::LogBase base) {
  ClearEntries();
  base_ = std::move(base);
  last_ = base_.index;
  missing_through_ = base_.index;
  first_ = last_ + 1;
}

void ShardLog::DropFrom(LogIndex index) {
  missing_through_ = std::min(missing_through_, index - 1);
  if (index <= first_) {
    ClearEntries();
  } else {
    Uncount(head_ + (index - first_), entries_.size());
    entries_.resize(head_ + (index - first_));
    DropRunsFrom(index, &terms_);
    DropRunsFrom(index, &segments_);
    while (!members_entries_.empty() && members_entries_.back() >= index) {
      members_entries_.pop_back();
    }
  }
  last_ = index - 1;
}

void ShardLog::DropThrough(LogIndex index) {
  if (index < first_) return;
  if (index == last_) {
    ClearEntries();
    first_ = index + 1;
    return;
  }
  Uncount(head_, head_ + (index + 1 - first_));
  head_ += index + 1 - first_;
  first_ = index + 1;
  DropRunsThrough(index, &terms_);
  DropRunsThrough(index, &segments_);
  std::erase_if(members_entries_, [index](LogIndex members) { return members <= index; });
  // Amortized: an entry is moved at most once for each time that as many were dropped.
  if (head_ > entries_.size() / 2) {
    entries_.erase(entries_.begin(), entries_.begin() + static_cast<std::ptrdiff_t>(head_));
    head_ = 0;
  }
}

void ShardLog::Uncount(std::size_t from, std::size_t to) {
  for (std::size_t i = from; i < to; ++i) {
    entry_bytes_ -= Record::StoredBytes(entries_[i].payload_bytes);
  }
}

void ShardLog::ClearEntries() {
  entry_bytes_ = 0;
  entries_.clear();
  entries_.shrink_to_fit();
  head_ = 0;
  terms_.clear();
  segments_.clear();
  members_entries_.clear();
}

Status LogState::Apply(const Record& record, std::uint64_t segment, std::uint64_t offset,
                       bool seeding) {
  if (record.type == RecordType::kState) {
    Result<StatePayload> payload = DecodeStatePayload(record);
    if (!payload.ok()) return Undecoded(record, payload.status());
    const auto found = shards_.find(record.shard);
    if (found == shards_.end() && seeding) {
      shards_[record.shard].Seed(record, std::move(*payload));
      return Status::Ok();
    }
    if (found == shards_.end() || !found->second.Matches(record, *payload)) {
      return Unfit(record, "differs from what the log before it says");
    }
    return Status::Ok();
  }
  ShardLog& shard = shards_[record.shard];
  const std::optional<std::uint64_t> before = shard.oldest_segment();
  Status status = shard.Apply(record, segment, offset);
  MoveHolder(record.shard, before, shard.oldest_segment());
  return status;
}

Status LogState::CheckComplete() const {
  for (const auto& [id, shard] : shards_) {
    if (shard.missing_through() <= shard.base().index) continue;
    return {Code::kCorruption, "entries " + std::to_string(shard.base().index.value() + 1) +
                                   " to " + std::to_string(shard.missing_through().value()) +
                                   " of shard " + std::to_string(id.value()) +
                                   " were in an older segment, which is missing"};
  }
  return Status::Ok();
}

const ShardLog* LogState::Find(ShardId shard) const {
  const auto found = shards_.find(shard);
  return found == shards_.end() ? nullptr : &found->second;
}

std::vector<ShardId> LogState::shards() const {
  std::vector<ShardId> ids;
  ids.reserve(shards_.size());
  for (const auto& [id, shard] : shards_) ids.push_back(id);
  std::sort(ids.begin(), ids.end());
  return ids;
}

void LogState::ForEachState(const std::function<void(const Record&)>& add) const {
  std::string payload;
  for (const auto& [id, shard] : shards_) {
    payload.clear();
    AppendStatePayload({shard.hard_state(), shard.generation(), shard.base()}, &payload);
    Record record;
    record.type = RecordType::kState;
    record.shard = id;
    record.term = shard.hard_state().term;
    record.index = shard.last();
    record.payload = payload;
    add(record);
  }
}

std::optional<std::uint64_t> LogState::oldest_needed() const {
  if (holders_.empty()) return std::nullopt;
  return holders_.begin()->first;
}

std::vector<ShardId> LogState::HoldersOf(std::uint64_t segment) const {
  const auto found = holders_.find(segment);
  if (found == holders_.end()) return {};
  return {found->second.begin(), found->second.end()};
}

void LogState::MoveHolder(ShardId shard, std::optional<std::uint64_t> from,
                          std::optional<std::uint64_t> to) {
  if (from == to) return;
  if (from) {
    const auto held = holders_.find(*from);
    held->second.erase(shard);
    if (held->second.empty()) holders_.erase(held);
  }
  if (to) holders_[*to].insert(shard);
}

}  // namespace ringfort::wal

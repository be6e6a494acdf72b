#include "tests/unit/raft/simulated_disk.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace ringfort::raft {
namespace {

constexpr std::size_t kRecentRecords = 4;

Members MembersOf(const Entry& entry) {
  Result<Members> members = DecodeMembers(entry.data.view());
  RF_CHECK(members.ok());
  members->index = entry.index;
  return *std::move(members);
}

}  // namespace

void SimulatedDisk::Replay(const Record& record, LogIndex base, HardState* hard_state,
                           std::vector<Entry>* entries) {
  if (record.hard_state) *hard_state = *record.hard_state;
  for (const Entry& entry : record.entries) {
    if (entry.index <= base) continue;
    const std::size_t place = entry.index - base - 1;
    RF_CHECK(place <= entries->size()) << "a gap in the stored log before " << entry.index;
    entries->resize(place);
    entries->push_back(entry);
  }
}

void SimulatedDisk::Store(Record record) {
  if (record.base) {
    // A snapshot's state machine is on the disk before its base is; the base is always synced.
    if (record.hard_state) hard_state_ = *record.hard_state;
    base_ = *record.base;
    flushed_ = base_.index;
    entries_.clear();
    Replay({std::nullopt, std::nullopt, record.entries}, base_.index, &hard_state_, &entries_);
    settled_hard_state_ = hard_state_;
    settled_entries_ = entries_;
    recent_.clear();
    return;
  }
  Replay(record, base_.index, &hard_state_, &entries_);
  recent_.push_back(std::move(record));
  if (recent_.size() > kRecentRecords) {
    Replay(recent_.front(), base_.index, &settled_hard_state_, &settled_entries_);
    recent_.pop_front();
  }
}

void SimulatedDisk::Cut(LogIndex index) {
  RF_CHECK(index <= flushed_);
  if (index <= base_.index) return;
  const Entry* entry = Find(index);
  RF_CHECK(entry != nullptr);
  const Term term = entry->term;
  const auto count = static_cast<std::ptrdiff_t>(index - base_.index);
  // What is cut must no longer hang on records that a tear could take.
  while (settled_entries_.size() < static_cast<std::size_t>(count)) {
    RF_CHECK(!recent_.empty());
    Replay(recent_.front(), base_.index, &settled_hard_state_, &settled_entries_);
    recent_.pop_front();
  }
  for (const Entry& cut : entries_) {
    if (cut.index <= index && cut.kind == EntryKind::kMembers) base_.members = MembersOf(cut);
  }
  entries_.erase(entries_.begin(), entries_.begin() + count);
  settled_entries_.erase(settled_entries_.begin(), settled_entries_.begin() + count);
  base_.index = index;
  base_.term = term;
}

void SimulatedDisk::Tear(std::size_t records) {
  while (records > 0 && !recent_.empty()) {
    HardState hard_state = settled_hard_state_;
    std::vector<Entry> entries = settled_entries_;
    for (std::size_t i = 0; i + 1 < recent_.size(); ++i) {
      Replay(recent_[i], base_.index, &hard_state, &entries);
    }
    const LogIndex last = base_.index + entries.size();
    if (last < flushed_) break;
    const Entry* flushed = Find(flushed_);
    if (flushed != nullptr && entries[flushed_ - first()].term != flushed->term) break;
    hard_state_ = hard_state;
    entries_ = std::move(entries);
    recent_.pop_back();
    --records;
  }
  hard_state_.unsure = true;
  Store(hard_state_, {});
}

Restored SimulatedDisk::Recover() const {
  Restored restored;
  restored.hard_state = hard_state_;
  restored.base = base_;
  restored.last = last();
  for (const Entry& entry : entries_) {
    if (restored.terms.empty() || restored.terms.back().term != entry.term) {
      restored.terms.push_back({entry.index, entry.term});
    }
    if (entry.kind == EntryKind::kMembers) restored.members_entries.push_back(entry);
  }
  restored.applied = flushed_;
  return restored;
}

const Entry* SimulatedDisk::Find(LogIndex index) const {
  if (index < first() || index > last()) return nullptr;
  return &entries_[index - first()];
}

Members SimulatedDisk::members() const {
  const auto newest = std::find_if(entries_.rbegin(), entries_.rend(), [](const Entry& entry) {
    return entry.kind == EntryKind::kMembers;
  });
  return newest == entries_.rend() ? base_.members : MembersOf(*newest);
}

}  // namespace ringfort::raft

#include "raft/log.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "raft/members.h"

namespace ringfort::raft {
namespace {

Members MembersOf(const Entry& entry) {
  Result<Members> members = DecodeMembers(entry.data.view());
  RF_CHECK(members.ok()) << "the members at " << entry.index << ": " << members.status().message();
  members->index = entry.index;
  return *std::move(members);
}

}  // namespace

Log::Log(LogBase base, LogIndex last, std::vector<TermRun> terms,
         const std::vector<Entry>& members_entries)
    : base_(std::move(base)), last_(last), terms_(std::move(terms)) {
  RF_CHECK(last_ >= base_.index);
  RF_CHECK(terms_.empty() == (last_ == base_.index));
  RF_CHECK(terms_.empty() || terms_.front().first == base_.index + 1);
  for (const Entry& entry : members_entries) changes_.push_back(MembersOf(entry));
}

const Members& Log::MembersAt(LogIndex index) const {
  const auto later = std::find_if(changes_.begin(), changes_.end(),
                                  [index](const Members& change) { return change.index > index; });
  return later == changes_.begin() ? base_.members : *std::prev(later);
}

Term Log::last_term() const {
  return terms_.empty() ? base_.term : terms_.back().term;
}

std::optional<Term> Log::TermAt(LogIndex index) const {
  if (index < base_.index || index > last_) return std::nullopt;
  if (index == base_.index) return base_.term;
  const auto after = std::upper_bound(terms_.begin(), terms_.end(), index,
                                      [](LogIndex i, const TermRun& run) { return i < run.first; });
  RF_CHECK(after != terms_.begin());
  return std::prev(after)->term;
}

bool Log::IsUpToDate(LogIndex last_index, Term last_term) const {
  return last_term > this->last_term() || (last_term == this->last_term() && last_index >= last_);
}

LogIndex Log::LastAtOrBelow(LogIndex index, Term term) const {
  index = std::min(index, last_);
  for (auto run = terms_.rbegin(); run != terms_.rend(); ++run) {
    if (run->first > index) continue;
    if (run->term <= term) return index;
    index = run->first - 1;
  }
  return std::max(index, base_.index);
}

void Log::Append(const std::vector<Entry>& entries) {
  if (entries.empty()) return;
  const LogIndex first = entries.front().index;
  RF_CHECK(first > base_.index && first <= last_ + 1)
      << "append at " << first << " after " << last_;
  while (!cache_.empty() && cache_.back().index >= first) {
    cached_bytes_ -= cache_.back().size_bytes();
    cache_.pop_back();
  }
  while (!terms_.empty() && terms_.back().first >= first) terms_.pop_back();
  while (!changes_.empty() && changes_.back().index >= first) changes_.pop_back();
  last_ = first - 1;
  for (const Entry& entry : entries) {
    RF_CHECK(entry.index == last_ + 1);
    RF_CHECK(entry.term >= last_term()) << "term goes back at " << entry.index;
    if (terms_.empty() || terms_.back().term != entry.term) {
      terms_.push_back({entry.index, entry.term});
    }
    if (entry.kind == EntryKind::kMembers) changes_.push_back(MembersOf(entry));
    cache_.push_back(entry);
    cached_bytes_ += entry.size_bytes();
    last_ = entry.index;
  }
}

std::vector<Entry> Log::Cached(LogIndex first, LogIndex last, std::size_t bytes_max) const {
  std::vector<Entry> entries;
  if (!IsCached(first)) return entries;
  std::size_t bytes = 0;
  auto entry = cache_.begin() + static_cast<std::ptrdiff_t>(first - cache_.front().index);
  for (; entry != cache_.end() && entry->index <= last; ++entry) {
    bytes += entry->size_bytes();
    if (bytes > bytes_max && !entries.empty()) break;
    entries.push_back(*entry);
  }
  return entries;
}

void Log::EvictThrough(LogIndex through) {
  EvictTo(0, through);
}

void Log::EvictTo(std::size_t bytes_max, LogIndex through) {
  while (!cache_.empty() && cached_bytes_ > bytes_max && cache_.front().index <= through) {
    cached_bytes_ -= cache_.front().size_bytes();
    cache_.pop_front();
  }
}

void Log::Cut(LogIndex index) {
  const std::optional<Term> term = TermAt(index);
  RF_CHECK(term.has_value()) << "cut at " << index << " outside " << base_.index << ".." << last_;
  EvictThrough(index);
  base_.members = Members(MembersAt(index));
  std::erase_if(changes_, [index](const Members& change) { return change.index <= index; });
  while (!terms_.empty()) {
    const LogIndex next = terms_.size() > 1 ? terms_[1].first : last_ + 1;
    if (next > index + 1) break;
    terms_.erase(terms_.begin());
  }
  if (!terms_.empty() && terms_.front().first <= index) terms_.front().first = index + 1;
  base_.index = index;
  base_.term = *term;
}

}  // namespace ringfort::raft

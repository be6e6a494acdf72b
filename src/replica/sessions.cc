#include "replica/sessions.h"

#include <algorithm>
#include <limits>

#include "base/check.h"
#include "features/features.h"
#include "ringfort/disk.pb.h"

namespace ringfort::replica {

std::string EncodeSession(const Session& session) {
  proto::SessionRecord record;
  record.set_last_used_us(session.last_used.value());
  record.set_first_unanswered(session.first_unanswered.value());
  for (const auto& [sequence, outcome] : session.outcomes) {
    record.add_sequences(sequence.value());
    record.add_codes(static_cast<std::uint32_t>(outcome.code));
    record.add_versions(outcome.version.value());
  }
  return record.SerializeAsString();
}

Result<Session> DecodeSession(std::string_view bytes) {
  const Status damaged(
      Code::kCorruption,
      "a stored session cannot be read (the replica must be rebuilt from its peers)");
  proto::SessionRecord record;
  if (!record.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())) ||
      record.codes_size() != record.sequences_size() ||
      record.versions_size() != record.sequences_size()) {
    return damaged;
  }
  if (record.format() != 0) return features::UnknownFormat("a stored session");
  Session session;
  session.last_used = SessionTime(record.last_used_us());
  session.first_unanswered = Sequence(record.first_unanswered());
  std::uint64_t least = record.first_unanswered();
  for (int i = 0; i < record.sequences_size(); ++i) {
    if (record.sequences(i) < least || record.codes(i) > std::numeric_limits<std::uint8_t>::max()) {
      return damaged;
    }
    least = record.sequences(i) + 1;
    session.outcomes.emplace(
        Sequence(record.sequences(i)),
        Outcome{static_cast<Code>(record.codes(i)), LogIndex(record.versions(i))});
  }
  return session;
}

void Sessions::Load(SessionId id, Session session) {
  by_use_.emplace(session.last_used, id);
  sessions_.emplace(id, std::move(session));
}

const Session* Sessions::Find(SessionId id) const {
  if (const auto staged = staged_.find(id); staged != staged_.end()) {
    return staged->second.has_value() ? &*staged->second : nullptr;
  }
  const auto found = sessions_.find(id);
  return found == sessions_.end() ? nullptr : &found->second;
}

void Sessions::Open(SessionId id, SessionTime now) {
  Session session;
  session.last_used = now;
  staged_[id] = std::move(session);
  Expire(now);
}

Session* Sessions::Use(SessionId id, Sequence first_unanswered, SessionTime now) {
  const Session* found = Find(id);
  if (found == nullptr) return nullptr;
  auto [staged, inserted] = staged_.try_emplace(id);
  if (inserted) staged->second = *found;
  Session& session = *staged->second;
  session.last_used = now;
  if (first_unanswered > session.first_unanswered) {
    session.first_unanswered = first_unanswered;
    session.outcomes.erase(session.outcomes.begin(),
                           session.outcomes.lower_bound(first_unanswered));
  }
  return &session;
}

std::optional<std::pair<SessionTime, SessionId>> Sessions::LongestUnused() const {
  std::optional<std::pair<SessionTime, SessionId>> longest;
  for (const auto& candidate : by_use_) {
    if (staged_.contains(candidate.second)) continue;
    longest = candidate;
    break;
  }
  for (const auto& [id, session] : staged_) {
    if (!session.has_value()) continue;
    const std::pair candidate(session->last_used, id);
    if (!longest || candidate < *longest) longest = candidate;
  }
  return longest;
}

std::size_t Sessions::StagedSize() const {
  std::size_t size = sessions_.size();
  for (const auto& [id, session] : staged_) {
    const bool before = sessions_.contains(id);
    if (session.has_value() && !before) ++size;
    if (!session.has_value() && before) --size;
  }
  return size;
}

void Sessions::Expire(SessionTime now) {
  for (std::size_t size = StagedSize(); size > 0; --size) {
    const auto longest = LongestUnused();
    RF_CHECK(longest.has_value());
    const bool expired = longest->first + kSessionLifetimeUs < now;
    if (!expired && size <= kSessionsMax) return;
    staged_[longest->second] = std::nullopt;
  }
}

void Sessions::Commit() {
  for (auto& [id, session] : staged_) {
    if (const auto old = sessions_.find(id); old != sessions_.end()) {
      by_use_.erase({old->second.last_used, id});
      sessions_.erase(old);
    }
    if (session.has_value()) Load(id, std::move(*session));
  }
  staged_.clear();
}

}  // namespace ringfort::replica

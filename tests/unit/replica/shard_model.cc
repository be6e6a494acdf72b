// The dumb twin of the state machine.
#include "tests/unit/replica/shard_model.h"

#include <algorithm>

#include "base/check.h"
#include "ringfort/limits.h"
#include "storage/encoding.h"

namespace ringfort::replica {

Outcome ShardModel::Apply(LogIndex index, const proto::Command& command) {
  time_ = std::max(time_, SessionTime(command.session_time_us()));
  if (command.has_open_session()) {
    state_.sessions[SessionId(index.value())] = Session{time_, Sequence(1), {}};
    std::erase_if(state_.sessions, [&](const auto& session) {
      return session.second.last_used.value() + kSessionLifetimeUs < time_.value();
    });
    return {Code::kOk, index};
  }
  if (command.has_keep_session()) {
    const auto session = state_.sessions.find(SessionId(command.keep_session().session()));
    if (session == state_.sessions.end()) return {Code::kSessionExpired, index};
    session->second.last_used = time_;
    const Sequence first(command.keep_session().first_unanswered());
    session->second.first_unanswered = std::max(session->second.first_unanswered, first);
    std::erase_if(session->second.outcomes,
                  [&](const auto& outcome) { return outcome.first < first; });
    return {Code::kOk, index};
  }
  return ApplyWrite(index, command.write());
}

Outcome ShardModel::ApplyWrite(LogIndex index, const proto::Write& write) {
  const auto found = state_.sessions.find(SessionId(write.session()));
  if (found == state_.sessions.end()) return {Code::kSessionExpired, index};
  Session& session = found->second;
  const Sequence sequence(write.sequence());
  const Sequence first(write.first_unanswered());
  if (sequence < first || sequence < session.first_unanswered)
    return {Code::kSessionExpired, index};
  session.last_used = time_;
  session.first_unanswered = std::max(session.first_unanswered, first);
  std::erase_if(session.outcomes, [&](const auto& outcome) { return outcome.first < first; });
  if (session.outcomes.contains(sequence)) return session.outcomes[sequence];
  if (session.outcomes.size() >= limits::kUnfinishedWritesMax) return {Code::kOverloaded, index};
  bool holds = true;
  for (const proto::Operation& operation : write.operations()) {
    const proto::Condition& condition = operation.condition();
    const std::uint64_t version = VersionOf(operation.key()).value();
    if (condition.kind() == proto::Condition::IF_ABSENT && version != 0) holds = false;
    if (condition.kind() == proto::Condition::IF_VERSION && version != condition.version())
      holds = false;
  }
  const Outcome outcome{holds ? Code::kOk : Code::kConditionFailed, index};
  session.outcomes[sequence] = outcome;
  if (!holds) return outcome;
  for (const proto::Operation& operation : write.operations()) {
    const Key key(operation.key().shard_key(), operation.key().sort_key());
    if (operation.kind() == proto::Operation::DELETE) {
      state_.entries.erase(key);
    } else {
      state_.entries[key] = Entry{operation.value(), index};
    }
  }
  return outcome;
}

LogIndex ShardModel::VersionOf(const proto::Key& key) const {
  const auto found = state_.entries.find({key.shard_key(), key.sort_key()});
  return found == state_.entries.end() ? LogIndex() : found->second.version;
}

ShardModel::State ShardModel::Read(const storage::ShardData& data) {
  State state;
  storage::RangeQuery query;
  query.entries_max = 1'000'000;
  query.bytes_max = 1U << 30;
  const storage::RangePage page = data.Range(query, storage::ReadDepth::kDisk).value();
  RF_CHECK(!page.more);
  for (const storage::RangeEntry& raw : page.entries) {
    const auto space = static_cast<storage::KeySpace>(raw.key[0]);
    if (space == storage::KeySpace::kData) {
      storage::DataKey key = storage::DecodeDataKey(raw.key).value();
      const storage::Value value = storage::DecodeValue(raw.value).value();
      state.entries[{key.shard_key, key.sort_key}] = Entry{std::string(value.user), value.version};
    } else if (space == storage::KeySpace::kSessions) {
      state.sessions[storage::DecodeSessionKey(raw.key).value()] = DecodeSession(raw.value).value();
    }
  }
  return state;
}

bool ShardModel::Equals(const storage::ShardData& data) const {
  return state_ == Read(data);
}

}  // namespace ringfort::replica

// The sessions of one shard: what makes a retried write happen once (protocols 7). Part of the
// replicated state: every replica holds the same table at the same applied index.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/ids.h"
#include "ringfort/status.h"

namespace ringfort::replica {

/// The sum of the monotonic time that a shard's primaries have counted, in microseconds. Never goes
/// back, and stands still while the shard has no primary.
using SessionTime = StrongNumber<struct SessionTimeTag, std::uint64_t>;

/// A shard keeps at most so many sessions; the longest unused leaves first.
inline constexpr std::size_t kSessionsMax = 8192;
/// A session that is not used for so much session time is forgotten: 24 hours.
inline constexpr std::uint64_t kSessionLifetimeUs = std::uint64_t{24} * 3600 * 1'000'000;

/// How a write ended, without any value: what a retry gets too.
struct Outcome {
  Code code = Code::kOk;
  /// The log index of the entry that decided it: the version of what it put.
  LogIndex version;

  bool operator==(const Outcome&) const = default;
};

struct Session {
  SessionTime last_used;
  /// Below this the client has every answer. Never decreases.
  Sequence first_unanswered{1};
  /// By sequence, all >= first_unanswered; at most limits::kUnfinishedWritesMax.
  std::map<Sequence, Outcome> outcomes;

  bool operator==(const Session&) const = default;
};

std::string EncodeSession(const Session& session);
/// kCorruption for what EncodeSession does not make.
Result<Session> DecodeSession(std::string_view bytes);

/// The table, and changes to it that are staged until the state machine has stored them. One
/// thread.
class Sessions {
 public:
  /// Puts a session that was stored, when the replica is loaded.
  void Load(SessionId id, Session session);
  [[nodiscard]] std::size_t size() const { return sessions_.size(); }

  // Staged: visible to the calls below at once, part of the table after Commit.

  /// Null when there is no such session.
  [[nodiscard]] const Session* Find(SessionId id) const;
  void Open(SessionId id, SessionTime now);
  /// Null when there is no such session. Marks it as used, and as below `first_unanswered`
  /// answered.
  Session* Use(SessionId id, Sequence first_unanswered, SessionTime now);
  /// Forgets what has expired at `now`, and the longest unused beyond kSessionsMax.
  void Expire(SessionTime now);

  /// What was staged since the last Commit or Discard: none is a session that is no more.
  [[nodiscard]] const std::map<SessionId, std::optional<Session>>& staged() const {
    return staged_;
  }
  void Commit();
  void Discard() { staged_.clear(); }

 private:
  /// The longest unused session, staged changes counted.
  [[nodiscard]] std::optional<std::pair<SessionTime, SessionId>> LongestUnused() const;
  [[nodiscard]] std::size_t StagedSize() const;

  std::map<SessionId, Session> sessions_;
  std::set<std::pair<SessionTime, SessionId>> by_use_;
  std::map<SessionId, std::optional<Session>> staged_;
};

}  // namespace ringfort::replica

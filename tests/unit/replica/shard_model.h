// The dumb twin of the state machine: the rules of exactly once and of conditions, written down as
// plainly as can be, one entry after the other, nothing staged and nothing encoded.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>

#include "replica/sessions.h"
#include "ringfort/disk.pb.h"
#include "storage/shard_store.h"

namespace ringfort::replica {

class ShardModel {
 public:
  Outcome Apply(LogIndex index, const proto::Command& command);

  /// Whether a replica's stored data and sessions are just these.
  [[nodiscard]] bool Equals(const storage::ShardData& data) const;

 private:
  using Key = std::pair<std::string, std::string>;
  struct Entry {
    std::string value;
    LogIndex version;
    bool operator==(const Entry&) const = default;
  };
  struct State {
    std::map<Key, Entry> entries;
    std::map<SessionId, Session> sessions;
    bool operator==(const State&) const = default;
  };
  static State Read(const storage::ShardData& data);

  Outcome ApplyWrite(LogIndex index, const proto::Write& write);
  [[nodiscard]] LogIndex VersionOf(const proto::Key& key) const;

  State state_;
  SessionTime time_;
};

}  // namespace ringfort::replica

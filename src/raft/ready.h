// What the core wants done. The driver does it; the core itself touches nothing.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/ids.h"
#include "raft/message.h"
#include "raft/types.h"

namespace ringfort::raft {

/// Entries that a follower needs and that are no longer in memory.
struct Fetch {
  ReplicaId follower;
  LogIndex first;
  LogIndex last;
};

/// A follower needs what is no longer in the log: send it a snapshot.
struct SnapshotOrder {
  ReplicaId follower;
  /// Its node has no such replica yet, and is to make it.
  bool creates = false;
};

/// A read that may now be answered by a state machine that has applied `index`.
struct ReadyRead {
  std::uint64_t id = 0;
  LogIndex index;
};

/// Everything since the last Ready. To be carried out in the order of the fields.
struct Ready {
  /// May be sent at once: nothing in them depends on what this Ready stores.
  std::vector<Message> messages;

  /// To be stored, all in one update. `base` drops every entry that was stored before; `entries`
  /// may replace a suffix of them.
  std::optional<LogBase> base;
  std::optional<HardState> hard_state;
  std::vector<Entry> entries;

  /// To be sent only after what is to be stored, of this and every earlier Ready, are synced.
  std::vector<Message> messages_after_sync;
  /// Non-zero: report OnPersisted with it once that is so, after sending `messages_after_sync`.
  std::uint64_t persist_id = 0;

  /// Read these from disk and hand them to OnFetched.
  std::vector<Fetch> fetches;

  /// Report OnSnapshotStarted, and then OnSnapshotSent or OnSnapshotFailed.
  std::vector<SnapshotOrder> snapshots;

  std::vector<ReadyRead> reads;

  [[nodiscard]] bool stores() const {
    return base.has_value() || hard_state.has_value() || !entries.empty();
  }
};

}  // namespace ringfort::raft

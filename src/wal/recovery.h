// Opens the files of a log for writing: replays them, refuses damage, cleans a torn end.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/ids.h"
#include "ringfort/status.h"
#include "wal/file.h"
#include "wal/log_state.h"
#include "wal/segment.h"
#include "wal/synced_note.h"

namespace ringfort::wal {

struct RecoveredLog {
  LogState state;
  /// None in a log that is just being created.
  Segments segments;
  SyncedNote note;
  std::uint64_t next_batch = 1;
  /// Where the next batch goes in the last segment.
  std::uint64_t end_offset = 0;
  /// Names of the filled files that wait for use.
  std::vector<std::string> spares;
  /// The end was torn, now or before: the shards must be marked as unsure in the log, and then the
  /// note be written without `torn`.
  bool torn = false;
};

/// The directory is locked by the caller. kCorruption for a damaged log, and for none where one
/// must exist; kWrongCluster for another incarnation's; kIoError.
Result<RecoveredLog> RecoverLog(Directory& directory, const Incarnation& incarnation,
                                bool expect_existing, Disk& disk);

}  // namespace ringfort::wal

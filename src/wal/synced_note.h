// The side file that notes the newest batch known to be synced. It is not synced after each note,
// so after a crash of the machine it may show an older number: a lower bound (protocols 4).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "base/ids.h"
#include "ringfort/status.h"
#include "wal/file.h"

namespace ringfort::wal {

inline constexpr std::string_view kSyncedNoteName = "synced";

/// One note.
struct Note {
  Incarnation incarnation;
  /// Every batch up to this one was synced; 0 before the first.
  std::uint64_t synced_through = 0;
  /// The log was found torn, and that is not yet written into the log itself.
  bool torn = false;

  bool operator==(const Note&) const = default;
};

/// Two slots of 64 bytes in pages of their own, written in turns: a note torn by a crash leaves the
/// one before. Not thread-safe.
class SyncedNote {
 public:
  /// Makes the file, durably, with a first note.
  static Result<SyncedNote> Create(Directory& directory, const Note& note, Disk& disk);
  /// kNotFound when there is no file, kCorruption when it holds no valid note.
  static Result<SyncedNote> Open(Directory& directory, bool writable, Disk& disk);

  [[nodiscard]] const Note& note() const { return note_; }
  /// Writes the note; `sync` makes it last.
  Status Write(const Note& note, bool sync);

 private:
  SyncedNote(File file, Note note, std::uint64_t turn)
      : file_(std::move(file)), note_(note), turn_(turn) {}

  File file_;
  Note note_;
  /// How many notes were written; its lowest bit names the slot of the newest.
  std::uint64_t turn_;
};

}  // namespace ringfort::wal

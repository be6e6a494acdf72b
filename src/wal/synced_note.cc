// Slot: magic "RFSYNCED", turn, incarnation (high, low), batch, torn: u64 each; XXH3 of those.
#include "wal/synced_note.h"

#include "base/bytes.h"
#include "base/hash.h"
#include "features/features.h"

namespace ringfort::wal {
namespace {

constexpr std::string_view kMagic = "RFSYNCED";
/// A later format has its number at the end.
constexpr std::string_view kMagicStart = "RFSYNCE";
constexpr std::size_t kSlotBytes = 56;
constexpr std::size_t kSlotStride = 4096;

std::string EncodeSlot(const Note& note, std::uint64_t turn) {
  std::string slot(kMagic);
  AppendLittle(&slot, turn);
  AppendLittle(&slot, note.incarnation.high);
  AppendLittle(&slot, note.incarnation.low);
  AppendLittle(&slot, note.synced_through);
  AppendLittle(&slot, static_cast<std::uint64_t>(note.torn ? 1 : 0));
  AppendLittle(&slot, Hash64(slot));
  return slot;
}

struct Slot {
  Note note;
  std::uint64_t turn = 0;
};

std::optional<Slot> DecodeSlot(std::string_view bytes) {
  if (!bytes.starts_with(kMagic)) return std::nullopt;
  const char* at = bytes.data();
  if (LoadLittle<std::uint64_t>(at + 48) != Hash64(bytes.substr(0, 48))) return std::nullopt;
  Slot slot;
  slot.turn = LoadLittle<std::uint64_t>(at + 8);
  slot.note.incarnation.high = LoadLittle<std::uint64_t>(at + 16);
  slot.note.incarnation.low = LoadLittle<std::uint64_t>(at + 24);
  slot.note.synced_through = LoadLittle<std::uint64_t>(at + 32);
  slot.note.torn = LoadLittle<std::uint64_t>(at + 40) != 0;
  return slot;
}

}  // namespace

Result<SyncedNote> SyncedNote::Create(Directory& directory, const Note& note, Disk& disk) {
  const std::string temporary = std::string(kSyncedNoteName) + ".new";
  Result<File> file = File::Create(directory.PathOf(temporary), disk);
  if (!file.ok()) return file.status();
  std::string contents = EncodeSlot(note, 0);
  contents.resize(2 * kSlotStride);
  if (Status status = file->WriteAt(0, contents); !status.ok()) return status;
  if (Status status = file->Sync(); !status.ok()) return status;
  const std::string name(kSyncedNoteName);
  if (Status status = directory.Rename(temporary, name); !status.ok()) return status;
  if (Status status = directory.Sync(); !status.ok()) return status;
  file->set_path(directory.PathOf(name));
  return SyncedNote(std::move(*file), note, 0);
}

Result<SyncedNote> SyncedNote::Open(Directory& directory, bool writable, Disk& disk) {
  Result<File> file = File::Open(directory.PathOf(kSyncedNoteName), writable, disk);
  if (!file.ok()) return file.status();
  const Result<std::uint64_t> size = file->size_bytes();
  if (!size.ok()) return size.status();
  std::optional<Slot> newest;
  bool newer = false;
  if (*size == 2 * kSlotStride) {
    for (std::uint64_t i = 0; i < 2; ++i) {
      char bytes[kSlotBytes];
      Status status = file->ReadAt(i * kSlotStride, bytes, sizeof(bytes));
      if (!status.ok()) return status;
      const char format = bytes[kMagicStart.size()];
      newer = newer || (std::string_view(bytes, sizeof(bytes)).starts_with(kMagicStart) &&
                        format >= '2' && format <= '9');
      const std::optional<Slot> slot = DecodeSlot(std::string_view(bytes, sizeof(bytes)));
      if (slot && (!newest || slot->turn > newest->turn)) newest = slot;
    }
  }
  if (!newest && newer) return features::UnknownFormat(file->path());
  if (!newest) {
    return Status(
        Code::kCorruption,
        file->path() +
            " holds no valid note, so nobody knows how far the log must reach (a node sets such "
            "a log aside at its start, and its peers fill it again)");
  }
  return SyncedNote(std::move(*file), newest->note, newest->turn);
}

Status SyncedNote::Write(const Note& note, bool sync) {
  ++turn_;
  const std::uint64_t offset = (turn_ & 1) * kSlotStride;
  if (Status status = file_.WriteAt(offset, EncodeSlot(note, turn_)); !status.ok()) return status;
  note_ = note;
  return sync ? file_.Sync() : Status::Ok();
}

}  // namespace ringfort::wal

// The order of the steps matters: a crash between any two of them must not lose what they found.
#include "wal/recovery.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "wal/scan.h"

namespace ringfort::wal {
namespace {

constexpr std::size_t kCleanChunkBytes = 1 << 20;

class Replay final : public ScanVisitor {
 public:
  void OnSegment(const SegmentHeader& /*header*/, const std::string& /*path*/) override {}
  Status OnRecord(const RecordPlace& place, const Record& record) override {
    return state.Apply(record, place.segment->sequence, place.offset, place.seeding);
  }

  LogState state;
};

/// What a killed process had written may be in the page cache only, and what a failed sync left
/// there may never reach the disk. Recovery must see what lasts: so sync, then read from the disk
/// itself.
Status SettleLastSegment(Directory& directory, const std::vector<std::string>& names, Disk& disk) {
  std::uint64_t last = 0;
  for (const std::string& name : names) last = std::max(last, ParseSegmentName(name).value_or(0));
  if (last == 0) return Status::Ok();
  Result<File> file = File::Open(directory.PathOf(SegmentName(last)), /*writable=*/true, disk);
  if (!file.ok()) return file.status();
  if (Status status = file->Sync(); !status.ok()) return status;
  file->DropCache();
  return directory.Sync();
}

/// Zeros from the end of the last batch on, so that nothing of the torn write is ever found again.
Status CleanTail(File& file, std::uint64_t offset, std::uint64_t file_bytes) {
  const std::string zeros(kCleanChunkBytes, '\0');
  while (offset < file_bytes) {
    const auto count = std::min<std::uint64_t>(zeros.size(), file_bytes - offset);
    Status status = file.WriteAt(offset, std::string_view(zeros).substr(0, count));
    if (!status.ok()) return status;
    offset += count;
  }
  return file.Sync();
}

Status RemoveUnfinished(Directory& directory, const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    if (name != kFillingName) continue;
    if (Status status = directory.Remove(name); !status.ok()) return status;
  }
  return Status::Ok();
}

Result<Segments> OpenSegments(Directory& directory, const std::vector<SegmentHeader>& headers,
                              Disk& disk) {
  Segments segments;
  for (const SegmentHeader& header : headers) {
    const std::string path = directory.PathOf(SegmentName(header.sequence));
    Result<File> file = File::Open(path, /*writable=*/true, disk);
    if (!file.ok()) return file.status();
    segments[header.sequence] = std::make_shared<Segment>(std::move(*file), header);
  }
  return segments;
}

Result<RecoveredLog> BeginEmpty(Directory& directory, const Incarnation& incarnation,
                                bool expect_existing, Disk& disk) {
  if (expect_existing) {
    return Status(
        Code::kCorruption,
        directory.path() +
            " holds no log, though this node has one (bring the directory back, or let the "
            "node be filled again from its peers)");
  }
  // The note comes before the first segment, so segments without it are damage.
  Result<SyncedNote> note = SyncedNote::Create(directory, Note{incarnation, 0, false}, disk);
  if (!note.ok()) return note.status();
  return RecoveredLog{.state = {}, .segments = {}, .note = std::move(*note), .spares = {}};
}

}  // namespace

Result<RecoveredLog> RecoverLog(Directory& directory, const Incarnation& incarnation,
                                bool expect_existing, Disk& disk) {
  const Result<std::vector<std::string>> names = directory.List();
  if (!names.ok()) return names.status();
  Status settled = SettleLastSegment(directory, *names, disk);
  if (!settled.ok()) return settled;
  Replay replay;
  const Result<ScanResult> scan = ScanLog(directory, incarnation, replay);
  if (!scan.ok()) return scan.status();
  if (scan->verdict == Verdict::kDamaged) return scan->DamageStatus();
  if (Status removed = RemoveUnfinished(directory, *names); !removed.ok()) return removed;

  std::vector<std::string> spares;
  for (const std::string& name : *names) {
    if (name.starts_with(kSparePrefix)) spares.push_back(name);
  }
  if (scan->verdict == Verdict::kEmpty) {
    Result<RecoveredLog> empty = BeginEmpty(directory, incarnation, expect_existing, disk);
    if (empty.ok()) empty->spares = std::move(spares);
    return empty;
  }
  if (Status complete = replay.state.CheckComplete(); !complete.ok()) {
    return Status(Code::kCorruption,
                  directory.path() + " is damaged: " + complete.message() +
                      " (a node sets such a log aside at its start, and its peers fill it again)");
  }
  Result<SyncedNote> note = SyncedNote::Open(directory, /*writable=*/true, disk);
  if (!note.ok()) return note.status();
  Result<Segments> segments = OpenSegments(directory, scan->segments, disk);
  if (!segments.ok()) return segments.status();

  const bool torn = scan->verdict == Verdict::kTorn || note->note().torn;
  // All that was found is on disk. That the end was torn must last before the traces of it go.
  Status noted = note->Write({incarnation, scan->next_batch - 1, torn}, /*sync=*/true);
  if (!noted.ok()) return noted;
  if (scan->verdict == Verdict::kTorn) {
    Segment& last = *segments->rbegin()->second;
    Status cleaned = CleanTail(last.file, scan->offset, last.header.segment_bytes);
    if (!cleaned.ok()) return cleaned;
  }
  return RecoveredLog{.state = std::move(replay.state),
                      .segments = std::move(*segments),
                      .note = std::move(*note),
                      .next_batch = scan->next_batch,
                      .end_offset = scan->offset,
                      .spares = std::move(spares),
                      .torn = torn};
}

}  // namespace ringfort::wal

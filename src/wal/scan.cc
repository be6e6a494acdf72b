// The walk through the segments, and the judgement at the end.
#include "wal/scan.h"

#include <algorithm>

#include "base/hash.h"

namespace ringfort::wal {
namespace {

class Scan {
 public:
  Scan(Directory& directory, std::optional<Incarnation> incarnation, ScanVisitor& visitor)
      : directory_(directory), incarnation_(incarnation), visitor_(visitor) {}

  Result<ScanResult> Run();

 private:
  Status ReadNote();
  Status ListSegments();
  Status ReadSegment(std::uint64_t sequence);
  void CheckHeader(const SegmentHeader& header, std::uint64_t sequence, std::uint64_t file_bytes);
  Status WalkBatches();
  /// False: the batch, and what follows it, does not count.
  Result<bool> WalkRecords(const BatchHeader& batch);
  void JudgeEnd();
  void Damage(std::uint64_t offset, std::string what);

  [[nodiscard]] bool damaged() const { return result_.verdict == Verdict::kDamaged; }
  [[nodiscard]] std::string_view rest() const {
    return std::string_view(contents_).substr(std::min<std::size_t>(position_, contents_.size()));
  }

  Directory& directory_;
  std::optional<Incarnation> incarnation_;
  ScanVisitor& visitor_;
  ScanResult result_;
  std::vector<std::uint64_t> sequences_;

  // The segment that is looked at.
  std::string path_;
  std::string contents_;
  SegmentHeader header_;
  std::uint64_t seed_ = 0;
  std::uint64_t position_ = 0;
};

std::string Number(std::uint64_t n) {
  return std::to_string(n);
}

Status WrongIncarnation(const std::string& path, const Incarnation& found,
                        const Incarnation& expected) {
  return {Code::kWrongCluster,
          path + " belongs to incarnation " + found.ToString() + ", this node is " +
              expected.ToString() +
              " (give each node its own data directory, and never mix the files of two)"};
}

Result<ScanResult> Scan::Run() {
  if (Status status = ReadNote(); !status.ok()) return status;
  if (Status status = ListSegments(); !status.ok()) return status;
  path_ = directory_.path();
  if (sequences_.empty()) {
    if (result_.note && result_.note->synced_through > 0) {
      Damage(0, "all segments are missing, though " + Number(result_.note->synced_through) +
                    " batches were synced");
    }
    return std::move(result_);
  }
  if (!result_.note && !damaged()) {
    Damage(0, "there are segments, but no file \"" + std::string(kSyncedNoteName) +
                  "\" that tells how far they must reach");
  }
  for (const std::uint64_t sequence : sequences_) {
    if (damaged()) break;
    if (Status status = ReadSegment(sequence); !status.ok()) return status;
    if (damaged()) break;
    if (Status status = WalkBatches(); !status.ok()) return status;
  }
  if (!damaged()) JudgeEnd();
  return std::move(result_);
}

Status Scan::ReadNote() {
  const Result<SyncedNote> note = SyncedNote::Open(directory_, /*writable=*/false, Disk::Real());
  if (note.ok()) {
    result_.note = note->note();
    if (incarnation_ && *incarnation_ != result_.note->incarnation) {
      return WrongIncarnation(directory_.PathOf(kSyncedNoteName), result_.note->incarnation,
                              *incarnation_);
    }
    return Status::Ok();
  }
  if (note.status().code() == Code::kNotFound) return Status::Ok();
  if (note.status().code() != Code::kCorruption) return note.status();
  path_ = directory_.PathOf(kSyncedNoteName);
  Damage(0, "it holds no valid note of how far the log must reach");
  return Status::Ok();
}

Status Scan::ListSegments() {
  const Result<std::vector<std::string>> names = directory_.List();
  if (!names.ok()) return names.status();
  for (const std::string& name : *names) {
    if (const auto sequence = ParseSegmentName(name)) sequences_.push_back(*sequence);
  }
  std::sort(sequences_.begin(), sequences_.end());
  return Status::Ok();
}

Status Scan::ReadSegment(std::uint64_t sequence) {
  path_ = directory_.PathOf(SegmentName(sequence));
  const Result<File> file = File::Open(path_, /*writable=*/false);
  if (!file.ok()) return file.status();
  const Result<std::uint64_t> size = file->size_bytes();
  if (!size.ok()) return size.status();
  contents_.resize(std::min<std::uint64_t>(*size, kSegmentHeaderBytes));
  if (Status read = file->ReadAt(0, contents_.data(), contents_.size()); !read.ok()) return read;
  const Result<SegmentHeader> header = DecodeSegmentHeader(contents_);
  if (!header.ok() && header.status().code() != Code::kCorruption) {
    return {header.status().code(), path_ + ": " + header.status().message()};
  }
  if (!header.ok()) {
    Damage(0, header.status().message());
    return Status::Ok();
  }
  if (incarnation_ && header->incarnation != *incarnation_) {
    return WrongIncarnation(path_, header->incarnation, *incarnation_);
  }
  CheckHeader(*header, sequence, *size);
  if (damaged()) return Status::Ok();
  contents_.resize(*size);
  if (Status read = file->ReadAt(0, contents_.data(), contents_.size()); !read.ok()) return read;
  header_ = *header;
  seed_ = header_.seed();
  position_ = kSegmentHeaderBytes;
  result_.next_batch = header_.first_batch;
  result_.segments.push_back(header_);
  visitor_.OnSegment(header_, path_);
  return Status::Ok();
}

void Scan::CheckHeader(const SegmentHeader& header, std::uint64_t sequence,
                       std::uint64_t file_bytes) {
  if (header.incarnation != result_.note->incarnation) {
    return Damage(0, "it belongs to incarnation " + header.incarnation.ToString() +
                         ", the file \"" + std::string(kSyncedNoteName) + "\" to " +
                         result_.note->incarnation.ToString());
  }
  if (header.sequence != sequence) {
    return Damage(0, "it is segment " + Number(header.sequence) + " by its header, but " +
                         Number(sequence) + " by its name");
  }
  if (header.segment_bytes != file_bytes) {
    return Damage(std::min(header.segment_bytes, file_bytes), "the file has " + Number(file_bytes) +
                                                                  " bytes, its header says " +
                                                                  Number(header.segment_bytes));
  }
  if (result_.segments.empty()) return;
  if (const std::uint64_t before = result_.segments.back().sequence; sequence != before + 1) {
    return Damage(0, "segment " + Number(before + 1) + ", which belongs before it, is missing");
  }
  if (header.first_batch != result_.next_batch) {
    path_ = directory_.PathOf(SegmentName(sequence - 1));
    Damage(position_, "batch " + Number(result_.next_batch) +
                          " is broken or missing, and segment " + Number(sequence) +
                          " goes on with batch " + Number(header.first_batch));
  }
}

Status Scan::WalkBatches() {
  while (true) {
    const std::string_view bytes = rest();
    const std::optional<BatchHeader> batch = DecodeBatchHeader(bytes, header_, seed_);
    if (!batch || batch->number != result_.next_batch) return Status::Ok();
    if (bytes.size() - kBatchHeaderBytes < batch->body_bytes || batch->body_bytes % 8 != 0)
      return Status::Ok();
    const std::string_view body = bytes.substr(kBatchHeaderBytes, batch->body_bytes);
    if (Hash64(body, seed_) != batch->body_checksum) return Status::Ok();
    const Result<bool> counts = WalkRecords(*batch);
    if (!counts.ok()) return counts.status();
    if (!*counts) return Status::Ok();
    position_ += kBatchHeaderBytes + batch->body_bytes;
    ++result_.next_batch;
  }
}

Result<bool> Scan::WalkRecords(const BatchHeader& batch) {
  RecordPlace place{&header_, &batch, position_, position_ + kBatchHeaderBytes,
                    batch.number == result_.segments.front().first_batch};
  const std::uint64_t end = place.offset + batch.body_bytes;
  std::uint32_t records = 0;
  while (place.offset < end) {
    const std::string_view bytes =
        std::string_view(contents_).substr(place.offset, end - place.offset);
    const std::optional<Record> record = DecodeRecord(bytes, seed_);
    if (!record) {
      Damage(place.offset, "there should be a record of batch " + Number(batch.number));
      return false;
    }
    Status status = CheckKnown(*record);
    if (status.ok()) status = visitor_.OnRecord(place, *record);
    if (status.code() == Code::kUnsupported)
      return Status(status.code(), path_ + ": " + status.message());
    if (!status.ok()) {
      Damage(place.offset, status.message());
      return false;
    }
    place.offset += record->stored_bytes();
    ++records;
  }
  if (records == batch.records) return true;
  Damage(position_, "batch " + Number(batch.number) + " says that it has " + Number(batch.records) +
                        " records, and has " + Number(records));
  return false;
}

/// The walk has stopped at `position_` of the last segment, where batch `next_batch` would begin.
void Scan::JudgeEnd() {
  const std::uint64_t next = result_.next_batch;
  // What lies behind the end is of earlier uses of the file, unless it carries this segment's
  // number.
  bool later_batch = false;
  std::uint64_t synced_through = 0;
  std::uint64_t witness = 0;
  for (std::uint64_t at = position_; at + kBatchHeaderBytes <= contents_.size(); at += 8) {
    const std::string_view bytes = std::string_view(contents_).substr(at, kBatchHeaderBytes);
    const std::optional<BatchHeader> batch = DecodeBatchHeader(bytes, header_, seed_);
    if (!batch || batch->number < next) continue;
    later_batch = true;
    if (batch->synced_through > synced_through) {
      synced_through = batch->synced_through;
      witness = batch->number;
    }
  }
  if (synced_through >= next) {
    return Damage(position_, "batch " + Number(next) + " is broken, though batch " +
                                 Number(witness) + " behind it says that it was synced");
  }
  if (result_.note->synced_through >= next) {
    return Damage(position_, "the log ends before batch " + Number(next) + ", but batch " +
                                 Number(result_.note->synced_through) + " is known to be synced");
  }
  const std::string_view terminator = rest().substr(0, kTerminatorBytes);
  const bool zeros = terminator.find_first_not_of('\0') == std::string_view::npos;
  result_.verdict = zeros && !later_batch ? Verdict::kClean : Verdict::kTorn;
  result_.path = path_;
  result_.offset = position_;
  if (result_.verdict == Verdict::kTorn) {
    result_.what =
        "batch " + Number(next) + " is there only in part, and is not known to be synced";
  }
}

void Scan::Damage(std::uint64_t offset, std::string what) {
  result_.verdict = Verdict::kDamaged;
  result_.path = path_;
  result_.offset = offset;
  result_.what = std::move(what);
}

}  // namespace

std::string_view VerdictName(Verdict verdict) {
  switch (verdict) {
    case Verdict::kEmpty: return "empty";
    case Verdict::kClean: return "clean";
    case Verdict::kTorn: return "torn";
    case Verdict::kDamaged: return "damaged";
  }
  return "unknown";
}

Status ScanResult::DamageStatus() const {
  return {Code::kCorruption, path + " is damaged at byte " + Number(offset) + ": " + what +
                                 " (a node sets such a log aside at its start, and its peers "
                                 "fill it again)"};
}

Result<ScanResult> ScanLog(Directory& directory, std::optional<Incarnation> incarnation,
                           ScanVisitor& visitor) {
  return Scan(directory, incarnation, visitor).Run();
}

}  // namespace ringfort::wal

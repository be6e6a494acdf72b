// Writing batches and going over to the next segment.
#include "wal/log_tail.h"

#include <algorithm>
#include <filesystem>
#include <utility>

#include "base/check.h"

namespace ringfort::wal {

void BatchBuilder::Start(std::uint64_t seed) {
  bytes_.assign(kBatchHeaderBytes, '\0');
  seed_ = seed;
  records_ = 0;
}

void BatchBuilder::Add(const Record& record) {
  AppendRecord(record, seed_, &bytes_);
  ++records_;
}

LogTail::LogTail(std::shared_ptr<Directory> directory, SegmentPool& pool, SyncedNote note,
                 const Incarnation& incarnation, std::uint64_t next_batch)
    : directory_(std::move(directory)),
      pool_(pool),
      note_(std::move(note)),
      incarnation_(incarnation),
      next_batch_(next_batch),
      synced_through_(next_batch - 1) {}

void LogTail::Resume(std::shared_ptr<Segment> segment, std::uint64_t offset) {
  segment_ = std::move(segment);
  position_ = offset;
  SetFormat(segment_->header.format);
}

Status LogTail::MakeRoom(std::uint64_t body_bytes,
                         const std::function<std::uint64_t()>& state_bytes) {
  std::uint64_t needed = kBatchHeaderBytes + body_bytes;
  if (segment_ != nullptr) {
    if (at_segment_start()) needed += state_bytes();
    const bool fits = position_ + needed <= segment_->header.segment_bytes;
    if (fits && !has_old_format()) return Status::Ok();
    // So at most one segment, the last, is ever not synced.
    if (Status status = Sync(); !status.ok()) return status;
  }
  return BeginSegment(kSegmentHeaderBytes + kBatchHeaderBytes + state_bytes() + body_bytes);
}

Status LogTail::BeginSegment(std::uint64_t bytes_min) {
  constexpr std::uint64_t kGranule = 4096;
  Result<File> file = pool_.Take((bytes_min + kGranule - 1) / kGranule * kGranule);
  if (!file.ok()) return file.status();
  const Result<std::uint64_t> size = file->size_bytes();
  if (!size.ok()) return size.status();
  SegmentHeader header;
  header.format = format_;
  header.incarnation = incarnation_;
  header.sequence = segment_ == nullptr ? 1 : segment_->header.sequence + 1;
  header.first_batch = next_batch_;
  header.segment_bytes = *size;
  // The header lasts before the file gets its name, so a file of that name has a good header.
  if (Status status = file->WriteAt(0, EncodeSegmentHeader(header)); !status.ok()) return status;
  if (Status status = file->Sync(); !status.ok()) return status;
  const std::string spare = std::filesystem::path(file->path()).filename().string();
  const std::string name = SegmentName(header.sequence);
  if (Status status = directory_->Rename(spare, name); !status.ok()) return status;
  if (Status status = directory_->Sync(); !status.ok()) return status;
  file->set_path(directory_->PathOf(name));
  segment_ = std::make_shared<Segment>(std::move(*file), header);
  position_ = kSegmentHeaderBytes;
  return Status::Ok();
}

Result<std::uint64_t> LogTail::Write(BatchBuilder* batch, bool sync) {
  std::string& bytes = batch->bytes_;
  BatchHeader header;
  header.segment = segment_->header.sequence;
  header.number = next_batch_;
  header.synced_through = synced_through_;
  header.records = batch->records_;
  SealBatch(header, segment_->seed, &bytes);
  const std::uint64_t batch_bytes = bytes.size();
  const std::uint64_t left = segment_->header.segment_bytes - position_;
  RF_CHECK(batch_bytes <= left);
  bytes.resize(std::min(batch_bytes + kTerminatorBytes, left));
  Status written = segment_->file.WriteAt(position_, bytes);
  bytes.resize(batch_bytes);
  if (!written.ok()) return written;
  const std::uint64_t offset = position_;
  position_ += batch_bytes;
  ++next_batch_;
  if (sync) {
    if (Status synced = Sync(); !synced.ok()) return synced;
  }
  return offset;
}

Status LogTail::Sync() {
  if (all_synced()) return Status::Ok();
  if (Status status = segment_->file.Sync(); !status.ok()) return status;
  synced_through_ = next_batch_ - 1;
  return note_.Write({incarnation_, synced_through_, note_.note().torn}, /*sync=*/false);
}

Status LogTail::ClearTornNote() {
  return note_.Write({incarnation_, synced_through_, false}, /*sync=*/true);
}

}  // namespace ringfort::wal

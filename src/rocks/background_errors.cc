// Remembers the first error of RocksDB's background work or of a write.
#include "rocks/background_errors.h"

#include "rocks/rocks_status.h"

namespace ringfort::rocks {
namespace {

const char* Doing(rocksdb::BackgroundErrorReason reason) {
  using Reason = rocksdb::BackgroundErrorReason;
  switch (reason) {
    case Reason::kFlush:
    case Reason::kFlushNoWAL: return "flush applied entries to a file";
    case Reason::kCompaction: return "compact data files";
    case Reason::kManifestWrite:
    case Reason::kManifestWriteNoWAL: return "write the manifest of the data files";
    case Reason::kWriteCallback:
    case Reason::kMemTable: return "apply to memory";
  }
  return "work in the background";
}

}  // namespace

Status BackgroundErrors::health() const {
  const std::lock_guard lock(mutex_);
  return first_;
}

void BackgroundErrors::Record(const Status& error) {
  const std::lock_guard lock(mutex_);
  if (first_.ok()) first_ = error;
}

void BackgroundErrors::OnBackgroundError(rocksdb::BackgroundErrorReason reason,
                                         rocksdb::Status* error) {
  if (error->ok()) return;
  if (error->IsCorruption() && reason == rocksdb::BackgroundErrorReason::kCompaction) {
    // DamageMarks has noted whose they are.
    Record({Code::kIoError,
            "cannot compact data files: " + error->ToString() +
                " (the node stops; started again, it repairs that copy from its primary; check the "
                "disk)"});
    return;
  }
  Record(FinalStatus(*error, Doing(reason)));
}

}  // namespace ringfort::rocks

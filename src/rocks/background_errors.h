// Remembers the first error of RocksDB's background work or of a write: it is final.
#pragma once

#include <mutex>

#include <rocksdb/listener.h>

#include "ringfort/status.h"

namespace ringfort::rocks {

/// Shared by a store, its replicas' data and RocksDB's threads. Thread-safe.
class BackgroundErrors : public rocksdb::EventListener {
 public:
  /// Ok, or the first error ever: nothing that follows it can be relied on.
  [[nodiscard]] Status health() const;

  /// Keeps `error` unless there is one already.
  void Record(const Status& error);

  /// Called by RocksDB when a flush or compaction failed.
  void OnBackgroundError(rocksdb::BackgroundErrorReason reason, rocksdb::Status* error) override;

 private:
  mutable std::mutex mutex_;
  Status first_;
};

}  // namespace ringfort::rocks

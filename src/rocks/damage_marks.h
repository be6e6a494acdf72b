// Which column families cannot be read in full.
#pragma once

#include <string>

#include <rocksdb/listener.h>

#include "ringfort/status.h"

namespace ringfort::rocks {

/// RocksDB stops for good when a compaction meets a damaged block, and would begin with the same
/// compaction after each start. So the column family is marked by a file beside the data, before
/// the error is known to anybody. Thread-safe.
class DamageMarks : public rocksdb::EventListener {
 public:
  explicit DamageMarks(std::string dir) : dir_(std::move(dir)) {}

  /// Called by RocksDB.
  void OnCompactionCompleted(rocksdb::DB* db, const rocksdb::CompactionJobInfo& info) override;

  /// Marks the column family. False: the mark may not last.
  bool Add(const std::string& family, const std::string& why) const;
  /// Ok, or kCorruption: the column family is marked.
  [[nodiscard]] Status Of(const std::string& family) const;
  /// It was dropped.
  void Remove(const std::string& family) const;

 private:
  [[nodiscard]] std::string PathOf(const std::string& family) const;

  const std::string dir_;
};

}  // namespace ringfort::rocks

// A file system on which RocksDB leaves no OPTIONS file.
#pragma once

#include <memory>
#include <string>

#include <rocksdb/file_system.h>

namespace ringfort::rocks {

/// RocksDB 7.8.3 writes the options of all column families to a file, reads it back and compares,
/// whenever one is made or dropped, and lets no write pass meanwhile (seen by strace and by a
/// writer beside it): tens of milliseconds on a node with 64 replicas, most of a second with 1,024.
/// Nobody needs the file: Ringfort opens its store with options of its own. So none can be made,
/// which RocksDB only notes in its info log unless fail_if_options_file_error is set.
/// `rocks_benchmark --benchmark_filter=MakeAndDrop` shows the cost. Thread-safe.
class NoOptionsFiles : public rocksdb::FileSystemWrapper {
 public:
  using FileSystemWrapper::FileSystemWrapper;

  [[nodiscard]] const char* Name() const override { return "ringfort.NoOptionsFiles"; }
  rocksdb::IOStatus NewWritableFile(const std::string& path, const rocksdb::FileOptions& options,
                                    std::unique_ptr<rocksdb::FSWritableFile>* file,
                                    rocksdb::IODebugContext* context) override;
};

}  // namespace ringfort::rocks

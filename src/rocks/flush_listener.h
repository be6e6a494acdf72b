// Says when RocksDB begins a flush, asked for or of its own accord.
#pragma once

#include <functional>
#include <utility>

#include <rocksdb/listener.h>

namespace ringfort::rocks {

/// RocksDB 7.8 calls it without its mutex, between choosing the memtables and writing their file
/// (DBImpl::FlushMemTableToOutputFile): what is applied meanwhile goes into a later flush. RocksDB
/// 6 chose after the call; tests/unit/rocks holds the library in use to it. A store that is being
/// closed skips the call, and then the flush comes to nothing.
class FlushListener final : public rocksdb::EventListener {
 public:
  explicit FlushListener(std::function<void()> before) : before_(std::move(before)) {}

  void OnFlushBegin(rocksdb::DB* /*db*/, const rocksdb::FlushJobInfo& /*info*/) override {
    before_();
  }

 private:
  const std::function<void()> before_;
};

}  // namespace ringfort::rocks

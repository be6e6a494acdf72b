// How the files of a snapshot are measured and checked.
#include "rocks/snapshot_files.h"

#include <algorithm>
#include <memory>

#include <rocksdb/env.h>
#include <rocksdb/sst_file_reader.h>
#include <rocksdb/table.h>

#include "base/hash.h"
#include "rocks/rocks_status.h"
#include "storage/encoding.h"

namespace ringfort::rocks {
namespace {

constexpr std::size_t kPieceBytes = std::size_t{1} << 20;

/// Whatever RocksDB finds wrong with a table that could be read is damage.
Status TableStatus(const rocksdb::Status& error, const std::string& path) {
  if (error.IsIOError()) return ReadStatus(error, "check " + path);
  return {Code::kCorruption, path + " is damaged: " + error.ToString() +
                                 " (the replica that it came from must be rebuilt from its peers)"};
}

/// Apart from the cache: a snapshot's blocks are read once.
rocksdb::Options TableOptions() {
  rocksdb::BlockBasedTableOptions table;
  table.no_block_cache = true;
  rocksdb::Options options;
  options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  return options;
}

Result<storage::Applied> CheckTable(const rocksdb::Options& options, const std::string& path) {
  rocksdb::SstFileReader reader(options);
  rocksdb::Status status = reader.Open(path);
  if (status.ok()) status = reader.VerifyChecksum();
  if (!status.ok()) return TableStatus(status, path);
  const std::unique_ptr<rocksdb::Iterator> iterator(reader.NewIterator(rocksdb::ReadOptions()));
  iterator->Seek(storage::AppliedKey());
  if (!iterator->status().ok()) return TableStatus(iterator->status(), path);
  if (!iterator->Valid() || iterator->key() != storage::AppliedKey()) return storage::Applied{};
  return storage::DecodeApplied(iterator->value().ToStringView());
}

}  // namespace

void AwaitBudget(rocksdb::RateLimiter* budget, std::size_t bytes) {
  while (budget != nullptr && bytes > 0) {
    bytes -= budget->RequestToken(bytes, /*alignment=*/0, rocksdb::Env::IO_LOW, /*stats=*/nullptr,
                                  rocksdb::RateLimiter::OpType::kWrite);
  }
}

Result<storage::SnapshotFile> Measure(const std::string& path, rocksdb::RateLimiter* budget) {
  std::unique_ptr<rocksdb::SequentialFile> file;
  rocksdb::Status status =
      rocksdb::Env::Default()->NewSequentialFile(path, &file, rocksdb::EnvOptions());
  std::string space(kPieceBytes, '\0');
  rocksdb::Slice piece;
  storage::SnapshotFile found;
  while (status.ok()) {
    AwaitBudget(budget, kPieceBytes);
    status = file->Read(kPieceBytes, &piece, space.data());
    if (!status.ok() || piece.empty()) break;
    found.bytes += piece.size();
    found.checksum = Hash64(piece.ToStringView(), found.checksum);
  }
  if (!status.ok()) return ReadStatus(status, "read " + path);
  return found;
}

Result<storage::Applied> CheckTables(const std::vector<std::string>& paths) {
  const rocksdb::Options options = TableOptions();
  storage::Applied newest;
  for (const std::string& path : paths) {
    Result<storage::Applied> applied = CheckTable(options, path);
    if (!applied.ok()) return applied.status();
    newest = std::max(newest, *applied);
  }
  return newest;
}

}  // namespace ringfort::rocks

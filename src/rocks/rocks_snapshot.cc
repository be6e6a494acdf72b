// A snapshot of one replica's data.
#include "rocks/rocks_snapshot.h"

#include <algorithm>
#include <utility>

#include <rocksdb/env.h>
#include <rocksdb/metadata.h>
#include <rocksdb/utilities/checkpoint.h>

#include "base/check.h"
#include "ringfort/disk.pb.h"
#include "rocks/rocks_status.h"
#include "rocks/snapshot_files.h"

namespace ringfort::rocks {
namespace {

using TableMetadata = std::unique_ptr<rocksdb::ExportImportFilesMetaData>;

/// Makes `dir` and links the tables into it.
Result<TableMetadata> LinkTables(rocksdb::DB* db, rocksdb::ColumnFamilyHandle* family,
                                 const std::string& dir) {
  rocksdb::Checkpoint* made = nullptr;
  rocksdb::ExportImportFilesMetaData* tables = nullptr;
  rocksdb::Status status = rocksdb::Checkpoint::Create(db, &made);
  const std::unique_ptr<rocksdb::Checkpoint> checkpoint(made);
  if (status.ok()) status = checkpoint->ExportColumnFamily(family, dir, &tables);
  if (!status.ok()) return ReadStatus(status, "export " + family->GetName());
  return TableMetadata(tables);
}

std::string ManifestOf(const rocksdb::ExportImportFilesMetaData& tables) {
  proto::SnapshotManifest manifest;
  manifest.set_format(kManifestFormat);
  for (const rocksdb::LiveFileMetaData& file : tables.files) {
    proto::SnapshotManifest::Table* table = manifest.add_tables();
    table->set_level(static_cast<std::uint32_t>(file.level));
    table->set_smallest_sequence(file.smallest_seqno);
    table->set_largest_sequence(file.largest_seqno);
    table->set_smallest_key(file.smallestkey);
    table->set_largest_key(file.largestkey);
  }
  return manifest.SerializeAsString();
}

}  // namespace

Result<std::shared_ptr<storage::Snapshot>> RocksSnapshot::Make(rocksdb::DB* db,
                                                               rocksdb::ColumnFamilyHandle* family,
                                                               std::unique_ptr<TemporaryDir> dir,
                                                               rocksdb::RateLimiter* budget) {
  std::shared_ptr<RocksSnapshot> snapshot(new RocksSnapshot(std::move(dir)));
  const std::string& path = snapshot->dir_->path();
  Result<TableMetadata> tables = LinkTables(db, family, path);
  if (!tables.ok()) return tables.status();
  for (const rocksdb::LiveFileMetaData& file : (*tables)->files) {
    snapshot->paths_.push_back(path + file.name);
  }
  snapshot->paths_.push_back(path + "/manifest");
  const rocksdb::Status written = rocksdb::WriteStringToFile(
      rocksdb::Env::Default(), ManifestOf(**tables), snapshot->paths_.back());
  if (!written.ok()) return ReadStatus(written, "write " + snapshot->paths_.back());

  // First what is paced: the check of the tables then finds them in the system's cache. They are
  // checked here so that the replica that is damaged is the one that learns of it.
  for (const std::string& file : snapshot->paths_) {
    Result<storage::SnapshotFile> measured = Measure(file, budget);
    if (!measured.ok()) return measured.status();
    snapshot->files_.push_back(*measured);
  }
  Result<storage::Applied> applied =
      CheckTables({snapshot->paths_.begin(), snapshot->paths_.end() - 1});
  if (!applied.ok()) return applied.status();
  snapshot->applied_ = *applied;
  return std::shared_ptr<storage::Snapshot>(std::move(snapshot));
}

Result<std::string> RocksSnapshot::Read(std::size_t file, std::uint64_t offset,
                                        std::size_t bytes_max) const {
  RF_CHECK(file < files_.size() && offset < files_[file].bytes) << "file " << file;
  const std::uint64_t bytes = std::min<std::uint64_t>(bytes_max, files_[file].bytes - offset);
  // Opened each time: a large replica has more tables than a process has files to hold open.
  std::unique_ptr<rocksdb::RandomAccessFile> open;
  rocksdb::Status status =
      rocksdb::Env::Default()->NewRandomAccessFile(paths_[file], &open, rocksdb::EnvOptions());
  std::string read(bytes, '\0');
  rocksdb::Slice slice;
  if (status.ok()) status = open->Read(offset, bytes, &slice, read.data());
  if (!status.ok()) return ReadStatus(status, "read " + paths_[file]);
  if (slice.size() != bytes) {
    return Status(Code::kCorruption, paths_[file] + " has become shorter (check the node's disk)");
  }
  RF_CHECK(slice.data() == read.data()) << "RocksDB read into memory of its own";
  return read;
}

}  // namespace ringfort::rocks

// The files of a snapshot on their way into RocksDB.
#include "rocks/rocks_import.h"

#include <utility>

#include "features/features.h"
#include "ringfort/disk.pb.h"
#include "rocks/rocks_status.h"
#include "rocks/snapshot_files.h"

namespace ringfort::rocks {
namespace {

Status Damaged(const std::string& what) {
  return {Code::kCorruption, "a snapshot that was received " + what + " (it must be sent anew)"};
}

}  // namespace

Result<std::unique_ptr<storage::Import>> RocksImport::Begin(Plan plan,
                                                            std::unique_ptr<TemporaryDir> dir) {
  std::unique_ptr<RocksImport> import(new RocksImport(std::move(plan), std::move(dir)));
  const std::string& path = import->dir_->path();
  const rocksdb::Status made = rocksdb::Env::Default()->CreateDir(path);
  if (!made.ok()) return ReadStatus(made, "make the directory " + path);
  return std::unique_ptr<storage::Import>(std::move(import));
}

std::string RocksImport::FileName(std::size_t file) const {
  return "/" + std::to_string(file) + ".sst";
}

Status RocksImport::Write(Position at, std::string_view bytes) {
  if (!failed_.ok()) return failed_;
  if (at != position_ || at.file == plan_.files.size() ||
      bytes.size() > plan_.files[at.file].bytes - at.offset) {
    return {Code::kInvalidArgument,
            "bytes of a snapshot came out of their order (send on from where the import stands)"};
  }
  if (bytes.empty()) return {};
  const rocksdb::Status written = Append(bytes);
  if (written.ok()) return {};
  failed_ = ReadStatus(written, "store a file of a snapshot in " + dir_->path());
  if (written.IsNoSpace()) failed_ = {Code::kDiskFull, failed_.message()};
  return failed_;
}

rocksdb::Status RocksImport::Append(std::string_view bytes) {
  AwaitBudget(plan_.budget, bytes.size());
  if (open_ == nullptr) {
    rocksdb::Status opened = rocksdb::Env::Default()->NewWritableFile(
        dir_->path() + FileName(position_.file), &open_, plan_.file_options);
    if (!opened.ok()) return opened;
  }
  rocksdb::Status status = open_->Append(rocksdb::Slice(bytes.data(), bytes.size()));
  // Written back as we go, not in one burst that a synced log write would wait behind.
  if (status.ok()) status = open_->RangeSync(position_.offset, bytes.size());
  position_.offset += bytes.size();
  awaited_ -= bytes.size();
  plan_.room->GiveBack(bytes.size());
  if (!status.ok() || position_.offset < plan_.files[position_.file].bytes) return status;
  status = open_->Sync();
  if (status.ok()) status = open_->Close();
  open_.reset();
  position_ = {.file = position_.file + 1, .offset = 0};
  return status;
}

Status RocksImport::Finish() {
  if (!failed_.ok()) return failed_;
  if (position_.file < plan_.files.size()) {
    return {Code::kInvalidArgument, "a snapshot is to be installed before all of it was received"};
  }
  if (Status checked = CheckFiles(); !checked.ok()) return checked;
  Result<rocksdb::ExportImportFilesMetaData> tables = ReadManifest();
  if (!tables.ok()) return tables.status();
  return plan_.adopt(*tables);
}

Status RocksImport::CheckFiles() const {
  std::vector<std::string> paths;
  for (std::size_t file = 0; file < plan_.files.size(); ++file) {
    paths.push_back(dir_->path() + FileName(file));
    Result<storage::SnapshotFile> measured = Measure(paths.back(), plan_.budget);
    if (!measured.ok()) return measured.status();
    if (*measured != plan_.files[file]) {
      return Damaged("is damaged in file " + std::to_string(file));
    }
  }
  paths.pop_back();  // The manifest.
  Result<storage::Applied> applied = CheckTables(paths);
  if (!applied.ok()) return applied.status();
  if (*applied != plan_.applied) return Damaged("has another applied mark inside than was said");
  return {};
}

Result<rocksdb::ExportImportFilesMetaData> RocksImport::ReadManifest() const {
  const std::string path = dir_->path() + FileName(plan_.files.size() - 1);
  std::string bytes;
  const rocksdb::Status read = rocksdb::ReadFileToString(rocksdb::Env::Default(), path, &bytes);
  if (!read.ok()) return ReadStatus(read, "read " + path);
  proto::SnapshotManifest manifest;
  if (!manifest.ParseFromString(bytes)) return Damaged("does not list its tables");
  if (manifest.format() > kManifestFormat) {
    return features::UnknownFormat("a snapshot, of format " + std::to_string(manifest.format()) +
                                   ",");
  }
  if (manifest.format() != kManifestFormat ||
      static_cast<std::size_t>(manifest.tables_size()) + 1 != plan_.files.size()) {
    return Damaged("does not list its tables");
  }
  rocksdb::ExportImportFilesMetaData tables;
  tables.db_comparator_name = rocksdb::BytewiseComparator()->Name();
  for (std::size_t i = 0; i + 1 < plan_.files.size(); ++i) {
    const proto::SnapshotManifest::Table& from = manifest.tables(static_cast<int>(i));
    rocksdb::LiveFileMetaData table;
    table.db_path = dir_->path();
    table.name = FileName(i);
    table.size = plan_.files[i].bytes;
    table.level = static_cast<int>(from.level());
    table.smallest_seqno = from.smallest_sequence();
    table.largest_seqno = from.largest_sequence();
    table.smallestkey = from.smallest_key();
    table.largestkey = from.largest_key();
    tables.files.push_back(std::move(table));
  }
  return tables;
}

}  // namespace ringfort::rocks

#include "server/store_presence.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <string_view>
#include <utility>

#include "wal/format.h"
#include "wal/synced_note.h"

namespace ringfort::server {
namespace {

namespace fs = std::filesystem;

/// Without any of these there never was a store, or all of it is gone.
bool BelongsToStore(StoreKind kind, std::string_view name) {
  if (kind == StoreKind::kLog) {
    return name.starts_with(wal::kSegmentPrefix) || name == wal::kSyncedNoteName;
  }
  return name == "CURRENT" || name.starts_with("MANIFEST-") || name.ends_with(".sst");
}

Status CannotLook(const std::string& path, const std::error_code& error) {
  return {Code::kIoError, "cannot look into " + path + ": " + error.message() +
                              " (let this user read it; look at its disk)"};
}

}  // namespace

Result<std::string> WhyAbsent(const std::string& path, StoreKind kind) {
  std::error_code error;
  const fs::file_status own = fs::symlink_status(path, error);
  if (own.type() == fs::file_type::not_found) return std::string("is not there");
  if (error) return CannotLook(path, error);
  const fs::file_status target = fs::status(path, error);
  if (own.type() == fs::file_type::symlink && target.type() == fs::file_type::not_found) {
    return "is a link to " + fs::read_symlink(path, error).string() + ", where nothing is";
  }
  if (target.type() != fs::file_type::directory) {
    if (error) return CannotLook(path, error);
    return std::string("is no directory");
  }
  bool empty = true;
  fs::directory_iterator entry(path, error);
  for (; !error && entry != fs::directory_iterator(); entry.increment(error)) {
    if (BelongsToStore(kind, entry->path().filename().string())) return std::string();
    empty = empty && entry->path().filename() == "lost+found";
  }
  if (error) return CannotLook(path, error);
  if (empty) return std::string("is empty");
  return std::string("holds other files, and no ") + (kind == StoreKind::kLog ? "log" : "data");
}

Status CheckStoresPresent(const DataDir& dir) {
  if (!dir.has_stores()) return Status::Ok();
  std::string absent;
  for (const auto& [path, kind] :
       {std::pair(dir.log_dir(), StoreKind::kLog), std::pair(dir.data_dir(), StoreKind::kData)}) {
    const Result<std::string> why = WhyAbsent(path, kind);
    if (!why.ok()) return why.status();
    if (!why->empty()) absent += (absent.empty() ? "" : ", and ") + path + " " + *why;
  }
  if (absent.empty()) return Status::Ok();
  return {
      Code::kUnavailable,
      absent + ", though this node has stored there before; nothing was changed (" +
          (dir.has_peers()
               ? "mount the disk that is missing, or bring the directory back, and start again; "
                 "if it is lost for good, start once with --start_empty: the node then gives its "
                 "copies up, what is left stays beside, and the other nodes fill it again)"
               : "no other node has a copy: mount the disk that is missing, or bring the "
                 "directory back, and start again)")};
}

}  // namespace ringfort::server

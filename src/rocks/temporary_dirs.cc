// Directories for the files of snapshots that come and go.
#include "rocks/temporary_dirs.h"

#include <filesystem>
#include <system_error>
#include <utility>

#include "base/check.h"

namespace ringfort::rocks {

TemporaryDir::TemporaryDir(TemporaryDirs* owner, std::string path)
    : owner_(owner), path_(std::move(path)) {
  ++owner_->in_use_;
}

TemporaryDir::~TemporaryDir() {
  std::error_code ignored;  // What stays is removed at the next start.
  std::filesystem::remove_all(path_, ignored);
  // Where RocksDB gathers an export before it is whole.
  std::filesystem::remove_all(path_ + ".tmp", ignored);
  --owner_->in_use_;
}

TemporaryDirs::~TemporaryDirs() {
  RF_CHECK(in_use_ == 0) << in_use_ << " snapshots or imports outlive the store in " << root_;
}

Status TemporaryDirs::Clean() {
  std::error_code error;
  std::filesystem::remove_all(root_, error);
  if (!error) std::filesystem::create_directory(root_, error);
  if (!error) return {};
  return {Code::kIoError, "cannot empty the directory " + root_ + ": " + error.message() +
                              " (let this user write there)"};
}

std::unique_ptr<TemporaryDir> TemporaryDirs::Next() {
  return std::make_unique<TemporaryDir>(this, root_ + "/" + std::to_string(++last_));
}

}  // namespace ringfort::rocks

#include "rocks/damage_marks.h"

#include <memory>

#include <rocksdb/env.h>

#include "rocks/rocks_status.h"

namespace ringfort::rocks {

std::string DamageMarks::PathOf(const std::string& family) const {
  return dir_ + "/damaged-" + family;
}

// Where the mark cannot be written, the node stops all the same, and will again.
void DamageMarks::OnCompactionCompleted(rocksdb::DB* /*db*/,
                                        const rocksdb::CompactionJobInfo& info) {
  if (info.status.IsCorruption()) Add(info.cf_name, info.status.ToString());
}

bool DamageMarks::Add(const std::string& family, const std::string& why) const {
  rocksdb::Env* const env = rocksdb::Env::Default();
  std::unique_ptr<rocksdb::Directory> dir;
  return rocksdb::WriteStringToFile(env, why, PathOf(family), /*should_sync=*/true).ok() &&
         env->NewDirectory(dir_, &dir).ok() && dir->Fsync().ok();
}

Status DamageMarks::Of(const std::string& family) const {
  std::string error;
  const rocksdb::Status read =
      rocksdb::ReadFileToString(rocksdb::Env::Default(), PathOf(family), &error);
  if (read.IsNotFound() || read.IsPathNotFound()) return {};
  return ReadStatus(rocksdb::Status::Corruption(error), "compact the files of " + family);
}

void DamageMarks::Remove(const std::string& family) const {
  rocksdb::Env::Default()->DeleteFile(PathOf(family)).PermitUncheckedError();
}

}  // namespace ringfort::rocks

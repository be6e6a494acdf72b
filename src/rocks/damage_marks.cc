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
  if (!info.status.IsCorruption()) return;
  rocksdb::Env* const env = rocksdb::Env::Default();
  rocksdb::WriteStringToFile(env, info.status.ToString(), PathOf(info.cf_name),
                             /*should_sync=*/true)
      .PermitUncheckedError();
  std::unique_ptr<rocksdb::Directory> dir;
  if (env->NewDirectory(dir_, &dir).ok()) dir->Fsync().PermitUncheckedError();
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

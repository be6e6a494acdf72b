#include "rocks/no_options_files.h"

#include <filesystem>

namespace ringfort::rocks {

rocksdb::IOStatus NoOptionsFiles::NewWritableFile(const std::string& path,
                                                  const rocksdb::FileOptions& options,
                                                  std::unique_ptr<rocksdb::FSWritableFile>* file,
                                                  rocksdb::IODebugContext* context) {
  if (std::filesystem::path(path).filename().string().starts_with("OPTIONS-")) {
    return rocksdb::IOStatus::NotSupported("Ringfort keeps no options file");
  }
  return target()->NewWritableFile(path, options, file, context);
}

}  // namespace ringfort::rocks

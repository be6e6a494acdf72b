// A file system that makes links into one directory durable at once.
#include "rocks/durable_links.h"

#include <filesystem>

namespace ringfort::rocks {

rocksdb::IOStatus DurableLinks::LinkFile(const std::string& from, const std::string& to,
                                         const rocksdb::IOOptions& options,
                                         rocksdb::IODebugContext* context) {
  rocksdb::IOStatus status = target()->LinkFile(from, to, options, context);
  if (!status.ok() || std::filesystem::path(to).parent_path() != dir_) return status;
  std::unique_ptr<rocksdb::FSDirectory> directory;
  status = target()->NewDirectory(dir_, options, &directory, context);
  return status.ok() ? directory->Fsync(options, context) : status;
}

}  // namespace ringfort::rocks

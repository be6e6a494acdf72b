// A file system on which a directory that is open is opened once.
#include "rocks/shared_directories.h"

#include <utility>

namespace ringfort::rocks {
namespace {

class Share final : public rocksdb::FSDirectory {
 public:
  explicit Share(std::shared_ptr<rocksdb::FSDirectory> directory)
      : directory_(std::move(directory)) {}

  rocksdb::IOStatus Fsync(const rocksdb::IOOptions& options,
                          rocksdb::IODebugContext* context) override {
    return directory_->Fsync(options, context);
  }
  rocksdb::IOStatus FsyncWithDirOptions(const rocksdb::IOOptions& options,
                                        rocksdb::IODebugContext* context,
                                        const rocksdb::DirFsyncOptions& how) override {
    return directory_->FsyncWithDirOptions(options, context, how);
  }
  /// The last one that goes closes it.
  rocksdb::IOStatus Close(const rocksdb::IOOptions& /*options*/,
                          rocksdb::IODebugContext* /*context*/) override {
    return rocksdb::IOStatus::OK();
  }
  [[nodiscard]] std::size_t GetUniqueId(char* id, std::size_t max_size) const override {
    return directory_->GetUniqueId(id, max_size);
  }

 private:
  const std::shared_ptr<rocksdb::FSDirectory> directory_;
};

}  // namespace

rocksdb::IOStatus SharedDirectories::NewDirectory(const std::string& path,
                                                  const rocksdb::IOOptions& options,
                                                  std::unique_ptr<rocksdb::FSDirectory>* directory,
                                                  rocksdb::IODebugContext* context) {
  const std::lock_guard lock(mutex_);
  std::shared_ptr<rocksdb::FSDirectory> shared = open_[path].lock();
  if (shared == nullptr) {
    std::unique_ptr<rocksdb::FSDirectory> opened;
    const rocksdb::IOStatus status = target()->NewDirectory(path, options, &opened, context);
    if (!status.ok()) return status;
    shared = std::move(opened);
    std::erase_if(open_, [](const auto& one) { return one.second.expired(); });
    open_[path] = shared;
  }
  *directory = std::make_unique<Share>(std::move(shared));
  return rocksdb::IOStatus::OK();
}

}  // namespace ringfort::rocks

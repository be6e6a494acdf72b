#include "tools/ctl/output_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <utility>

#include "base/descriptors.h"

namespace ringfort::ctl {
namespace {

constexpr mode_t kModeBits = 07777;
/// What earlier exports left that were killed stays: it may be somebody's.
constexpr int kNamesMax = 100;

/// Where a link leads, if it leads anywhere; else the path.
std::string Behind(const std::string& path) {
  const std::unique_ptr<char, decltype(&std::free)> real(::realpath(path.c_str(), nullptr),
                                                         &std::free);
  return real != nullptr ? std::string(real.get()) : path;
}

}  // namespace

Result<OutputFile> OutputFile::Open(const std::string& path) {
  OutputFile output(STDOUT_FILENO, path);
  if (output.is_standard_output()) return output;
  output.file_ = -1;
  struct stat there {};
  struct stat link {};
  const bool is_there = ::stat(path.c_str(), &there) == 0;
  // A link that leads nowhere: what it names is made.
  const bool dangles = !is_there && ::lstat(path.c_str(), &link) == 0 && S_ISLNK(link.st_mode);
  Status status;
  if (dangles || (is_there && !S_ISREG(there.st_mode))) {
    status = output.OpenInPlace();
  } else {
    output.path_ = Behind(path);
    status = output.OpenBeside(is_there ? std::optional(there) : std::nullopt);
  }
  if (!status.ok()) return status;
  return output;
}

Status OutputFile::OpenInPlace() {
  // A pipe that nobody reads would be waited for without a word.
  file_ = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0666);
  if (file_ >= 0) return Status::Ok();
  if (errno != ENXIO) return Error("cannot be opened", errno);
  return {Code::kIoError, path_ + " is a pipe that nobody reads (start its reader first)"};
}

Status OutputFile::OpenBeside(const std::optional<struct stat>& before) {
  for (int i = 1; i <= kNamesMax && file_ < 0; ++i) {
    partial_path_ = path_ + ".partial" + (i == 1 ? "" : "-" + std::to_string(i));
    file_ = ::open(partial_path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
                   before ? before->st_mode & kModeBits : 0666);
    if (file_ < 0 && errno != EEXIST) break;
  }
  if (file_ < 0) return Error("cannot be made", errno);
  if (!before) return Status::Ok();
  // Only root may give a file away. With another owner the old mode could let others read it.
  const bool same_owner = ::fchown(file_, before->st_uid, before->st_gid) == 0;
  const mode_t mode = before->st_mode & kModeBits & (same_owner ? kModeBits : mode_t{0700});
  return ::fchmod(file_, mode) == 0 ? Status::Ok() : Error("cannot get its mode", errno);
}

OutputFile::OutputFile(OutputFile&& other) noexcept
    : file_(std::exchange(other.file_, -1)),
      path_(std::move(other.path_)),
      partial_path_(std::move(other.partial_path_)) {}

OutputFile::~OutputFile() {
  if (file_ < 0 || is_standard_output()) return;
  ::close(file_);
  if (!partial_path_.empty()) ::unlink(partial_path_.c_str());
}

Status OutputFile::Error(std::string_view doing, int error) const {
  const std::string name = is_standard_output() ? "standard output" : written_path();
  return {Code::kIoError, name + " " + std::string(doing) + ": " + std::strerror(error) +
                              " (give a place with room that may be written to)"};
}

Status OutputFile::Write(std::string_view bytes) {
  return WriteAll(file_, bytes) ? Status::Ok() : Error("cannot be written", errno);
}

Status OutputFile::Finish() {
  if (is_standard_output()) return Status::Ok();
  // Some places, such as a pipe's, cannot be synced: what was written there is all there is.
  if (::fsync(file_) != 0 && errno != EINVAL && errno != EROFS) {
    return Error("cannot be synced", errno);
  }
  if (!partial_path_.empty() && ::rename(partial_path_.c_str(), path_.c_str()) != 0) {
    return Error("cannot be renamed", errno);
  }
  ::close(std::exchange(file_, -1));
  return Status::Ok();
}

}  // namespace ringfort::ctl

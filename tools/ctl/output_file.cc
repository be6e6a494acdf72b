#include "tools/ctl/output_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>

namespace ringfort::ctl {

Result<OutputFile> OutputFile::Open(const std::string& path) {
  OutputFile output(STDOUT_FILENO, path);
  if (output.is_standard_output()) return output;
  output.file_ =
      ::open(output.partial_path().c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (output.file_ < 0) return output.Error("cannot be made", errno);
  return output;
}

OutputFile::OutputFile(OutputFile&& other) noexcept
    : file_(std::exchange(other.file_, -1)), path_(std::move(other.path_)) {}

OutputFile::~OutputFile() {
  if (file_ < 0 || is_standard_output()) return;
  ::close(file_);
  ::unlink(partial_path().c_str());
}

Status OutputFile::Error(std::string_view doing, int error) const {
  const std::string name = is_standard_output() ? "standard output" : partial_path();
  return {Code::kIoError, name + " " + std::string(doing) + ": " + std::strerror(error) +
                              " (give a place with room that may be written to)"};
}

Status OutputFile::Write(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(file_, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return Error("cannot be written", errno);
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return Status::Ok();
}

Status OutputFile::Finish() {
  if (is_standard_output()) return Status::Ok();
  // Some places, such as a pipe's, cannot be synced: what was written there is all there is.
  if (::fsync(file_) != 0 && errno != EINVAL) return Error("cannot be synced", errno);
  if (::rename(partial_path().c_str(), path_.c_str()) != 0)
    return Error("cannot be renamed", errno);
  ::close(std::exchange(file_, -1));
  return Status::Ok();
}

}  // namespace ringfort::ctl

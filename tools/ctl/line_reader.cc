#include "tools/ctl/line_reader.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "base/descriptors.h"

namespace ringfort::ctl {
namespace {

constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
constexpr std::size_t kReadBytes = std::size_t{256} << 10;

Status ReadError(const std::string& path, int error) {
  return {Code::kIoError, (path == "-" ? "standard input" : path) + ": " + std::strerror(error) +
                              " (name a file that can be read, or - for standard input)"};
}

Result<int> OpenToRead(const std::string& path) {
  if (path == "-") return STDIN_FILENO;
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return ReadError(path, errno);
  return file;
}

/// Appends what one read gives; 0 at the end.
Result<std::size_t> ReadSome(int file, const std::string& path, std::string* buffer) {
  const std::size_t old = buffer->size();
  buffer->resize(old + kReadBytes);
  ssize_t got = 0;
  do {
    got = ::read(file, buffer->data() + old, kReadBytes);
  } while (got < 0 && MayTryAgain(file, Direction::kRead));
  const int error = errno;
  buffer->resize(old + static_cast<std::size_t>(got < 0 ? 0 : got));
  if (got < 0) return ReadError(path, error);
  return static_cast<std::size_t>(got);
}

}  // namespace

Result<LineReader> LineReader::Open(const std::string& path, std::size_t line_bytes_max) {
  Result<int> file = OpenToRead(path);
  if (!file.ok()) return file.status();
  LineReader reader(*file, path, line_bytes_max);
  struct stat facts {};
  if (::fstat(*file, &facts) == 0 && S_ISREG(facts.st_mode)) {
    reader.total_bytes_ = static_cast<std::uint64_t>(facts.st_size);
  }
  return reader;
}

LineReader::LineReader(LineReader&& other) noexcept
    : file_(std::exchange(other.file_, -1)),
      path_(std::move(other.path_)),
      line_bytes_max_(other.line_bytes_max_),
      total_bytes_(other.total_bytes_),
      consumed_bytes_(other.consumed_bytes_),
      line_number_(other.line_number_),
      returns_(other.returns_),
      buffer_(std::move(other.buffer_)),
      begin_(other.begin_) {}

LineReader::~LineReader() {
  if (file_ >= 0 && file_ != STDIN_FILENO) ::close(file_);
}

Result<bool> LineReader::Fill() {
  buffer_.erase(0, begin_);
  begin_ = 0;
  Result<std::size_t> got = ReadSome(file_, path_, &buffer_);
  if (!got.ok()) return got.status();
  return *got > 0;
}

Result<std::optional<LineReader::Line>> LineReader::Next() {
  bool too_long = false;
  std::size_t looked_at = begin_;
  while (true) {
    const std::size_t feed = buffer_.find('\n', looked_at);
    const bool found = feed != std::string::npos;
    const std::size_t length = (found ? feed : buffer_.size()) - begin_;
    if (length > line_bytes_max_) too_long = true;
    if (found) {
      const std::string_view text = std::string_view(buffer_).substr(begin_, length);
      consumed_bytes_ += length + 1;
      begin_ = feed + 1;
      return std::optional(LineOf(text, too_long));
    }
    if (too_long) {
      // Nothing of it is needed any more.
      consumed_bytes_ += length;
      begin_ = buffer_.size();
    }
    looked_at = buffer_.size() - begin_;
    Result<bool> more = Fill();
    if (!more.ok()) return more.status();
    if (*more) continue;
    if (buffer_.empty() && !too_long) return std::optional<Line>();
    consumed_bytes_ += buffer_.size();
    begin_ = buffer_.size();
    return std::optional(LineOf(buffer_, too_long));
  }
}

LineReader::Line LineReader::LineOf(std::string_view text, bool too_long) {
  ++line_number_;
  if (too_long) return {line_number_, {}, true};
  // As editors of other systems leave it.
  if (line_number_ == 1) {
    if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
    returns_ = text.ends_with('\r');
  }
  if (returns_ && text.ends_with('\r')) text.remove_suffix(1);
  return {line_number_, text, false};
}

Result<std::string> ReadWhole(const std::string& path, std::size_t bytes_max) {
  Result<int> file = OpenToRead(path);
  if (!file.ok()) return file.status();
  std::string bytes;
  Result<std::size_t> got = std::size_t{0};
  do {
    got = ReadSome(*file, path, &bytes);
  } while (got.ok() && *got > 0 && bytes.size() <= bytes_max);
  if (*file != STDIN_FILENO) ::close(*file);
  if (!got.ok()) return got.status();
  if (bytes.size() > bytes_max) {
    return Status(Code::kTooLarge, (path == "-" ? "standard input" : path) + " has more than " +
                                       std::to_string(bytes_max) + " bytes (split the value)");
  }
  return bytes;
}

}  // namespace ringfort::ctl

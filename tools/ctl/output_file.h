// Where an export goes: standard output, or a file that appears under its name only when it is
// whole.
#pragma once

#include <sys/stat.h>

#include <optional>
#include <string>
#include <string_view>

#include "ringfort/status.h"

namespace ringfort::ctl {

/// Writes a new file beside PATH; Finish syncs it and gives it the name, and what the file that was
/// there had of owner and mode. Without Finish it is deleted, and what was there stays. Behind a
/// link, the file that it leads to. A device, a pipe or a socket is written to as it is.
class OutputFile {
 public:
  /// "-" is standard output.
  static Result<OutputFile> Open(const std::string& path);

  OutputFile(OutputFile&& other) noexcept;
  OutputFile& operator=(OutputFile&&) = delete;
  ~OutputFile();

  Status Write(std::string_view bytes);
  Status Finish();

 private:
  OutputFile(int file, std::string path) : file_(file), path_(std::move(path)) {}

  Status OpenInPlace();
  /// `before`: the file that is there, if one is.
  Status OpenBeside(const std::optional<struct stat>& before);
  [[nodiscard]] bool is_standard_output() const { return path_ == "-"; }
  [[nodiscard]] const std::string& written_path() const {
    return partial_path_.empty() ? path_ : partial_path_;
  }
  [[nodiscard]] Status Error(std::string_view doing, int error) const;

  int file_;
  std::string path_;
  /// Where the lines go until they are all there; empty: to the path itself.
  std::string partial_path_;
};

}  // namespace ringfort::ctl

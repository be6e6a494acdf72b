// Where an export goes: standard output, or a file that appears under its name only when it is
// whole.
#pragma once

#include <string>
#include <string_view>

#include "ringfort/status.h"

namespace ringfort::ctl {

/// Writes PATH.partial; Finish syncs it and gives it its name. Without Finish it is deleted.
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

  [[nodiscard]] bool is_standard_output() const { return path_ == "-"; }
  [[nodiscard]] std::string partial_path() const { return path_ + ".partial"; }
  [[nodiscard]] Status Error(std::string_view doing, int error) const;

  int file_;
  std::string path_;
};

}  // namespace ringfort::ctl
